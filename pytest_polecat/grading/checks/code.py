"""The check `code`: a function that the reply defines, called with the cases of a suite file.

The code runs in a sandbox and gets arguments; what is expected stays outside.
"""

import builtins
import copy
import keyword
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading import extract
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain
from pytest_polecat.grading.checks.returned import Likeness, shown
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply
from pytest_polecat.sandbox.errors import CandidateError
from pytest_polecat.sandbox.mirrors import MirroredError
from pytest_polecat.sandbox.proxies import Handle, ValueHandle
from pytest_polecat.sandbox.sandbox import CALL_SECONDS, TASK_SECONDS, Sandbox

# Mirrored by name only: these mean something to Python itself.
_BY_NAME = (StopIteration, StopAsyncIteration, BaseExceptionGroup)

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _name(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value) or value.startswith("_"):
        raise ValueError(f"{value!r} is no name that code can define for others; write it without brackets and dots")
    return value


Name = Annotated[str, AfterValidator(_name)]
"""The name of a function or a class."""

_DEPTH = 20
"""Levels of lists and dicts in which objects are looked for."""


class Tolerances(Plain):
    """How a value is compared. In a case it counts for that case, beside the cases for all that do not say."""

    strict: bool | None = Field(default=None, strict=True, description="a tuple is no list, 7.0 is not 7")
    unordered: bool | None = Field(
        default=None, strict=True, description="the items of the returned list may come in any order, and in a set"
    )
    abs: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="the greatest difference of a number"
    )
    rel: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] | None = Field(
        default=None, description="the greatest difference of a number as a part of the expected one"
    )


class CodeCase(Tolerances):
    """One call, and what must come of it: a value, an exception, or changed arguments."""

    args: tuple[JsonValue, ...] = Field(default=(), description="the positional arguments")
    kwargs: dict[Name, JsonValue] = Field(default_factory=dict, description="the arguments by name")
    returns: JsonValue = Field(default=None, description="the value; it is not looked at where this key is missing")
    raises: Name | None = Field(default=None, description="the exception's class, or one that it derives from")
    changes: tuple[JsonValue, ...] | None = Field(
        default=None, description="the positional arguments as the call must leave them"
    )

    @model_validator(mode="after")
    def _expects(self) -> Self:
        if self.raises is None and not self.returns_something and self.changes is None:
            raise ValueError("say what the call `returns`, `raises` or `changes`")
        if self.raises is not None and (self.returns_something or self.changes is not None):
            raise ValueError("a call that `raises` returns and changes nothing; drop one of them")
        if self.changes is not None and len(self.changes) != len(self.args):
            raise ValueError(f"`changes` has {len(self.changes)} values for {len(self.args)} `args`; give one for each")
        return self

    @property
    def returns_something(self) -> bool:
        """Whether a value is expected; it may be None."""
        return "returns" in self.model_fields_set

    def call(self, function: str) -> str:
        """The call as Python writes it, cut to what a sentence can hold."""
        named = [f"{name}={shown(value, 60)}" for name, value in self.kwargs.items()]
        written = ", ".join([*(shown(value, 60) for value in self.args), *named])
        return f"{function}({written if len(written) <= 120 else written[:119] + '…'})"


class Code(Tolerances):
    """The function that the reply's code defines gives what is expected in every case."""

    language: Literal["python"] = Field(default="python", description="what the code is written in")
    function: Name = Field(description="the function to call; a class, or whatever can be called, will do")
    cases: Annotated[tuple[CodeCase, ...], Field(min_length=1, description="the calls, in their order")]
    call_timeout: Seconds = Field(default=CALL_SECONDS, description="seconds for one call, and for loading the code")
    timeout: Seconds = Field(default=TASK_SECONDS, description="seconds for all calls together")

    def likeness(self, case: CodeCase) -> Likeness:
        """How the values of a case are compared."""
        told = {name: getattr(self, name) for name in Tolerances.model_fields}
        told |= {name: own for name in told if (own := getattr(case, name)) is not None}
        return Likeness(**{name: value for name, value in told.items() if value is not None})


