"""What reading a number and reading a choice share: how a reply announces its answer."""

import re
from itertools import islice

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


def denied(text: str, at: int) -> bool:
    """Whether the words right before a claim that starts at `at` deny it or leave it open (`I don't think the …`)."""
    return _DENIAL.search(text[max(0, at - 50) : at]) is not None


def few(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """All matches of a kind of claim; `Missed` if there are more than any answer has."""
    found = list(islice(pattern.finditer(text), _MAX_CLAIMS + 1))
    if len(found) > _MAX_CLAIMS:
        raise Missed(f"Expected one answer, found more than {_MAX_CLAIMS}.", "extraction_failed")
    return found
