"""The check `short_answer`: a few words, compared after normalising what does not change their meaning."""

import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar, Self

from pydantic import Field, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, Texts, worded
from pytest_polecat.grading.checks.text import fold, is_mark, plain, quote, words
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.grading.choices import supposed
from pytest_polecat.grading.claims import ANNOUNCED, BOXED, denied, few, is_borrowed

LONGEST = 300
"""Characters of a short answer at most."""

_SHORT = 12
"""Words of a reply without a marked answer that is taken for one as a whole."""

_LABEL = re.compile(
    rf"^(?P<lead>[^\w\n]{{0,20}}(?:\d{{1,3}}[.)]\s)?[^\w\n]{{0,8}}(?:final\s|short\s|correct\s){{0,2}})"
    rf"answer\b[*_]{{0,3}}(?:{ANNOUNCED}|[^\S\n]*+\n)|<answer>",
    re.IGNORECASE | re.MULTILINE,
)
_SAID = re.compile(rf"(?:\bthe\s)?\banswer\b{ANNOUNCED}", re.IGNORECASE)
_BOX = re.compile(rf"{BOXED}(?P<inside>(?:[^{{}}\n]|\{{[^{{}}\n]{{0,80}}\}}){{1,200}})\}}")
_SENTENCE_END = re.compile(r"(?<=[\w)\"'”’*_`$}])[.!?](?=[*_`\"'”’)]{0,4}(?:\s|\Z))")

_LATEX = re.compile(r"\\(?:text(?:bf|it|rm|sf)?|mathrm|mathbf|boxed|fbox)\s?\{([^{}]{0,200})\}")
_ARROW = re.compile(r"-{1,2}>|=>|→|⟶|➜")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_TOKEN = re.compile(r"(?<![^\W_])[-−+]?\d+(?:[.:/]\d+)*|[^\W_]+(?:['’][^\W_]+)*(?:\+\+|\#)?|[^\w\s]", re.UNICODE)
_KEPT = "%&@/\\§†‰°"
_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_CONJUNCTIONS = frozenset(("or", "and", "either", "maybe"))
_AROUND = " \t\n*_`#>:=\"'“"
_OR = re.compile(r"[\s(](?:and/)?or\s|[/;|]", re.IGNORECASE)


@dataclass(frozen=True)
class _Answer:
    """An answer that is marked as such: where its mark starts, where it begins itself, and where it ends."""

    text: str
    start: int
    begin: int
    end: int


class ShortAnswer(Plain):
    """Texts one of which the answer must be, apart from case, outer articles, punctuation, markdown and white space.

    The answer is what stands after the last `Answer:`, in the last box, or the whole reply if that is short.
    """

    short: ClassVar[str | None] = "any"

    any: Texts = Field(description="the answers any of which will do")
    number_words: bool = Field(default=False, description="`seven` is `7`, up to `ninety-nine`")
    ignore_diacritics: bool = Field(default=False, description="`Malmo` is `Malmö`")

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if not self.any:
            raise ValueError("give at least one answer")
        for answer in self.any:
            if not self.normalised(answer):
                raise ValueError(f"nothing is left of the answer {answer!r} without its punctuation; use `exact`")
        return self

    def normalised(self, answer: str) -> tuple[str, ...]:
        """The tokens by which answers are compared."""
        return normalised(answer, number_words=self.number_words, ignore_diacritics=self.ignore_diacritics)


def short_answer(content: str, expected: ShortAnswer) -> CheckResult:
    """Read the answer and compare it."""
    try:
        found = stated_answer(content)
        if found is None and (len(content.strip()) > LONGEST or len(words(content)) > _SHORT):
            raise Missed("Expected an answer, found none that is marked as such.", "extraction_failed")
    except Missed as missed:
        return missed_result(missed)
    found = content.strip() if found is None else found
    accepted = {expected.normalised(answer) for answer in expected.any}
    readings = [expected.normalised(reading) for reading in _readings(found)]
    if accepted.intersection(readings):
        return worded(True, f"Found the answer {quote(found)}.")
    offered = [expected.normalised(part) for part in _OR.split(found)]
    if len(offered) > 1 and accepted.intersection(offered):
        return missed_result(Missed(f"Expected one answer, found several: {quote(found)}.", "extraction_failed"))
    shown = " or ".join(map(quote, expected.any[:3])) + (" or others" if len(expected.any) > 3 else "")
    return worded(False, f"Expected {shown}, found {quote(found)}.")


