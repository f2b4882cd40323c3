"""Marked places: what stands behind a label on a line of its own, such as `Step 2: 36`."""

import re
from functools import lru_cache

from pytest_polecat.errors import Missed
from pytest_polecat.grading.claims import few

_STEP = re.compile(
    r"\s*+[^\w\n]{0,8}(?:[^\W\d_]{1,20}[^\S\n]{1,3}\d{1,3}|(?:final\s)?answer)[*_`|}]{0,4}\s?[:：=]", re.IGNORECASE
)


def marked(text: str, label: str) -> str:
    """The text behind `label` on the last line that begins with it, or on the line after if nothing stands there.

    A line after that begins with a label such as `Step 2:` or `Answer:` is not taken for it: the place is empty. Case
    does not matter; bullets, quotes and emphasis may stand around the label, `:` or `=` must follow it. Raises `Missed`
    (`extraction_failed`) if no line begins so.
    """
    found = few(_line(label), text)
    if not found:
        raise Missed(f"Expected a line that begins with {label}:, found none.", "extraction_failed")
    text = found[-1][1]
    return "" if text.startswith("\n") and _STEP.match(text) else text.strip()


@lru_cache(maxsize=256)
def _line(label: str) -> re.Pattern[str]:
    words = r"[^\S\n]+".join(map(re.escape, label.removesuffix(":").split()))
    before, after = r"(?:[-*_#>•`|]|\\textbf\{|\d{1,2}[.)](?=[^\S\n]))", r"[*_`|}]{0,4}"
    return re.compile(
        rf"^[^\S\n]*+(?:{before}[^\S\n]*+){{0,6}}{words}{after}[^\S\n]*+[:：=|]{after}[^\S\n]*+((?:\n\s*+)?[^\n]*+)",
        re.MULTILINE | re.IGNORECASE,
    )
