r"""LaTeX's fractions in one spelling, for the readers of numbers and of formulas."""

import re

_NAME = re.compile(r"\\([dtc]frac|[dt]binom)(?![A-Za-z])")
_ARGUMENT = r"(\d|\\pi(?![A-Za-z])|[A-Za-z](?![A-Za-z]))"
_FIRST = re.compile(rf"\\(frac|binom)\s{{0,9}}{_ARGUMENT}")
_SECOND = re.compile(rf"(\\(?:frac|binom)\s{{0,9}}\{{[^{{}}]{{0,99}}\}})\s{{0,9}}{_ARGUMENT}")


def braced(text: str) -> str:
    r"""The text with braces around what `\frac` and `\binom` take: `\frac12`, `\dfrac1{2}` are `\frac{1}{2}`."""
    text = _NAME.sub(lambda match: "\\" + match[1][1:], text)
    return _SECOND.sub(r"\1{\2}", _FIRST.sub(r"\\\1{\2}", text))
