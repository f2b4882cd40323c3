"""Reading the number that a reply gives as its answer, exactly."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from itertools import islice

from pytest_polecat.errors import Missed
from pytest_polecat.grading.claims import ANNOUNCED, BOXED, Claim, denied, few, is_borrowed, standing
from pytest_polecat.grading.latex import braced
from pytest_polecat.grading.number_lists import in_a_term, side_by_side

_MAX_DIGITS = 400
_MAX_EXPONENT = 400
_TAIL = 300

_NUMBER = re.compile(
    r"""
    (?<![^\W_]) (?<![^\W_][-.,/'’–]) (?<!\^) (?<!\w_) (?<!_\{)  # not inside a word, a version, or an index
    (?<!not[ ]) (?<!n['’]t[ ])
    [$€£¥]? (?: (?P<sign>[-+]) (?=[$€£¥.\d¼-¾⅐-⅞]) )? (?: [$€£¥][ ]? )?
    (?: (?P<whole>\d{1,9}) [ ] (?P<part>\d{1,9}/\d{1,9}) (?! [\d/] | [.,]\d )
      | (?P<spaced>[1-9]\d{0,2} (?:[ ]\d{3})++ (?! [ ]?[\d/] ) (?:\.\d++)?)
      | (?P<count>\d{0,9}) (?P<vulgar>[¼-¾⅐-⅞])
      | 10 (?:\^|\*\*) (?P<ten>[-+]?\d{1,9})
      | (?P<run> (?: \d++ | \.\d++ ) (?: (?: [ ]?/[ ]? | [.,:'’_\u00a0\u2009\u202f–-] ) \d++ )*+ )
        (?: [eE] (?P<e>[-+]?\d{1,9}) | [ ]?[×x*·][ ]?10 (?: \^ | \*\* ) (?P<power>[-+]?\d{1,9}) )?
    )
    (?! \d | \^ | ! | [⁰¹²³⁴-⁹⁺⁻ⁿ] | [eE][-+]?\d | \*\*\d | (?:st|nd|rd|th|[kKMB])\b | [xX][0-9a-fA-F] )
    (?: [ ]? (?P<scale>thousand|million|billion|trillion) \b )?
    """,
    re.VERBOSE,
)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_POINT_GROUPS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)|[1-9]\d{0,2}(?:\.\d{3}){2,}")
_GROUPS = re.compile(
    r"[1-9]\d{0,2}(?P<mark>[,'’_\u00a0\u2009\u202f])\d{3}(?:(?P=mark)\d{3})*+(?:\.\d+)?|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?"
)
_COMMA_DECIMAL = re.compile(r"\d+,\d+")
_NOT_NUMERIC = re.compile(r"[^\d.]")

_TIDYING: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile("[−－]"), "-"),
    (re.compile(r"(?<=\d)(?=\\frac)"), " "),
    (re.compile(r"\\frac\s?\{([^{}]{1,60})\}\s?\{([^{}]{1,60})\}"), r"\1/\2"),
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s?\{([^{}]{0,80})\}"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,!;:](?=\d)"), ""),
    (re.compile(r"\\([%$ ])"), r"\1"),
    (re.compile(r"\\(?:times|cdot)\s?"), "×"),
    (re.compile(r"\^\{([-+]?\d{1,9})\}"), r"^\1"),
    (re.compile(r"(?<=10)([⁺⁻]?[⁰¹²³⁴-⁹]{1,6})"), lambda match: "^" + _upright(match[1])),
)

_FIRST_MARKERS = tuple(re.compile(rf"^[^\S\n]*+{at}[.)][^\S\n]", re.MULTILINE) for at in (1, 2))
_CLAIM = re.compile(rf"\b(?P<final>final\s{{1,3}})?answer\b{ANNOUNCED}", re.IGNORECASE)
_HASHES = re.compile(r"^####[^\S\n]+([^\n]{1,80})$", re.MULTILINE)
_BOX = re.compile(rf"{BOXED}((?:[^{{}}\n]|\{{[^{{}}\n]{{0,80}}\}}){{1,200}})\}}")
_LEAD = re.compile(r"^(?:[ \t\r\n*_`#>:=\"']|\$\$|\\\[|\\\()+")
_BOLD = re.compile(r"\*\*([^*\n]{1,60})\*\*")
_LIST_MARKER = re.compile(r"^[^\S\n]*+\d{1,9}[.)][^\S\n]++(?=\S)", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?:[.?]|(?<!\d)!)(?=\s|\Z)")
_EMPHASIS = re.compile(
    r"(?:(?<=[^\W\d_]\s)|(?<=\bis:\s))([*_$€£¥]{0,4}[-+−]?\d[\d.,/]{0,40})!{1,3}"
    r"(?![\d!]|[*_]{0,3}[^\S\n]{0,3}[=+/×÷·^(\\$a-z−-]|[^\S\n]{1,3}\*)"
)
_BULLET = re.compile(r"\s*+(?:[-*•+]\s)?")
_DENIAL = re.compile(r"\W*(?:not|never)\b", re.IGNORECASE)

_Found = tuple[Fraction, re.Match[str]]
"""A number and where it stands."""


def number(text: str) -> Fraction:
    r"""The number that a reply gives as its answer, exactly as it is written in decimals.

    Understood are signs (the Unicode minus too), thousands separators (`1,000`, `1'000`, `1 000`), decimals, a decimal
    comma where it can't be a thousands separator (`3,14`), fractions (`3/4`, `1 3/4`, `½`, `\frac{3}{4}`, `\frac34`),
    `6.02e23`, `6.02 × 10^23`, `3 million`. Signs of currency and units are left out, and so is %: `15 %` is 15. Ranges,
    dates, times, versions, powers, terms with a root, π or ± and words with digits are no numbers. Nor are factorials:
    the mark of `5!` is emphasis only where it ends a sentence of words (`It is 5!`), never after `Answer:` or in LaTeX.

    Where several numbers stand: the last `final answer: …` (or `#### …`) wins; else what `answer: …`, `the answer is …`
    and `\boxed{…}` say, if they agree; else the only number in bold; else the only number; else the last line or the
    first sentence if it is just a number; else that of the last line: after its last `=`, or its last number. In a
    claim that holds several, the one after `=` or in bold is meant, else the first; `3 or 4`, `3 + 4`, `3, 4`, `x = 3
    or x = 4` and other lists are no answer, while `42, 6 for each child` is 42 with a remark. An `Answer:` above lines
    that have labels of their own is a heading if another claim follows.

    Compare the result with an int, a Fraction or a Decimal, or use `pytest.approx`: the float 0.1 is not one tenth.
    Raises `Missed` (`extraction_failed`) if no number can be read, or claims differ.
    """
    text = _EMPHASIS.sub(r"\1.", text)
    finals, claims = standing(_claims(text))
    if finals:
        return finals[-1]
    if claims:
        return _agreed(set(claims))
    bold = [match for match in few(_BOLD, text) if _only_number(match[1]) is not None]
    if len({_only_number(match[1]) for match in bold}) == 1:
        return _in_its_line(bold[-1])
    listed = all(marker.search(text) for marker in _FIRST_MARKERS)
    body = (_LIST_MARKER.sub("", text) if listed else text).strip()
    last_line = body.rpartition("\n")[2]
    end = None if listed else _SENTENCE_END.search(body, 0, _TAIL)
    first_sentence = body[: end.start()] if end else ""
    tidied = _tidy(body)
    first_two = list(islice(_numbers(tidied), 2))
    if len(first_two) == 1:
        return _alone(tidied, first_two, 0, claimed=False)
    for only in (_only_number(last_line), _only_number(first_sentence)):
        if only is not None:
            return only
    end_of_line = _tidy(last_line if len(last_line) <= _TAIL else last_line[-_TAIL:].partition(" ")[2])
    found = list(_numbers(end_of_line))
    if not found:
        raise Missed("Expected a number, found none that is clearly the answer.", "extraction_failed")
    return _alone(end_of_line, found, len(found) - 1, claimed=False)


def exact_number(text: str) -> Fraction:
    """The value of a text that is a number and nothing else; `ValueError` if it is none."""
    value = _only_number(text)
    if value is None:
        raise ValueError(f"not a number: {text[:60]!r}")
    return value


def shown_number(value: Fraction) -> str:
    """A number for a message: in decimals where they end, else as a fraction."""
    decimal = Context(prec=60).divide(Decimal(value.numerator), Decimal(value.denominator))
    shown = str(decimal.normalize(Context(prec=60))) if Fraction(decimal) == value else str(value)
    shown = str(value) if value.denominator == 1 and abs(value) < 10**21 else shown
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _claims(text: str) -> list[Claim[Fraction]]:
    """The values that a reply claims as its answer, and as its final one."""
    found = [
        Claim(match.start(), value, final=True)
        for match in few(_HASHES, text)
        if (value := _only_number(match[1])) is not None
    ]
    for match in few(_CLAIM, text):
        rest = text[match.end() : match.end() + _TAIL]
        said = _LEAD.sub("", rest, count=1)
        tail, _, below = said.partition("\n")
        if denied(text, match.start()) or _DENIAL.match(tail) or (value := _meant(tail)) is None:
            continue
        beside = _only_number(_BULLET.sub("", below.partition("\n")[0], count=1))
        if beside is not None:
            _agreed({value, beside})
        begin = match.end() + len(rest) - len(said)
        found.append(Claim(match.start(), value, bool(match["final"]), is_borrowed(text, match.start(), begin)))
    boxes = ((match.start(), _meant(match[1])) for match in few(_BOX, text))
    return found + [Claim(at, value) for at, value in boxes if value is not None]


def _agreed(values: set[Fraction]) -> Fraction:
    if len(values) > 1:
        shown = ", ".join(shown_number(value) for value in sorted(values)[:4])
        raise Missed(f"Expected one answer, found several: {shown}.", "extraction_failed")
    return values.pop()


def _meant(claim: str) -> Fraction | None:
    """The number that the text after `answer:` means; None if it holds none; `Missed` if it offers two."""
    boxed = _BOX.search(claim)
    if boxed:
        return _meant(boxed[1])
    claim = _tidy(claim)
    end = _SENTENCE_END.search(claim)
    for part in (claim[: end.start()] if end else claim, claim):
        found = list(_numbers(part))
        if found:
            return _alone(part, found, _place(part, found), claimed=True)
    return None


def _place(part: str, found: list[_Found]) -> int:
    """Which number of a claim is meant: the only one in bold, else the first after the last `=`, else the first."""
    bold = [match for match in _BOLD.finditer(part) if _only_number(match[1]) is not None]
    start = bold[0].start() if len(bold) == 1 else part.rfind("=")
    return next((at for at, (_, match) in enumerate(found) if match.start() > start), 0)


def _alone(text: str, found: list[_Found], at: int, *, claimed: bool) -> Fraction:
    """The number at a place among all of a text; `Missed` if it is one of several, or a part of a term."""
    value, match = found[at]
    for first in range(max(0, at - 1), min(at + 1, len(found) - 1)):
        (one, left), (other, right) = found[first : first + 2]
        if one != other and side_by_side(text, left, right, claimed=claimed):
            _agreed({one, other})
    if in_a_term(text, match):
        raise Missed(f"Expected a number, found a term that {shown_number(value)} is a part of.", "extraction_failed")
    return value


def _in_its_line(bold: re.Match[str]) -> Fraction:
    """The number in bold, read among its neighbours."""
    text = bold.string
    start = max(text.rfind("\n", 0, bold.start()) + 1, bold.start() - _TAIL)
    before = _tidy(text[start : bold.start()])
    line = before + _tidy(text[bold.start() : bold.end() + _TAIL].partition("\n")[0])
    found = list(_numbers(line))
    at = next(at for at, (_, match) in enumerate(found) if match.start() >= len(before))
    return _alone(line, found, at, claimed=False)


def _only_number(text: str) -> Fraction | None:
    text = _tidy(text.strip(" \t$*_`"))
    match = _NUMBER.match(text)
    rest = text[match.end() :].strip() if match else ""
    return _value(match) if match and rest in ("", "%", "€", "£", "¥", "°") else None


def _numbers(text: str) -> Iterator[_Found]:
    for match in _NUMBER.finditer(text):
        value = _value(match)
        if value is not None:
            yield value, match


def _upright(superscript: str) -> str:
    return unicodedata.normalize("NFKC", superscript).replace("−", "-")


def _tidy(text: str) -> str:
    text = braced(text)
    for pattern, replacement in _TIDYING:
        text = pattern.sub(replacement, text)
    return text


def _value(match: re.Match[str]) -> Fraction | None:
    value: Fraction | None
    if match["spaced"]:
        value = _decimal(match["spaced"].replace(" ", ""))
    elif match["whole"]:
        value = _ratio(match["part"])
        value = None if value is None else int(match["whole"]) + value
    elif match["vulgar"]:
        value = int(match["count"] or 0) + Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(100)
    elif match["ten"]:
        value = _power_of_ten(int(match["ten"]))
    else:
        value = _ratio(match["run"]) if "/" in match["run"] else _decimal(match["run"])
        scale = _power_of_ten(int(match["e"] or match["power"] or 0))
        value = None if value is None or scale is None else value * scale
    if value is None:
        return None
    value *= _SCALES.get(match["scale"] or "", 1)
    return -value if match["sign"] == "-" else value


def _power_of_ten(exponent: int) -> Fraction | None:
    return Fraction(10) ** exponent if abs(exponent) <= _MAX_EXPONENT else None


def _ratio(run: str) -> Fraction | None:
    parts = [_decimal(part.strip()) for part in run.split("/", 2)]
    if len(parts) != 2 or parts[0] is None or not parts[1]:
        return None
    return parts[0] / parts[1]


def _decimal(run: str) -> Fraction | None:
    """The value of digits with separators; None if they are no number: a date, a version, a range."""
    if len(run) > _MAX_DIGITS:
        return None
    if _PLAIN.fullmatch(run):
        return Fraction(run)
    if _GROUPS.fullmatch(run):
        return Fraction(_NOT_NUMERIC.sub("", run))
    if _POINT_GROUPS.fullmatch(run):
        return Fraction(run.replace(".", "").replace(",", "."))
    if _COMMA_DECIMAL.fullmatch(run):
        return Fraction(run.replace(",", "."))
    return None
