"""Reading the number that a reply gives as its answer, exactly."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction

from pytest_polecat.errors import Missed
from pytest_polecat.grading.claims import ANNOUNCED, BOXED, denied, few

_MAX_DIGITS = 400
_MAX_EXPONENT = 400
_TAIL = 300

_NUMBER = re.compile(
    r"""
    (?<![^\W_]) (?<![^\W_][-.,/'’–]) (?<!\^) (?<!not[ ]) (?<!n['’]t[ ])  # not inside a word or a version
    [$€£¥]? (?: (?P<sign>[-+]) (?=[$€£¥.\d¼-¾⅐-⅞]) )? (?: [$€£¥][ ]? )?
    (?: (?P<whole>\d{1,9}) [ ] (?P<part>\d{1,9}/\d{1,9}) (?![\d/.,])
      | (?P<count>\d{0,9}) (?P<vulgar>[¼-¾⅐-⅞])
      | 10 (?:\^|\*\*) (?P<ten>[-+]?\d{1,9})
      | (?P<run> (?: \d++ | \.\d++ ) (?: (?: [ ]?/[ ]? | [.,:'’_\u00a0\u2009\u202f–-] ) \d++ )*+ )
        (?: [eE] (?P<e>[-+]?\d{1,9}) | [ ]?[×x*·][ ]?10 (?: \^ | \*\* ) (?P<power>[-+]?\d{1,9}) )?
    )
    (?! \d | \^ | [eE][-+]?\d | \*\*\d | (?:st|nd|rd|th|[kKMB])\b | [xX][0-9a-fA-F] )
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
    (re.compile(r"(?<=\d)(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s?\{([^{}]{1,60})\}\s?\{([^{}]{1,60})\}"), r"\1/\2"),
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
_SENTENCE_END = re.compile(r"[.!?](?=\s|\Z)")
_HEDGE = re.compile(r"[^\w.\n]{1,4}(?:or|and|to)\b[^\w\n]{1,4}|\s{0,2}[-+*/×÷·]\s{0,2}", re.IGNORECASE)
_DENIAL = re.compile(r"\W*(?:not|never)\b", re.IGNORECASE)


def number(text: str) -> Fraction:
    r"""The number that a reply gives as its answer, exactly as it is written in decimals.

    Understood are signs (the Unicode minus too), thousands separators (`1,000`, `1'000`, `1 000` with narrow spaces),
    decimals, a decimal comma where it can't be a thousands separator (`3,14`), fractions (`3/4`, `1 3/4`, `½`,
    `\frac{3}{4}`), `6.02e23`, `6.02 × 10^23`, `3 million`. Signs of currency and units are left out, and so is %:
    `15 %` is 15. Ranges, dates, times, versions, powers and words with digits are no numbers.

    Where several numbers stand: the last `final answer: …` (or `#### …`) wins; else what `answer: …`, `the answer is …`
    and `\boxed{…}` say, if they agree; else the only number in bold; else the only number; else the last line or the
    first sentence if it is just a number; else that of the last line: after its last `=`, or its last number. In a
    claim that holds several, the one after `=` or in bold is meant, else the first; `3 or 4` and `3 + 4` are no answer.

    Compare the result with an int, a Fraction or a Decimal, or use `pytest.approx`: the float 0.1 is not one tenth.
    Raises `Missed` (`extraction_failed`) if no number can be read, or claims differ.
    """
    finals, claims = _claims(text)
    if finals:
        return finals[-1]
    if claims:
        return _agreed(set(claims))
    bold = {value for match in few(_BOLD, text) if (value := _only_number(match[1])) is not None}
    if len(bold) == 1:
        return bold.pop()
    listed = all(marker.search(text) for marker in _FIRST_MARKERS)
    body = (_LIST_MARKER.sub("", text) if listed else text).strip()
    last_line = body.rpartition("\n")[2]
    end = None if listed else _SENTENCE_END.search(body, 0, _TAIL)
    first_sentence = body[: end.start()] if end else ""
    for only in (_single(body), _only_number(last_line), _only_number(first_sentence)):
        if only is not None:
            return only
    end_of_line = last_line if len(last_line) <= _TAIL else last_line[-_TAIL:].partition(" ")[2]
    found = [value for value, _ in _numbers(_after_equals(end_of_line))]
    if not found:
        raise Missed("Expected a number, found none that is clearly the answer.", "extraction_failed")
    return found[-1]


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


def _claims(text: str) -> tuple[list[Fraction], list[Fraction]]:
    """The values claimed as final answers in order, and those claimed otherwise."""
    hashes = ((match.start(), _only_number(match[1])) for match in few(_HASHES, text))
    final = [(at, value) for at, value in hashes if value is not None]
    claims: list[Fraction] = []
    for match in few(_CLAIM, text):
        tail = _LEAD.sub("", text[match.end() : match.end() + _TAIL], count=1).partition("\n")[0]
        if denied(text, match.start()) or _DENIAL.match(tail) or (value := _meant(tail)) is None:
            continue
        if match["final"]:
            final.append((match.start(), value))
        else:
            claims.append(value)
    claims += [value for match in few(_BOX, text) if (value := _meant(match[1])) is not None]
    return [value for _, value in sorted(final, key=lambda each: each[0])], claims


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
    end = _SENTENCE_END.search(claim)
    for part in (claim[: end.start()] if end else claim, claim):
        bold = [value for match in _BOLD.finditer(part) if (value := _only_number(match[1])) is not None]
        if len(bold) == 1:
            return bold[0]
        last = _after_equals(part)
        found = list(_numbers(last))
        if len(found) > 1 and _HEDGE.fullmatch(last[found[0][1].end() : found[1][1].start()]):
            _agreed({found[0][0], found[1][0]})
        if found:
            return found[0][0]
    return None


def _after_equals(part: str) -> str:
    """The part after the last `=` if a number stands there, else the whole part; tidied."""
    part = _tidy(part)
    after = part.rpartition("=")[2]
    return after if next(_numbers(after), None) else part


def _only_number(text: str) -> Fraction | None:
    text = _tidy(text.strip(" \t$*_`"))
    match = _NUMBER.match(text)
    rest = text[match.end() :].strip() if match else ""
    return _value(match) if match and rest in ("", "%", "€", "£", "¥", "°") else None


def _single(text: str) -> Fraction | None:
    """The number of a text that holds just one."""
    numbers = _numbers(_tidy(text))
    first = next(numbers, None)
    return first[0] if first and next(numbers, None) is None else None


def _numbers(text: str) -> Iterator[tuple[Fraction, re.Match[str]]]:
    for match in _NUMBER.finditer(text):
        value = _value(match)
        if value is not None:
            yield value, match


def _upright(superscript: str) -> str:
    return unicodedata.normalize("NFKC", superscript).replace("−", "-")


def _tidy(text: str) -> str:
    for pattern, replacement in _TIDYING:
        text = pattern.sub(replacement, text)
    return text


def _value(match: re.Match[str]) -> Fraction | None:
    if match["whole"]:
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
