r"""Finding the formula, set, equation or intervals that a reply gives as its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from pytest_polecat.grading.claims import ANNOUNCED, BOXED, Claim, denied, few, is_borrowed, standing
from pytest_polecat.grading.symbols import MINUS_ONE, SIGN, Expr, parse, signed, symbols
from pytest_polecat.grading.symbols_equal import equal
from pytest_polecat.grading.symbols_tokens import MAX_LENGTH, UnreadableError, tidy

MAX_MEMBERS = 40

_CLAIM = re.compile(rf"\b(?P<final>final\s{{1,3}})?(?:answer|result|solution set)\b{ANNOUNCED}", re.IGNORECASE)
_BOX = re.compile(BOXED)
_LEAD = re.compile(r"(?:[\s*_`#>:=\"'$]|\\\[|\\\(|\\displaystyle\b)*+")
_TAG = re.compile(r"</?[A-Za-z]{3,12}>")
_BOLD = re.compile(r"(?<![\w)}\]])\*\*(?=\S)([^\n]+?)(?<=\S)\*\*(?![\w({\\])")
_HEDGE = re.compile(r"\b(?:or|either|maybe|perhaps|not)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.?](?=\s|\Z)|(?<![\d)}\]a-z])!(?=\s|\Z)")
_REMARK = re.compile(
    r"\s*[,;(]?\s*(?:≈|\bapprox|\babout\b|\b(?:because|since|as|where|which|when|for|with|using|so|by|i\.e)\b).*",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\s\((?=[^()]*[^\W\d_]{4})[^\W\d_][^\W\d_ ,'-]*(?:[ ,'-]+[^\W\d_]+)*\)$")
_MATH = re.compile(r"\$\$?([^$]+)\$\$?|\\[(\[](.+?)\\[)\]]")
_LAST_VERB = re.compile(r".*\b(?:is|are|equals|be|so|hence|thus|therefore)\b|.*[:⇒]", re.IGNORECASE)
_NONE = re.compile(r"∅|\{ ?\}|⦃ ?⦄|(?:there (?:is|are) )?no(?: real)? solutions?|the empty set|none", re.IGNORECASE)
_NAMED = re.compile(r"^\\?[A-Za-z]\w{0,9}(?:_\{\w{1,4}\})?(?:\s?\(\w{1,4}\))?\s*(?:∈|=)\s*(?=[{⦃(\[∅ℝ]|-oo)")
_SEPARATOR = re.compile(r"[,;]|∪|\b(?:or|and)\b", re.IGNORECASE)
_CALLED = re.compile(r"[A-Za-z]\w{0,9}'*\s*\([^=]*\)")
_LETTER = re.compile(r"(?<![^\W_])[A-DF-HJ-Za-df-hj-z](?![^\W_])|(?<=\d)[A-DF-HJ-Za-df-hj-z](?![^\W_])")
_RELATION = re.compile(r"<=|>=|!=|<|>")
_OUTWARD = re.compile(r"^\]|\[$|(?:∪|\bor\b|\bunion\b|U)\s?\]|\[\s?(?:∪|\bor\b|\bunion\b|U)", re.IGNORECASE)
_BRACKETED = re.compile(r"([\[\]])([^\[\],;]{1,99}[,;][^\[\],;]{1,99})([\[\]])")
_BRACES = (("{", "}"), ("⦃", "⦄"))
_BRACKETS = {"(": 1, "[": 1, "{": 1, "⦃": 1, ")": -1, "]": -1, "}": -1, "⦄": -1}


@dataclass(frozen=True)
class Interval:
    """The numbers between two ends; infinite ends are open."""

    low: Expr
    high: Expr
    low_open: bool
    high_open: bool


Region = tuple[tuple[Interval, ...], ...]
"""The union of intersections of intervals."""


def candidates(content: str) -> Iterator[list[str]]:
    r"""The texts that a reply may mean as its answer, tidied, in groups from the strongest claim to the weakest.

    The last `final answer: …`; then all that `answer: …`, `the answer is …` and `\boxed{…}` claim; then, only if
    nothing is claimed, the last line, the only formula between `$` in it, and what follows its last `is` or colon.
    """
    finals, claims = standing(_claims(content))
    if finals:
        yield finals[-1:]
    elif claims:
        yield claims
    else:
        yield from _unclaimed(content)


def hedged(text: str) -> bool:
    """Whether the text offers alternatives or denies something."""
    return _HEDGE.search(text) is not None


def value(text: str, variables: frozenset[str]) -> Expr:
    """The formula of an answer: what follows the last `=`; what stands before must be a name, or equal to it."""
    tree = _chain(text, variables)
    if SIGN.name in symbols(tree):
        raise UnreadableError("± makes two values of it")
    return tree


def members(text: str, variables: frozenset[str]) -> list[tuple[Expr, ...]]:
    """The members of a set or list, `x = 1 or x = 2` and `1 ± √2` included; a pair in brackets is one member.

    Each is a tuple, of one formula unless it is such a pair.
    """
    if _NONE.fullmatch(text):
        return []
    text = _inside(_NAMED.sub("", text), *_BRACES)
    pieces = [piece for piece in _split(text, _SEPARATOR) if piece]
    if not pieces or len(pieces) > MAX_MEMBERS:
        raise UnreadableError("it is no set")
    found: list[tuple[Expr, ...]] = []
    for piece in pieces:
        coordinates = _split(_inside(piece, ("(", ")"), ("[", "]")), re.compile(","))
        if len(coordinates) > 1:
            found.append(tuple(value(each, variables) for each in coordinates))
            continue
        tree = _chain(piece, variables)
        signs = (1, -1) if SIGN.name in symbols(tree) else (1,)
        found += [(signed(tree, sign),) for sign in signs]
    return found


def sides(text: str, variables: frozenset[str]) -> Expr:
    """The left side of an equation less its right side."""
    parts = text.split("=")
    if len(parts) != 2 or _RELATION.search(text):
        raise UnreadableError("it is no equation with two sides")
    left, right = parse(parts[0], variables), parse(parts[1], variables)
    return Expr("+", (left, Expr("*", (MINUS_ONE, right))))


def region(text: str, variable: str) -> Region:
    """The real numbers that intervals or inequalities describe: `(-oo, 2] U [5, oo)`, `x <= 2 or 5 <= x`, `x != 3`."""
    if _NONE.fullmatch(text):
        return ()
    text = text.replace(f"\\{variable}", variable)
    text = re.sub(rf"^(?:⦃|\{{)\s*{re.escape(variable)}\s*(?:∈\s*ℝ\s*)?[|:](.*)(?:⦄|\}})$", r"\1", text).strip()
    text = re.sub(rf"^{re.escape(variable)}\s*∈\s*", "", text)
    text = _inward(text)
    if text in ("ℝ", "all real numbers", "all reals"):
        return ((Interval(_infinity(-1), _infinity(1), low_open=True, high_open=True),),)
    if _RELATION.search(text):
        parts = _split(text, re.compile(r"\bor\b|∪", re.IGNORECASE))
        return tuple(
            intersection
            for part in parts
            for intersection in _inequalities(_split(part, re.compile(r"\band\b", re.IGNORECASE)), variable)
        )
    parts = _split(text, re.compile(r"∪|\bor\b|\bunion\b|(?<=[)\]]) ?U ?(?=[(\[])", re.IGNORECASE))
    if len(parts) > MAX_MEMBERS:
        raise UnreadableError("it has too many parts")
    return tuple((_interval(part),) for part in parts)


def _claims(content: str) -> list[Claim[str]]:
    """What a reply claims as its answer, and as its final one."""
    found: list[Claim[str]] = []
    for match in few(_CLAIM, content):
        if denied(content, match.start()):
            continue
        start = _LEAD.match(content, match.end())
        at = start.end() if start else match.end()
        text = _first_line(content, at)
        if text:
            found.append(Claim(match.start(), text, bool(match["final"]), is_borrowed(content, match.start(), at)))
    return found + [Claim(match.start(), _trimmed(_braced(content, match.end()))) for match in few(_BOX, content)]


def _first_line(content: str, at: int) -> str:
    line = content[at : at + 2 * MAX_LENGTH].partition("\n")[0]
    box = _BOX.search(line)
    if box:
        return _trimmed(_braced(content, at + box.end()))
    return _trimmed(line)


def _unclaimed(content: str) -> Iterator[list[str]]:
    line = content.rstrip().rpartition("\n")[2].strip()
    if line in ("$$", r"\]", "```"):
        line = content.rstrip().removesuffix(line).rstrip().rpartition("\n")[2].strip()
    if len(line) > 2 * MAX_LENGTH:
        return
    yield [_trimmed(line)]
    formulas = [match[1] or match[2] for match in _MATH.finditer(line)]
    if len(formulas) == 1:
        yield [_trimmed(formulas[0])]
    verb = _LAST_VERB.match(line)
    if verb and not denied(line, verb.end()):
        yield [_trimmed(line[verb.end() :])]


def _braced(content: str, at: int) -> str:
    """The text from `at` up to the brace that closes; empty if none does."""
    depth = 1
    for end in range(at, min(len(content), at + MAX_LENGTH)):
        depth += (content[end] == "{") - (content[end] == "}")
        if depth == 0:
            return content[at:end]
    return ""


def _trimmed(line: str) -> str:
    """The tidied line without emphasis, remarks, units in brackets and punctuation around it."""
    line = _TAG.sub(" ", line)
    line = _BOLD.sub(r"\1", line.replace("`", "")).strip().removesuffix("**").strip(" _\"“”'")
    line = line[1:-1] if re.fullmatch(r"\*[^*]+\*", line) else line
    line = tidy(line)
    end = _SENTENCE_END.search(line)
    line = line[: end.start()] if end else line
    line = _ASIDE.sub("", _REMARK.sub("", line, count=1).strip())
    return line.strip(" .,;:\"'")


def _chain(text: str, variables: frozenset[str]) -> Expr:
    parts = text.split("=")
    if _RELATION.search(text) or len(parts) > MAX_MEMBERS or any(map(hedged, parts)):
        raise UnreadableError("it is no formula")
    last = parse(parts[-1], variables)
    for part in parts[:-1]:
        if not _CALLED.fullmatch(part.strip()) and not _may_equal(part, last, variables):
            raise UnreadableError("its sides are not equal")
    return last


def _may_equal(part: str, last: Expr, variables: frozenset[str]) -> bool:
    """Whether what stands before `=` names the value (`x`, `f'(x)`, `a + b`) or is equal to it; `2x = 4` is not 4."""
    try:
        before = parse(part, variables | frozenset(_LETTER.findall(part)))
    except UnreadableError:
        return True
    undeclared = symbols(before) - variables
    if before.op in ("symbol", "abs") or len(undeclared) > 1 or (undeclared and _has_function(before)):
        return True
    return equal(last, before)


def _has_function(tree: Expr) -> bool:
    return tree.op not in ("number", "symbol", "constant", "+", "*", "^") or any(map(_has_function, tree.args))


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The pieces of a text between separators outside of brackets."""
    pieces, start, depth, seen = [], 0, 0, 0
    for match in separator.finditer(text):
        depth += sum(_BRACKETS.get(each, 0) for each in text[seen : match.start()])
        seen = match.start()
        if depth == 0:
            pieces.append(text[start : match.start()].strip())
            start = match.end()
    return [*pieces, text[start:].strip()]