def code(reply: Reply, expected: Code, sandbox: Sandbox) -> CheckResult:
    """Load the reply's code and call its function, case by case, until one does not hold."""
    try:
        source = extract.code(reply.content, expected.language, expected.function)
    except Missed as missed:
        return missed_result(missed)
    try:
        candidate = sandbox.load(source, call_timeout=expected.call_timeout, timeout=expected.timeout)
    except CandidateError as error:
        return _failed(f"The code can't be loaded: {_told(error)}", error)
    try:
        function = _function(candidate, expected.function)
    except CandidateError as error:
        return _failed(f"The code has no function `{expected.function}`: {_told(error)}", error)
    for case in expected.cases:
        if fault := _fault(function, case, expected):
            return fault
    return CheckResult(ok=True, message=f"All {len(expected.cases)} cases hold.")


def _told(error: CandidateError) -> str:
    """An error of the candidate's in one line: `ValueError: negative`."""
    text = " ".join(str(error).split())
    return f"{error.kind}: {text}" if isinstance(error, MirroredError) else text


def _function(candidate: Any, name: str) -> Handle:
    """The function, as something that is called there, never here."""
    found = getattr(candidate, name)
    if isinstance(found, type):
        # `to_number = int` came as this process's own int.
        candidate.define(f"def polecat_calls_{name}(*args, **kwargs):\n    return {name}(*args, **kwargs)\n")
        found = getattr(candidate, f"polecat_calls_{name}")
    if not isinstance(found, Handle):
        raise CandidateError(f"it is the value {shown(found)}")
    return found


def _fault(function: Handle, case: CodeCase, expected: Code) -> CheckResult | None:
    """What is wrong with one case, if anything. The arguments are copies: the code may change them."""
    args, kwargs = copy.deepcopy(list(case.args)), copy.deepcopy(case.kwargs)
    call = case.call(expected.function)
    try:
        found, args = _plain(function(*args, **kwargs)), _plain(args)
    except CandidateError as error:
        if case.raises is not None and _is_a(error, case.raises):
            return None
        return _failed(f"{call} should {_wanted(case)}: {_told(error)}", error)
    if case.raises is not None:
        return _wrong(f"{call} returned {shown(found)}, and should {_wanted(case)}.")
    likeness = expected.likeness(case)
    if case.returns_something and not likeness.holds(found, case.returns):
        return _wrong(f"{call} returned {shown(found)}, and should {_wanted(case)}.")
    if case.changes is not None and not _left(args, case.changes, likeness):
        return _wrong(f"{call} left its arguments as {shown(args)}, and should leave {shown(list(case.changes))}.")
    return None


def _plain(found: Any, depth: int = _DEPTH) -> Any:
    """What was found, with the base value in place of objects whose class adds something to a type of values."""
    if isinstance(found, ValueHandle):
        found = found._polecat_value()  # noqa: SLF001 - no public name could be the candidate's
    if depth and type(found) in (list, tuple):
        return type(found)(_plain(each, depth - 1) for each in found)
    if depth and type(found) is dict:
        return {key: _plain(value, depth - 1) for key, value in found.items()}
    return found


def _left(args: list[Any], changes: tuple[Any, ...], likeness: Likeness) -> bool:
    return all(likeness.holds(found, expected) for found, expected in zip(args, changes, strict=True))


def _wanted(case: CodeCase) -> str:
    if case.raises is not None:
        return f"raise {case.raises}"
    return f"return {shown(case.returns)}" if case.returns_something else "change its arguments"


def _is_a(error: CandidateError, name: str) -> bool:
    """Whether the code raised an exception of this class. Being stopped is none."""
    if not isinstance(error, MirroredError):
        return False
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, Exception) and not issubclass(known, _BY_NAME):
        return isinstance(error, known)
    return any(each.__name__ == name for each in type(error).__mro__)


def _failed(message: str, error: CandidateError) -> CheckResult:
    return CheckResult(ok=False, message=message, mode=FailureMode(error.mode))


def _wrong(message: str) -> CheckResult:
    return CheckResult(ok=False, message=message, mode=FailureMode.TEST_FAILURE)
