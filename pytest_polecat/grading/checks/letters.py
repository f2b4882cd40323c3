"""Checks of letters, their order and what stands between them: case, alphabetical, punctuation."""

import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from itertools import filterfalse
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from pytest_polecat.grading.checks import text
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, formatted
from pytest_polecat.grading.checks.sentences import sentences
from pytest_polecat.grading.checks.text import quote

Characters = Annotated[str, StringConstraints(min_length=1)]

_MINOR_WORDS = {
    "a", "an", "the", "and", "but", "or", "nor", "for", "so", "yet", "as", "at", "by", "from", "in", "into",
    "of", "off", "on", "onto", "out", "over", "per", "to", "up", "via", "vs", "with",
}  # fmt: skip
_TITLE_WORD = re.compile(r"(?:Aa*+(?:Aa++)*+|A{2,5})?")
_APOSTROPHE = re.compile("(?<=[^\\W_])'(?=[^\\W_])")
_BETWEEN_WORDS = re.compile(r"[\s‐‑-]++")
_BREAK = re.compile(" ?\x00[\x00 ]*+")
_TRAILING_SIGNS = string.punctuation + string.whitespace + "…”’»"
_LEADING_SIGNS = re.compile(r"^(?:[^\w\n]|_)++(?=.)", re.MULTILINE)


class Case(Plain):
    """How all cased letters are written. At least one must exist."""

    short: ClassVar[str | None] = "style"

    style: Literal["lower", "upper", "title", "sentence"] = Field(
        description="`lower`, `upper`; `title`: every word starts with a capital and goes on in small letters, but "
        "for minor words (`of`, `the`) inside a line, acronyms, and names such as McDonald; `sentence`: every sentence "
        "starts with a capital and its words are not all capitalised"
    )


class Alphabetical(Plain):
    """Sorted without regard to case, and to accents where that helps; equal neighbours are in order. Any one of the
    usual orders will do, throughout: sign by sign, word by word (`Date: …`, `Date of birth: …`), or letter by letter
    (`Newark`, `New York`).
    """

    short: ClassVar[str | None] = "of"

    of: Literal["lines", "items", "words"] = Field(description="what is sorted; at least two are needed")
    descending: bool = False


