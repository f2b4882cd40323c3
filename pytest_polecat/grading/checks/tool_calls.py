"""The check `tool_calls`: which tools the model calls, and with which arguments.

Calls are compared as data, never by substring. What calls no tool at all, or could call none (no name, an unknown name,
arguments that are no JSON object or that the tool's own JSON Schema refuses), has the mode `invalid_tool_call`.
"""

from collections.abc import Container, Sequence
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from pytest_polecat.errors import Missed, SuiteError
from pytest_polecat.grading.checks.base import CheckResult, Expectation
from pytest_polecat.grading.checks.called import Called, Tools, native_calls, text_calls, written_as_text
from pytest_polecat.grading.checks.forms import Natural, Text, worded
from pytest_polecat.grading.checks.json_patterns import assigned, fault, mismatch, shown
from pytest_polecat.grading.checks.json_text import AROUND
from pytest_polecat.grading.checks.text import blank, quote
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.grading.strict_json import Around
from pytest_polecat.records.base import Record
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.question import Question
from pytest_polecat.records.reply import Reply


class Call(Record):
    """One call: the tool's name and what its arguments must be like (values, or matchers such as `{$any_of: […]}`)."""

    name: Text
    arguments: dict[str, JsonValue] = Field(default={}, description="arguments that must be given")
    optional: dict[str, JsonValue] = Field(default={}, description="arguments that may be left out")
    extra: bool = Field(default=False, description="whether the call may have further arguments that its tool knows")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if both := [name for name in self.arguments if name in self.optional]:
            raise ValueError(f"the argument {both[0]!r} is both in `arguments` and in `optional`; drop one")
        if problem := fault([*self.arguments.values(), *self.optional.values()]):
            raise ValueError(problem)
        return self


Calls = Annotated[tuple[Call, ...], BeforeValidator(lambda value: [value] if isinstance(value, dict) else value)]
"""Calls; a single one may stand without a list."""


class ToolCalls(Expectation):
    """The calls that the model must make, and no others. Short forms: a call, or a list of calls."""

    calls: Calls = Field(default=(), description="these calls")
    any_of: tuple[Calls, ...] = Field(default=(), description="one of these sets of calls")
    none: bool = Field(default=False, description="no call: the model answers in words (form text: with an empty list)")
    count: Natural | None = Field(
        default=None, description="how many calls in all: those beyond `calls` may be any that their tools accept"
    )
    order: Literal["any", "given"] = "any"
    form: Literal["native", "text"] = Field(
        default="native", description="calls by the API, or as JSON in the text: {name, arguments}, or a list of them"
    )
    around: Around = Field(default="none", description=f"in the form text, {AROUND}")
    tools: dict[Text, dict[str, JsonValue]] = Field(
        default={}, description="in the form text, the JSON Schema of each tool's arguments by the tool's name"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, list) or (isinstance(value, dict) and "name" in value):
            return {"calls": value}
        return {} if value is None else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wanted = [bool(self.calls) or self.count is not None, bool(self.any_of), self.none]
        if wanted.count(True) != 1:
            raise ValueError("give one of `calls` (or `count`), `any_of` and `none: true`")
        if self.count is not None and self.count < max(1, len(self.calls)):
            raise ValueError("`count` is less than the calls that it counts; for no call write `none: true`")
        if self.count is not None and self.calls and self.order == "given":
            raise ValueError("`order: given` says where each call stands; leave `count` out, and list all calls")
        if not all(self.any_of):
            raise ValueError("a set of calls in `any_of` is empty; for no call write `none: true`")
        return self

    @model_validator(mode="after")
    def _form(self) -> Self:
        if self.form == "native" and (self.tools or self.around != "none"):
            raise ValueError("`tools` and `around` are for `form: text`; native tools stand at the question")
        if self.form == "text":
            if not self.tools:
                raise ValueError("`form: text` needs `tools`: {name: the JSON Schema of its arguments}")
            if unknown := self.unknown(self.tools):
                raise ValueError(f"{unknown!r} is none of the `tools`")
            Tools(self.tools)
        return self

    @property
    def sets(self) -> tuple[tuple[Call, ...], ...]:
        """The sets of calls of which one must be made."""
        return self.any_of or (self.calls,)

    def unknown(self, tools: Container[str]) -> str | None:
        """A tool that is expected to be called and does not exist."""
        return next((call.name for calls in self.sets for call in calls if call.name not in tools), None)


