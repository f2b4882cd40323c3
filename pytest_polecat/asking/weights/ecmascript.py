"""Regular expressions as llama.cpp reads them: C++'s `std::regex`, which is ECMAScript with POSIX classes.

A pattern is translated where Python writes the same thing otherwise, and refused where the two might disagree: what is
shown of a pattern must be what the server does with it.
"""

import re

from pytest_polecat.errors import PolecatError

_CLASS = r"\[\^?(?:\\.|\[:[a-z]+:\]|[^\]\\])*\]"
_PIECE = re.compile(rf"\\.|{_CLASS}|\(\?.?|(?:[*+?]|\{{\d+\}})[*+?]?|.", re.DOTALL)
_IN_CLASS = re.compile(r"\\.|\[:(?P<posix>[a-z]+):\]|\[[.=]|.", re.DOTALL)
_ESCAPES = "dDwWsSbBfnrtv"
_POSIX = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "blank": r" \t",
    "d": "0-9",
    "w": r"\w",
    "s": r"\s",
}


class PatternError(PolecatError):
    """A tensor pattern, or the flag that it stands in, can't be read."""


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for `search`, which does what `std::regex_search` does. Raises `PatternError`."""
    translated = "".join(_translated(pattern, found[0]) for found in _PIECE.finditer(pattern))
    try:
        return re.compile(translated, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"the tensor pattern {pattern!r} is no regular expression: {error}; correct it") from None


def _translated(pattern: str, piece: str) -> str:
    """A piece of a pattern: an escape, a whole class in square brackets, a quantifier, a character."""
    if piece.startswith("\\"):
        return _escape(pattern, piece, _ESCAPES + "123456789")
    if piece.startswith("[") and len(piece) > 1:
        return _class(pattern, piece)
    repeats_twice = len(piece) > 1 and piece[0] in "*+?{" and piece[-1] in "*+"
    foreign = piece.startswith("(?") and piece[2:] not in (":", "=", "!")
    if repeats_twice or foreign or piece in ("[", "]", "{", "}"):
        raise _unclear(pattern, piece)
    return piece


def _class(pattern: str, piece: str) -> str:
    opening = "[^" if piece.startswith("[^") else "["
    inside = piece[len(opening) : -1]
    if not inside:
        raise _unclear(pattern, piece)
    members = (_member(pattern, found[0], found["posix"]) for found in _IN_CLASS.finditer(inside))
    return opening + "".join(members) + "]"


def _member(pattern: str, piece: str, posix: str | None) -> str:
    if posix in _POSIX:
        return _POSIX[posix]
    if posix or piece in ("[.", "[="):
        raise _unclear(pattern, piece)
    if piece.startswith("\\"):
        return _escape(pattern, piece, _ESCAPES.replace("B", ""))
    # Python warns of these: they may get a meaning one day.
    return "\\" + piece if piece in ("[", "&", "|", "~") else piece


def _escape(pattern: str, piece: str, letters: str) -> str:
    """A backslash and what it stands before: anything but a letter or digit is just itself."""
    if len(piece) == 1 or (piece[1].isalnum() and piece[1] not in letters):
        raise _unclear(pattern, piece)
    return piece


def _unclear(pattern: str, piece: str) -> PatternError:
    return PatternError(
        f"the tensor pattern {pattern!r} has {piece!r}, which regular expressions read in different ways; "
        "write it more plainly"
    )
