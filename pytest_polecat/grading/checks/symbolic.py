"""The check of a symbolic answer: a formula, a set of solutions, an equation or intervals, in any equivalent form."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading import symbols_answers as answers
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, Text, worded
from pytest_polecat.grading.checks.text import quote
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.grading.marks import marked
from pytest_polecat.grading.symbols import Expr, parse
from pytest_polecat.grading.symbols_equal import OutOfRangeError, equal, proportional, real_value
from pytest_polecat.grading.symbols_forms import is_expanded, is_factored, same_region
from pytest_polecat.grading.symbols_tokens import UnreadableError, tidy

MAX_CLAIMS = 20
"""Different claims that are compared with what is expected; no reply needs more."""

_Reader = Callable[[str], Any]


def _as_text(value: object) -> object:
    """YAML's plain numbers may stand for formulas."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_texts(value: object) -> object:
    return [_as_text(each) for each in value] if isinstance(value, list) else value


def _is_name(name: str) -> str:
    try:
        tree = parse(name, frozenset((name,)))
    except UnreadableError:
        tree = Expr("")
    if tree != Expr("symbol", name=name):
        raise ValueError(f"{name!r} is no name of a variable: write letters such as x, or theta, or x_1")
    return name


Formula = Annotated[Text, BeforeValidator(_as_text)]


class Symbolic(Plain):
    """A formula that is equivalent to the expected one: give `value`, or one of `set`, `equation` and `interval`."""

    short: ClassVar[str | None] = "value"

    value: Formula | None = Field(default=None, description="the formula: '2*x + 2', 'sqrt(3)/2'")
    set: Annotated[tuple[Formula, ...], BeforeValidator(_as_texts)] | None = Field(
        default=None, description="the solutions in any order; an empty list: there is none; '(1, 2)' is a pair"
    )
    equation: Text | None = Field(default=None, description="the equation, up to a factor: 'y = 2*x + 1'")
    interval: Text | None = Field(default=None, description="real numbers: '(-oo, 2] U [5, oo)', or 'x <= 2 or x >= 5'")
    variables: tuple[Annotated[str, AfterValidator(_is_name)], ...] = Field(
        default=(), description="the variables that may occur"
    )
    positive: bool = Field(default=False, description="the variables are positive: sqrt(x^2) is x")
    form: Literal["any", "expanded", "factored"] = Field(
        default="any", description="how a polynomial `value` must be written"
    )
    label: Text | None = Field(default=None, description="look at what stands behind this label on its line alone")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [each for each in (self.value, self.set, self.equation, self.interval) if each is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `value`, `set`, `equation` and `interval`")
        if self.interval is not None and len(self.variables) != 1:
            raise ValueError("`interval` needs the name of its variable: `variables: [x]`")
        if self.form != "any" and self.value is None:
            raise ValueError("`form` is for a polynomial `value`")
        try:
            self.wanted()
        except UnreadableError as error:
            raise ValueError(f"the expected formula can't be read: {error}") from None
        return self

    @property
    def reader(self) -> _Reader:
        """What reads an answer of the expected kind; it raises `UnreadableError`."""
        names = frozenset(self.variables)
        if self.set is not None:
            return lambda text: answers.members(text, names)
        if self.equation is not None:
            return lambda text: answers.sides(text, names)
        if self.interval is not None:
            return lambda text: answers.region(text, self.variables[0])
        return lambda text: answers.value(text, names)

    def wanted(self) -> Any:
        """What is expected, as the reader reads it."""
        if self.set is not None:
            return [member for each in self.set for member in self.reader(tidy(each))]
        return self.reader(tidy(self.value or self.equation or self.interval or ""))


def symbolic(content: str, expected: Symbolic) -> CheckResult:
    """Read the formula and compare."""
    try:
        text = content if expected.label is None else "Answer: " + marked(content, expected.label)
        found, shown = _read(text, expected)
    except Missed as missed:
        return missed_result(missed)
    wanted = expected.value or expected.equation or expected.interval or "{" + ", ".join(expected.set or ()) + "}"
    verdicts = [_holds(each, expected) for each in found]
    if len(set(verdicts)) > 1:
        return missed_result(Missed("Expected one answer, found several that differ.", "extraction_failed"))
    if not verdicts[0]:
        return worded(False, f"Expected {wanted}, found {quote(shown)}.")
    if not all(_has_form(each, expected) for each in found):
        return worded(False, f"Expected {wanted} {expected.form}, found {quote(shown)}.")
    return worded(True, f"{quote(shown)} is {wanted}.")


def _read(content: str, expected: Symbolic) -> tuple[list[Any], str]:
    """What the strongest readable claims of a reply say, and the text of the last of them."""
    problem = "nothing is claimed as the answer"
    for group in answers.candidates(content):
        found, shown = [], ""
        texts = list(dict.fromkeys(group))
        if len(texts) > MAX_CLAIMS:
            raise Missed(f"Expected one answer, found {len(texts)}.", "extraction_failed")
        for text in texts:
            try:
                found.append(expected.reader(text))
                shown = text
            except (UnreadableError, OutOfRangeError) as error:
                problem = f"{quote(text, 40)}: {error}"
                if found and answers.hedged(text):
                    raise Missed(f"Expected one answer, found several: {problem}.", "extraction_failed") from None
        if found:
            return found, shown
    raise Missed(f"Expected a formula, found none that can be read ({problem}).", "extraction_failed")


def _holds(found: Any, expected: Symbolic) -> bool:
    wanted = expected.wanted()
    if expected.set is not None:
        return _same_members(wanted, found, positive=expected.positive)
    if expected.interval is not None:
        try:
            return same_region(wanted, found, real_value)
        except OutOfRangeError:
            return False
    if expected.equation is not None:
        return proportional(wanted, found, positive=expected.positive)
    return equal(wanted, found, positive=expected.positive)


def _same_members(wanted: list[tuple[Expr, ...]], found: list[tuple[Expr, ...]], *, positive: bool) -> bool:
    def same(one: tuple[Expr, ...], other: tuple[Expr, ...]) -> bool:
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(equal(a, b, positive=positive) for a, b in pairs)

    return all(any(same(each, other) for other in found) for each in wanted) and all(
        any(same(other, each) for other in wanted) for each in found
    )


def _has_form(found: Any, expected: Symbolic) -> bool:
    variables = frozenset(expected.variables)
    if expected.form == "expanded":
        return is_expanded(found, variables)
    return expected.form == "any" or is_factored(found, variables)