def _inside(text: str, *pairs: tuple[str, str]) -> str:
    """What stands in the brackets that enclose the whole text, else the text."""
    for opening, closing in pairs:
        depths = accumulate(_BRACKETS.get(each, 0) for each in text[:-1])
        if text.startswith(opening) and text.endswith(closing) and all(depth > 0 for depth in depths):
            return text[1:-1].strip()
    return text


def _infinity(sign: int) -> Expr:
    infinite = Expr("constant", name="oo")
    return infinite if sign > 0 else Expr("*", (MINUS_ONE, infinite))


def _inward(text: str) -> str:
    """Intervals whose brackets turn away from an end that is left out, such as `]1, 2]`, as `(1, 2]`."""
    if not _OUTWARD.search(text):
        return text
    return _BRACKETED.sub(lambda each: "([]"[each[1] == "["] + each[2] + ")]"[each[3] == "]"], text)


def _interval(text: str) -> Interval:
    single = _inside(text, *_BRACES)
    if single != text:
        tree = parse(single, frozenset())
        return Interval(tree, tree, low_open=False, high_open=False)
    if text[:1] not in ("(", "[") or text[-1:] not in (")", "]"):
        raise UnreadableError("it is no interval")
    ends = _split(text[1:-1], re.compile("[,;]"))
    if len(ends) != 2:
        raise UnreadableError("an interval has two ends")
    low, high = parse(ends[0], frozenset()), parse(ends[1], frozenset())
    return Interval(low, high, low_open=text.startswith("("), high_open=text.endswith(")"))


