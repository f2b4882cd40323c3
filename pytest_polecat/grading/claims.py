"""What the readers of numbers, formulas, choices and short answers share: how a reply announces its answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from pytest_polecat.errors import Missed

CONNECTOR = r"(?:\b(?:is|was|equals|would\ be|should\ be|must\ be)\b|[:：=→>]|-{1,2}>|[-–—]\s)"
ANNOUNCED = rf"(?:\s{{1,3}}(?:to|for)\b[^.\n:=?!]{{0,80}}?|\s?\([^()\n]{{0,40}}\))?[*_`\"'\s]{{0,6}}{CONNECTOR}"
"""What may stand between the word "answer" and the answer: `to the question`, `(in km)`, emphasis, then `is` or `:`."""

BOXED = r"\\(?:boxed|fbox)\s?\{"

_MAX_CLAIMS = 500
_DENIAL = re.compile(
    r"(?:(?:\bnot|n['’]t|\bnever|\bcannot)\s(?:[^\W_]+\s){0,3}|\b(?:if|whether|unless)\s)(?:that\s)?(?:the\s)?[^\W_]*\s?\Z",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"(?:[^\w\n]{0,8}\d{1,2}[.)])?[^\w\n]{0,8}[^\W\d_][^\n:：=|]{0,60}[:：]")

Said = TypeVar("Said")


@dataclass(frozen=True)
class Claim(Generic[Said]):
    """What one place of a reply claims; `borrowed` if it stands on a later line that has a label of its own."""

    at: int
    said: Said
    final: bool = False
    borrowed: bool = False


def is_borrowed(text: str, claim: int, at: int) -> bool:
    """Whether a claim that begins at `claim` has its words from `at` on only from a labelled line below it.

    `Final answer:` above `Step 1: 36` may be a mere heading.
    """
    return "\n" in text[claim:at] and _LABELLED.match(text, at) is not None


def standing(claims: Sequence[Claim[Said]]) -> tuple[list[Said], list[Said]]:
    """What is claimed as the final answer, in order, and otherwise; headings above other claims are left out."""
    last = max((claim.at for claim in claims if not claim.borrowed), default=-1)
    kept = [claim for claim in sorted(claims, key=lambda claim: claim.at) if not claim.borrowed or claim.at > last]
    return [claim.said for claim in kept if claim.final], [claim.said for claim in kept if not claim.final]


def denied(text: str, at: int) -> bool:
    """Whether the words right before a claim that starts at `at` deny it or leave it open (`I don't think the …`)."""
    return _DENIAL.search(text[max(0, at - 50) : at]) is not None


def few(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """All matches of a kind of claim; `Missed` if there are more than any answer has."""
    found = list(islice(pattern.finditer(text), _MAX_CLAIMS + 1))
    if len(found) > _MAX_CLAIMS:
        raise Missed(f"Expected one answer, found more than {_MAX_CLAIMS}.", "extraction_failed")
    return found