class Punctuation(Plain):
    """Punctuation characters (Unicode's category P) that may, must or must not occur. Short form: `none`."""

    forbid: Characters | None = Field(default=None, description="none of these characters may occur")
    allow: str | None = Field(default=None, description="of all punctuation, only these characters may occur")
    require: Characters | None = Field(default=None, description="each of these characters must occur")

    @model_validator(mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        if value == "none":
            return {"allow": ""}
        if not isinstance(value, dict):
            raise ValueError("write `none`, or `forbid`, `allow` or `require` with characters")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.forbid is None and self.allow is None and self.require is None:
            raise ValueError("give `none`, or `forbid`, `allow` or `require` with characters")
        for character in self.require or "":
            closed = self.allow is not None and _is_punctuation(character) and character not in self.allow
            if closed or character in (self.forbid or ""):
                raise ValueError(f"{character!r} is both required and forbidden")
        return self


def case(content: str, expected: Case) -> CheckResult:
    """Look at the case of all letters."""
    content = text.plain(content)
    if content.lower() == content.upper():
        return formatted(False, f"Expected letters in {expected.style} case, found none that have a case.")
    wrong = _CASES[expected.style](content)
    if wrong is not None:
        return formatted(False, f"Expected {expected.style} case, found {quote(wrong)}.")
    return formatted(True, f"All letters are in {expected.style} case.")


def alphabetical(content: str, expected: Alphabetical) -> CheckResult:
    """Look at the order of lines, items or words."""
    pieces = {"lines": text.lines, "words": text.words, "items": _item_texts}[expected.of](content)
    if len(pieces) < 2:
        return formatted(False, f"Expected at least 2 {expected.of} to be sorted, found {len(pieces)}.")
    folded = _LEADING_SIGNS.sub("", text.fold("\n".join(pieces)))
    accentless = "".join(filterfalse(text.is_mark, unicodedata.normalize("NFD", folded)))
    wrong = [
        _out_of_order(pieces, list(map(key, each.split("\n"))), expected.descending)
        for each in (folded, accentless)
        for key in (_by_signs, _by_words, _by_letters)
    ]
    order = "reverse alphabetical" if expected.descending else "alphabetical"
    if None in wrong or wrong[0] is None:
        return formatted(True, f"The {len(pieces)} {expected.of} are in {order} order.")
    first, second = wrong[0]
    return formatted(
        False, f"Expected {expected.of} in {order} order, found {quote(second, 40)} after {quote(first, 40)}."
    )


def punctuation(content: str, expected: Punctuation) -> CheckResult:
    """Look for characters that must, may or must not occur."""
    found = set(content)
    forbidden = found & set(expected.forbid or "")
    if expected.allow is not None:
        forbidden |= {character for character in found - set(expected.allow) if _is_punctuation(character)}
    if forbidden:
        return formatted(False, f"Found the forbidden {quote(content[min(map(content.index, forbidden))])}.")
    missing = [character for character in expected.require or "" if character not in found]
    if missing:
        return formatted(False, f"Did not find the required {quote(missing[0])}.")
    return formatted(True, "The punctuation is as expected.")


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def _item_texts(content: str) -> list[str]:
    return [item.text for item in text.items(content).items]


def _by_signs(line: str) -> str:
    return line.rstrip(_TRAILING_SIGNS)


def _by_words(line: str) -> str:
    """A key by which punctuation ends a heading: what is shorter comes first, as in an index."""
    spaced = _BETWEEN_WORDS.sub(" ", _APOSTROPHE.sub("", _by_signs(line)))
    return _BREAK.sub("\x00", "".join(each if each == " " or _in_word(each) else "\x00" for each in spaced))


def _by_letters(line: str) -> str:
    return "".join(filter(_in_word, line))


def _in_word(character: str) -> bool:
    return character.isalnum() or text.is_mark(character)


def _out_of_order(pieces: list[str], keys: list[str], descending: bool) -> tuple[str, str] | None:
    """The first two neighbours in the wrong order, by the key of each."""
    for at in range(len(keys) - 1):
        low, high = (keys[at + 1], keys[at]) if descending else (keys[at], keys[at + 1])
        if low > high:
            return pieces[at], pieces[at + 1]
    return None


def _not_lower(content: str) -> str | None:
    return None if content.islower() else _word_with(content, lambda each: each != each.lower())


def _not_upper(content: str) -> str | None:
    return None if content.isupper() else _word_with(content, lambda each: each.islower())


def _not_title(content: str) -> str | None:
    """The first word that is not in title case. Every line is a title."""
    titles = [[word for word in text.words(line) if word.lower() != word.upper()] for line in text.lines(content)]
    if content.isupper() and any(len(word) > 1 for words in titles for word in words):
        return content
    for words in titles:
        for at, word in enumerate(words):
            inside = 0 < at < len(words) - 1
            if not (inside and word in _MINOR_WORDS) and not _is_title_word(word):
                return word
    return None


def _is_title_word(word: str) -> bool:
    first, *rest = re.split(r"[-‐‑_.'’]", word)
    rest = [part for part in rest if part.lower() != part.upper()]
    return _title_shaped(first) and all(part.islower() or _title_shaped(part) for part in rest)


def _title_shaped(part: str) -> bool:
    shape = "".join("A" if each.isupper() or each.istitle() else "a" for each in part if each.upper() != each.lower())
    return _TITLE_WORD.fullmatch(shape) is not None


def _not_sentence(content: str) -> str | None:
    """The first sentence that is not in sentence case."""
    return next((sentence for sentence in sentences(content) if not _is_sentence_case(sentence)), None)


def _is_sentence_case(sentence: str) -> bool:
    start, *_ = text.words(sentence) or [""]
    first = next((each for each in start if each.lower() != each.upper()), "A")
    words = [word for word in text.words(sentence) if word.lower() != word.upper()]
    shouted = sentence.isupper() and any(len(word) > 1 for word in words)
    titled = len(words) > 2 and all(not word[0].islower() for word in words)
    return not first.islower() and not shouted and not titled


def _word_with(content: str, wrong: Callable[[str], bool]) -> str:
    return next((word for word in _split(content) if any(map(wrong, word))), content)


def _split(content: str) -> Iterable[str]:
    return (match[0] for match in re.finditer(r"\S++", content))


_CASES: dict[str, Callable[[str], str | None]] = {
    "lower": _not_lower, "upper": _not_upper, "title": _not_title, "sentence": _not_sentence,
}  # fmt: skip