def _inequalities(texts: list[str], variable: str) -> list[tuple[Interval, ...]]:
    """What inequalities joined by `and` describe: a union of intersections, as each `x != 3` is two intervals."""
    found: list[tuple[Interval, ...]] = [()]
    if len(texts) > 4:
        raise UnreadableError("it has too many parts")
    for text in texts:
        found = [(*one, *other) for one in found for other in _inequality(text, variable)]
    return found


def _inequality(text: str, variable: str) -> list[tuple[Interval, ...]]:
    parts, signs = _RELATION.split(text), _RELATION.findall(text)
    names = [part.strip() for part in parts]
    if names.count(variable) != 1 or len(parts) > 3 or "=" in "".join(parts) or (len(parts) == 3 and "!=" in signs):
        raise UnreadableError("it is no inequality for the variable")
    if len({sign[0] for sign in signs}) > 1:
        raise UnreadableError("its signs point in both directions")
    at = names.index(variable)
    pieces: list[Interval] = []
    for n, sign in enumerate(signs):
        if at not in (n, n + 1):
            raise UnreadableError("it is no inequality for the variable")
        end = parse(parts[n + 1] if at == n else parts[n], frozenset())
        if sign == "!=":
            below = Interval(_infinity(-1), end, low_open=True, high_open=True)
            return [(below,), (Interval(end, _infinity(1), low_open=True, high_open=True),)]
        strict = len(sign) == 1
        if (sign[0] == "<") == (at == n):
            pieces.append(Interval(_infinity(-1), end, low_open=True, high_open=strict))
        else:
            pieces.append(Interval(end, _infinity(1), low_open=strict, high_open=True))
    return [tuple(pieces)]
