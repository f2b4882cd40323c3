"""Reading the tool calls of a reply, from the API's own field or from JSON in the text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from pytest_polecat.errors import Missed, SuiteError
from pytest_polecat.grading.checks.json_schema import JsonSchema, violations
from pytest_polecat.grading.checks.text import quote
from pytest_polecat.grading.strict_json import Around, json_value
from pytest_polecat.records.reply import Reply, ToolCall

_MARKS = re.compile(
    r"<tool_call\b|<function(?:=|_call\b)|<invoke\s|\[TOOL_CALLS\]|<[|｜](?:python_tag|tool[_▁]calls?)", re.IGNORECASE
)
_WRITTEN_CALL = re.compile(r"\s*+\[?([\w.-]{1,100})\(.*\)\]?\s*", re.DOTALL)
_NAMED = re.compile(r"\"(?:name|function|tool|tool_name)\"\s*:\s*\"([^\"\n]{1,200})\"")


@dataclass(frozen=True)
class Called:
    """One call that could be made: a tool that exists, with arguments that it accepts."""

    name: str
    arguments: dict[str, Any]


class Tools:
    """The tools on offer, by the JSON Schema of their arguments (an empty one accepts anything).

    Raises `SuiteError` for a schema that nothing can be checked by.
    """

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self.names = frozenset(schemas)
        self._schemas = {name: _schema(name, json.dumps(schema)) for name, schema in schemas.items() if schema}

    def called(self, name: str, arguments: Any) -> Called:
        """The call. Raises `Missed` (`invalid_tool_call`) if nobody could make it."""
        self.refuse_unknown(name)
        if not isinstance(arguments, dict):
            raise _invalid(f"The arguments of {name} are no JSON object.")
        schema = self._schemas.get(name)
        if schema and (problem := violations(arguments, schema)):
            raise _invalid(f"{name} does not accept its arguments: {problem}.")
        return Called(name, arguments)

    def refuse_unknown(self, name: str) -> None:
        """Raise `Missed` (`invalid_tool_call`) for a name that is none of a tool."""
        if not name.strip():
            raise _invalid("A tool call has no name.")
        if name not in self.names:
            raise _invalid(f"There is no tool {quote(name)}.")


def native_calls(reply: Reply, tools: Tools) -> list[Called]:
    """The calls that the API reports. Raises `Missed` (`invalid_tool_call`) if one of them could not be made."""
    for call in reply.tool_calls:
        tools.refuse_unknown(call.name)
    return [tools.called(call.name, _arguments(call)) for call in reply.tool_calls]


def text_calls(reply: Reply, tools: Tools, around: Around) -> list[Called]:
    """The calls in the text: one JSON object `{"name", "arguments"}`, or a list of such. Raises `Missed`."""
    if reply.tool_calls:
        raise _invalid("Expected calls as JSON in the text, found one of the API's own.")
    value = json_value(reply.content, around)
    calls = value if isinstance(value, list) else [value]
    return [tools.called(*_read(call)) for call in calls]


def written_as_text(content: str, tools: Tools) -> str:
    """What looks like a tool call in a text where it calls nothing; empty if nothing does."""
    if mark := _MARKS.search(content):
        return mark[0]
    whole = _WRITTEN_CALL.fullmatch(content)
    matches = (*([whole] if whole else ()), *_NAMED.finditer(content))
    return next((match[0] for match in matches if match[1] in tools.names), "")


def _arguments(call: ToolCall) -> Any:
    try:
        return json_value(call.arguments)
    except Missed:
        raise _invalid(f"The arguments of {call.name} are not valid JSON: {quote(call.arguments)}.") from None


def _read(call: Any) -> tuple[str, Any]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call.keys() <= {"name", "arguments"}:
        raise _invalid('A call should be an object with the keys "name" and "arguments".')
    return call["name"], call.get("arguments", {})


@lru_cache(maxsize=1024)
def _schema(name: str, schema: str) -> JsonSchema:
    try:
        return JsonSchema.model_validate({"schema": json.loads(schema)})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SuiteError(f"the parameters of the tool {name!r} are no JSON Schema to check by: {problem}") from None


def _invalid(message: str) -> Missed:
    return Missed(message, "invalid_tool_call")
