"""The check `f1`: how far the words of an answer are those of a reference answer."""

import re
import unicodedata
from collections import Counter
from typing import ClassVar, Self

from pydantic import Field, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, Texts, worded
from pytest_polecat.grading.checks.short_answer import stated_answer
from pytest_polecat.grading.checks.text import plain, quote
from pytest_polecat.grading.checks.values import missed_result

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


class F1(Plain):
    """Reference answers to one of which the answer must come close: token F1 of at least `min`.

    The answer is what the reply marks as such (see `short_answer`), else the whole reply.
    """

    short: ClassVar[str | None] = None

    any: Texts = Field(description="the reference answers; the closest counts")
    min: float = Field(gt=0, le=1, description="the least F1, above 0 and up to 1")

    @model_validator(mode="after")
    def _has_tokens(self) -> Self:
        if not self.any:
            raise ValueError("give at least one reference answer")
        for answer in self.any:
            if not tokens(answer):
                raise ValueError(f"nothing is left of {answer!r} without articles and punctuation; use `exact`")
        return self


def f1(content: str, expected: F1) -> CheckResult:
    """Compare the words of the answer."""
    try:
        answer = stated_answer(content)
    except Missed as missed:
        return missed_result(missed)
    found = tokens(content if answer is None else answer)
    best, closest = max(((token_f1(found, tokens(each)), each) for each in expected.any), key=lambda each: each[0])
    message = f"Expected an F1 of at least {expected.min:g} against {quote(closest)}, found {best:.2f}."
    return worded(best >= expected.min, message)


def token_f1(found: list[str], reference: list[str]) -> float:
    """The harmonic mean of precision and recall over tokens, each counted as often as it occurs, from 0 to 1.

    F1 of the SQuAD evaluation: Rajpurkar, Zhang, Lopyrev, Liang: SQuAD: 100,000+ Questions for Machine Comprehension
    of Text, EMNLP 2016, section 6.1, as in its script `evaluate-v1.1.py`.
    """
    shared = (Counter(found) & Counter(reference)).total()
    return 2 * shared / (len(found) + len(reference)) if shared else 0.0


def tokens(answer: str) -> list[str]:
    """The tokens of SQuAD's normalisation: lower case, without punctuation and articles, parted by white space.

    Punctuation and symbols are Unicode's here, not ASCII's alone.
    """
    kept = (each for each in plain(answer).lower() if unicodedata.category(each)[0] not in "PS")
    return _ARTICLE.sub(" ", "".join(kept)).split()
