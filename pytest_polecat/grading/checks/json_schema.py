r"""The check `json_schema`: the reply is JSON that a schema accepts.

The validator is that of the draft which the schema's `$schema` declares, 2020-12 unless it does. Formats are asserted.
Nothing is ever fetched: a reference must resolve inside the schema. Beyond the library's rules, `pattern` follows
ECMA-262 where Python differs (`$` is the very end, `\d` and `\w` are ASCII), an e-mail address needs something on
both sides of its only `@`, and no formatted text may end with a line break.
"""

import copy
import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import Any, ClassVar, Self

import jsonschema
import referencing
import referencing.exceptions
from jsonschema import validators
from jsonschema.protocols import Validator
from pydantic import Field, JsonValue, model_validator

from pytest_polecat.errors import Missed, SuiteError
from pytest_polecat.grading.checks.base import CheckResult, Expectation
from pytest_polecat.grading.checks.forms import formatted
from pytest_polecat.grading.checks.json_text import AROUND
from pytest_polecat.grading.checks.patterns import bounded, compiled
from pytest_polecat.grading.checks.text import quote
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.grading.strict_json import Around, json_value

DRAFTS: dict[str, type[Validator]] = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema.Draft7Validator,
    "http://json-schema.org/draft-06/schema": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-04/schema": jsonschema.Draft4Validator,
}
_DEFAULT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PROBES: tuple[Any, ...] = (None, True, 0, "", [], {})
_SHOWN = 3
_LONGEST_FORMATTED = 10_000
_EMAIL = re.compile(r"(?:[^\s@\"]+|\"[^\"\r\n]+\")@[^\s@.]+(?:\.[^\s@.]+)*")
_DOLLAR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|\$", re.DOTALL)


class JsonSchema(Expectation):
    """A JSON Schema that the reply's JSON must satisfy. Short form: the schema itself."""

    short: ClassVar[str | None] = "schema"

    schema_: dict[str, JsonValue] = Field(alias="schema", description="the schema; `$schema` declares its draft")
    around: Around = Field(default="none", description=AROUND)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        long = isinstance(value, dict) and "schema" in value and set(value) <= {"schema", "around"}
        return value if long else {"schema": value}

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.schema_:
            raise ValueError("an empty schema accepts anything; write `json: true` for that")
        draft = _draft(self.schema_)
        try:
            draft.check_schema(self.schema_)
        except jsonschema.SchemaError as error:
            name = self.schema_.get("$schema", f"{_DEFAULT} (the default: declare another draft by $schema)")
            raise ValueError(f"no valid schema by {name}: at {error.json_path}: {_clip(error.message)}") from None
        except RecursionError:
            raise ValueError("the schema is nested too deeply") from None
        _refuse_unusable(self.schema_, draft)
        try:
            for probe in _PROBES:
                self.validator.is_valid(probe)
        except RecursionError:
            raise ValueError("the schema refers to itself without end") from None
        return self

    @cached_property
    def validator(self) -> Validator:
        """The validator of the schema's draft."""
        draft = _strict(_draft(self.schema_))
        return draft(self.schema_, registry=referencing.Registry(), format_checker=_formats(_draft(self.schema_)))


def json_schema(content: str, expected: JsonSchema) -> CheckResult:
    """Read the JSON and validate it. A schema that takes for ever is a `SuiteError`."""
    try:
        value = json_value(content, expected.around)
    except Missed as missed:
        return missed_result(missed)
    if found := violations(value, expected):
        return formatted(False, f"The JSON violates the schema: {found}.")
    return formatted(True, "The JSON is as the schema wants it.")


def violations(value: Any, expected: JsonSchema) -> str:
    """The first few places where a JSON value violates the schema, and how; empty if it doesn't.

    Raises `SuiteError` for a schema that takes for ever.
    """
    try:
        with bounded("the schema"):
            errors = list(itertools.islice(expected.validator.iter_errors(value), _SHOWN + 1))
            found = "; ".join(f"{_clip(error.json_path)}: {_clip(error.message)}" for error in errors[:_SHOWN])
    except RecursionError:
        raise SuiteError("the schema refers to itself too deeply to check a reply; simplify it") from None
    return f"{found}; and more" if len(errors) > _SHOWN else found


def _draft(schema: Mapping[str, Any]) -> type[Validator]:
    uri = schema.get("$schema", _DEFAULT)
    if not isinstance(uri, str) or (draft := DRAFTS.get(uri.removesuffix("#"))) is None:
        raise ValueError(f"unknown draft {uri!r} in $schema; known are {', '.join(DRAFTS)}")
    return draft


@cache
def _strict(draft: type[Validator]) -> type[Validator]:
    strict: type[Validator] = validators.extend(draft, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    return strict


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not compiled(_as_in_ecma(pattern), re.ASCII).search(instance):
        yield jsonschema.ValidationError(f"{quote(instance)} does not match {pattern!r}")


@lru_cache(maxsize=1024)
def _as_in_ecma(pattern: str) -> str:
    return _DOLLAR.sub(lambda match: r"\Z" if match[0] == "$" else match[0], pattern)


@cache
def _formats(draft: type[Validator]) -> jsonschema.FormatChecker:
    """The library's format checks of a draft, with its gaps closed."""
    checker = copy.copy(draft.FORMAT_CHECKER)
    checker.checkers = {name: (_guarded(check), errors) for name, (check, errors) in checker.checkers.items()}
    for name in ("email", "idn-email"):
        if name in checker.checkers:
            checker.checkers[name] = (_guarded(_is_email), ())
    return checker


def _guarded(check: Any) -> Any:
    def is_formatted(value: object) -> bool:
        if isinstance(value, str) and (len(value) > _LONGEST_FORMATTED or value.endswith(("\n", "\r"))):
            return False
        return bool(check(value))

    return is_formatted


def _is_email(value: object) -> bool:
    return not isinstance(value, str) or _EMAIL.fullmatch(value) is not None


def _refuse_unusable(schema: dict[str, Any], draft: type[Validator]) -> None:
    """Raise `ValueError` for a reference that leads out of the schema, and for a format that nothing checks."""
    specification = referencing.jsonschema.specification_with(str(draft.META_SCHEMA.get("$schema", _DEFAULT)))
    root = specification.create_resource(schema)
    known = _formats(draft).checkers
    resolver = referencing.Registry().resolver_with_root(root)
    queue, seen = [(root, resolver)], set()
    while queue:
        resource, resolver = queue.pop()
        if id(resource.contents) in seen or not isinstance(resource.contents, dict):
            continue
        seen.add(id(resource.contents))
        name = resource.contents.get("format")
        if isinstance(name, str) and name not in known:
            raise ValueError(f"nothing checks the format {name!r} in this draft; known are {', '.join(sorted(known))}")
        for keyword in _REFERENCES:
            if isinstance(reference := resource.contents.get(keyword), str):
                target = _resolved(resolver, reference)
                queue.append((specification.create_resource(target.contents), target.resolver))
        queue += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


def _resolved(resolver: Any, reference: str) -> Any:
    try:
        return resolver.lookup(reference)
    except (referencing.exceptions.Unresolvable, ValueError):
        raise ValueError(
            f"the reference {reference!r} leads out of the schema or nowhere; copy it in under $defs"
        ) from None


def _clip(message: str) -> str:
    return quote(message, 160)[1:-1]
