"""Texts that a model wrote, made fit for showing: nothing invisible, nothing endless."""

import re
from dataclasses import dataclass

_UNSEEN = re.compile(
    "\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters but tab and newline, whatever changes the direction of text or has no width, and surrogates."""


def visible(text: str) -> str:
    """The text with a sign for every character that could hide, reorder or control something.

    C0 controls become their pictures (NUL is `␀`, ESC is `␛`), lone surrogates U+FFFD, the others their code point
    (`⟦U+202E⟧`). Tab and newline stay; CR LF is a newline. Joiners stay: scripts and emoji need them.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda match: _sign(match.group()), text)


def _sign(unseen: str) -> str:
    if unseen == "\r\n":
        return "\n"
    code = ord(unseen)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"⟦U+{code:04X}⟧"


@dataclass(frozen=True)
class Clipped:
    """A text, or its head and tail and the number of characters left out between them."""

    head: str
    tail: str = ""
    omitted: int = 0


def clip(text: str, limit: int) -> Clipped:
    """At most `limit` characters of a text: three quarters from its head, the rest from its tail."""
    if len(text) <= limit:
        return Clipped(text)
    head = limit * 3 // 4
    tail = limit - head
    return Clipped(text[:head], text[len(text) - tail :], len(text) - limit)


def shortened(text: str, limit: int) -> str:
    """The text itself, or its head and tail with a word on how much is missing between them."""
    clipped = clip(text, limit)
    return f"{clipped.head} [… {clipped.omitted} characters clipped …] {clipped.tail}" if clipped.omitted else text


def one_line(text: str, width: int) -> str:
    """The first line of a text, cut with an ellipsis to so many characters."""
    lines = text.strip().splitlines()
    line = visible(lines[0]) if lines else ""
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"


def size_of(count: int) -> str:
    """Bytes for a person: `18.2 GB`."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
