"""The check `json`: the reply is one strict JSON value."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, Text, formatted
from pytest_polecat.grading.checks.text import quote
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.grading.strict_json import Around, json_value

AROUND = "what may stand around the value: nothing, at most one code fence, or any prose"


class Json(Plain):
    """One strict JSON value (RFC 8259): no NaN, no duplicate keys, nothing after it. Short form: `true`."""

    short: ClassVar[str | None] = None

    around: Around = Field(default="none", description=AROUND)
    type: Literal["object", "array", "string", "number", "boolean", "null", "any"] = Field(
        default="any", description="the type of the value"
    )
    keys: tuple[Text, ...] | None = Field(default=None, description="the value is an object with exactly these keys")

    @model_validator(mode="before")
    @classmethod
    def _true(cls, value: object) -> object:
        if value is False:
            raise ValueError("`json: false` checks nothing; write `json: true` or drop it")
        return {} if value is True else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.keys is not None and self.type not in ("object", "any"):
            raise ValueError(f"only an object has keys; drop `keys` or `type: {self.type}`")
        if self.keys is not None and len(set(self.keys)) < len(self.keys):
            raise ValueError("a key is given twice in `keys`")
        return self


def json(content: str, expected: Json) -> CheckResult:
    """Read the JSON and look at its type and keys."""
    try:
        value = json_value(content, expected.around)
    except Missed as missed:
        return missed_result(missed)
    wanted = "object" if expected.keys is not None else expected.type
    found = type_name(value)
    if wanted not in ("any", found):
        return formatted(False, f"Expected JSON of the type {wanted}, found {found}.")
    if expected.keys is not None and set(value) != set(expected.keys):
        return formatted(False, _key_difference(value, expected.keys))
    return formatted(True, f"Found valid JSON: {found}.")


def type_name(value: Any) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _key_difference(value: dict[str, Any], keys: tuple[str, ...]) -> str:
    missing = [key for key in keys if key not in value]
    extra = [key for key in value if key not in keys]
    if missing:
        return f"Expected exactly the keys {', '.join(keys)}; missing: {', '.join(missing)}."
    return f"Expected exactly the keys {', '.join(keys)}; found also {', '.join(map(quote, extra[:5]))}."