def stated_answer(content: str) -> str | None:
    r"""The answer that a reply marks as such, without markdown around it; None if it marks none.

    The last line that begins with `Answer:` counts, the last `\boxed{…}` alike; without any, the last `the answer is
    …`. `Missed` (`extraction_failed`) if two different ones follow each other with nothing between, or a later
    sentence names another.
    """
    content = plain(content)
    marked = [_answer(content, match.start(), match.end()) for match in few(_LABEL, content)]
    marked += [_Answer(match["inside"], match.start(), match.start(), match.end()) for match in few(_BOX, content)]
    said = [
        _answer(content, match.start(), match.end())
        for match in few(_SAID, content)
        if not denied(content, match.start()) and not supposed(content, match.start())
    ]
    given = [each for each in sorted(marked, key=lambda each: each.start) if each.text] or said
    if not given:
        return None
    last = given[-1]
    rivals = [
        each
        for each in given[:-1]
        if _nothing_said(content[each.end : last.start]) and not is_borrowed(content, each.start, each.begin)
    ]
    rivals += [each for each in said if each.start > last.begin]
    rival = next((each for each in rivals if _differ(each.text, last.text)), None)
    if rival is not None:
        raise Missed(f"Expected one answer, found {quote(last.text)} and {quote(rival.text)}.", "extraction_failed")
    return last.text


def normalised(answer: str, *, number_words: bool = False, ignore_diacritics: bool = False) -> tuple[str, ...]:
    """The tokens of an answer: folded, without markdown, punctuation, `the`, and a leading `a` or `an`.

    Signs, decimal points, times and fractions stay with their digits; symbols such as `%`, `+`, `/` are tokens.
    """
    answer = fold(_LATEX.sub(r"\1", _unwrapped(answer)))
    answer = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), _ARROW.sub(" ", answer))
    if ignore_diacritics:
        answer = "".join(mark for mark in unicodedata.normalize("NFKD", answer) if not is_mark(mark))
    found = [piece.replace("−", "-") for piece in _TOKEN.findall(answer) if _counts(piece)]
    articles = ("a", "an", "the")
    kept = [piece for at, piece in enumerate(found) if piece not in articles[2 if at else 0 :]] or found
    return tuple(_in_digits(kept) if number_words else kept)


def _answer(content: str, start: int, at: int) -> _Answer:
    """What stands behind a mark that ends at `at`: the rest of its line, or the next line if nothing is left."""
    rest = content[at : at + 4 * LONGEST]
    begin = len(rest) - len(rest.lstrip(_AROUND))
    if again := _SAID.match(rest, begin):
        begin = again.end()
    line = rest[begin:].lstrip(_AROUND).partition("\n")[0]
    box = _BOX.search(line)
    text = box["inside"] if box else line.partition("</answer>")[0]
    return _Answer(text.strip(" \t*_`")[:LONGEST], start, at + begin, at + rest.index(line, begin) + len(line))


def _readings(answer: str) -> list[str]:
    """The answer as a whole, and its first sentence."""
    end = _SENTENCE_END.search(answer)
    return [answer, answer[: end.start()]] if end else [answer]


def _differ(one: str, other: str) -> bool:
    """Whether neither of two answers begins with the first sentence of the other."""
    starts = [normalised(_readings(each)[-1]) for each in (one, other)]
    shorter = min(map(len, starts))
    return starts[0][:shorter] != starts[1][:shorter]


def _nothing_said(between: str) -> bool:
    return len(between) <= LONGEST and _CONJUNCTIONS.issuperset(map(str.casefold, words(between)))


def _unwrapped(answer: str) -> str:
    answer = answer.strip()
    inside = answer.strip("*_` .")
    if len(inside) > 2 and inside.startswith("$") and inside.endswith("$"):
        return inside[1:-1]
    return answer.strip("*_`~ ")


def _counts(piece: str) -> bool:
    """Whether it is more than punctuation, markdown or an emoji."""
    kept = len(piece) > 1 or piece.isalnum() or piece in _KEPT
    return kept or unicodedata.category(piece) in ("Sc", "Sm")


def _in_digits(pieces: list[str]) -> list[str]:
    """The pieces with the number words up to ninety-nine in digits."""
    found: list[str] = []
    tens = 0
    for piece in pieces:
        value = _NUMBERS.get(piece, _TENS.get(piece))
        if value is None:
            found.append(piece)
        elif tens and 0 < value < 10:
            found[-1] = str(tens + value)
        else:
            found.append(str(value))
        tens = _TENS.get(piece, 0)
    return found
