"""The form of a suite file, and the JSON Schema that editors complete it by."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from pytest_polecat.records.question import Question, SuiteHeader

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


class SuiteFile(SuiteHeader):
    """A `*.polecat.yaml` file: the header's keys and the questions."""

    questions: Annotated[tuple[Question, ...], Field(min_length=1)]


def suite_schema(expectations: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a suite file, with each check's expectation spelt out.

    `expectations` maps the name of a check to the model of its long form. Short forms are any value: the check itself
    validates them when the suite is loaded.
    """
    schema = SuiteFile.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    checks: dict[str, Any] = {}
    for name, model in sorted(expectations.items()):
        expectation = model.model_json_schema()
        definitions.update(expectation.pop("$defs", {}))
        definitions[f"check-{name}"] = expectation
        checks[name] = {"description": expectation.get("description", ""), "anyOf": [_ref(f"check-{name}"), {}]}
    definitions["CheckSpec"] = {
        "description": "One check: its name and what it expects, with an optional weight.",
        "anyOf": [
            {"enum": sorted(checks)},
            {
                "type": "object",
                "properties": {**checks, "weight": {"type": "number", "exclusiveMinimum": 0, "default": 1}},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 2,
            },
        ],
    }
    for name in ("Answer", "DeclaredAnswer"):
        definitions[name] = {"anyOf": [{"type": ["string", "array"]}, definitions[name]]}
    declared = definitions["DeclaredAnswer"]["anyOf"][1]
    declared["properties"] |= definitions["Answer"]["anyOf"][1]["properties"]
    declared.pop("required", None)
    return {"$schema": SCHEMA_ID, **schema, "title": "A polecat suite"}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}