def tool_calls(reply: Reply, expected: ToolCalls, question: Question) -> CheckResult:
    """Read the calls and compare them. An expectation that doesn't fit the question's tools is a `SuiteError`."""
    tools = Tools(expected.tools if expected.form == "text" else question.functions)
    if not tools.names:
        raise SuiteError(f"{question.id}: `tool_calls` needs the question's `tools`, or `form: text`")
    if unknown := expected.unknown(tools.names):
        raise SuiteError(f"{question.id}: `tool_calls` expects a call of {unknown!r}, which is none of its `tools`")
    try:
        found = native_calls(reply, tools) if expected.form == "native" else text_calls(reply, tools, expected.around)
    except Missed as missed:
        return missed_result(missed)
    if expected.form == "native" and not found and (call := written_as_text(reply.content, tools)):
        message = f"A call stands in the text ({quote(call)}), where nothing is called."
        return CheckResult(False, message, FailureMode.INVALID_TOOL_CALL)
    if expected.none:
        return _nothing_called(reply, found)
    problems = [_difference(found, calls, expected) for calls in expected.sets]
    if "" in problems:
        return worded(True, f"Called {_listed(found)}.")
    return worded(False, problems[0] if len(problems) == 1 else f"Found none of {len(problems)} ways: {problems[0]}")


def _nothing_called(reply: Reply, found: Sequence[Called]) -> CheckResult:
    if found:
        return worded(False, f"Expected no tool call, found {_listed(found)}.")
    if blank(reply.content):
        return CheckResult(False, "The reply is empty.", FailureMode.EMPTY)
    return worded(True, "No tool was called.")


def _difference(found: Sequence[Called], calls: Sequence[Call], expected: ToolCalls) -> str:
    """Why the calls found are not those expected; empty if they are."""
    count = expected.count or len(calls)
    if len(found) != count:
        wanted = ", ".join(call.name for call in calls)
        return f"Expected {count} tool call{'s' * (count != 1)}{f' ({wanted})' * bool(wanted)}, found {_listed(found)}."
    if expected.order == "given":
        places: list[int | None] = [
            index if not _unlike(each, call) else None
            for index, (each, call) in enumerate(zip(found, calls, strict=True))
        ]
    else:
        places = assigned(calls, found, lambda call, each: not _unlike(each, call))
    if None not in places:
        return ""
    missing = places.index(None)
    call = calls[missing]
    rivals = [found[missing]] if expected.order == "given" else [each for each in found if each.name == call.name]
    where = f" as call {missing + 1}" if expected.order == "given" and len(calls) > 1 else ""
    if rivals and rivals[0].name == call.name:
        return f"Expected another call of {call.name}{where}: {_unlike(rivals[0], call)}."
    return f"Expected a call of {call.name}{where}, found {_listed(found)}."


def _unlike(found: Called, call: Call) -> str:
    """How a call differs from the one expected; empty if it doesn't."""
    if found.name != call.name:
        return f"it calls {found.name}"
    if missing := [name for name in call.arguments if name not in found.arguments]:
        return f"it lacks the argument {missing[0]!r}"
    known = {**call.arguments, **call.optional}
    extra = [name for name in found.arguments if name not in known]
    if extra and not call.extra:
        return f"it has the argument {quote(extra[0])}, which nobody asked for"
    pairs = ((value, known[name], name) for name, value in found.arguments.items() if name in known)
    return next(filter(None, (mismatch(*each) for each in pairs)), "")


def _listed(found: Sequence[Called]) -> str:
    names = [f"{call.name}({shown(call.arguments)})" for call in found[:3]]
    return ", ".join(names) + (f" and {len(found) - 3} more" if len(found) > 3 else "") or "none"
