"""A check that can't work is refused when its suite is loaded, with a message that names the mend."""

from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from pytest_polecat.grading.checks import BUILTIN

REMOTE = "https://example.com/schema.json"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"

REFUSED: list[tuple[str, Any, str]] = [
    ("sentences", {"count": 2, "max": 3}, "either `count` or `min` and `max`"),
    ("sentences", {"min": 3, "max": 2}, "`min` (3) is greater than `max` (2)"),
    ("sentences", {}, "give `count`"),
    ("sentences", None, "give `count`"),
    ("sentences", {"coutn": 2}, "Extra inputs are not permitted"),
    ("sentences", True, "valid integer"),
    ("sentences", "2", "valid integer"),
    ("sentences", -1, "greater than or equal to 0"),
    ("words", 0, "an empty reply never passes"),
    ("words", {"max": 0}, "an empty reply never passes"),
    ("paragraphs", {"min": 0}, "always holds"),
    ("lines", {"blank": "ignore"}, "give `count`"),
    ("lines", {"each": "("}, "not a valid regular expression"),
    ("items", {"style": "bullet"}, "give `count`"),
    ("items", {"count": 1, "style": "dots"}, "'any', 'bullet' or 'numbered'"),
    ("items", {"marker": "-"}, "give `count`"),
    ("items", {"count": 1, "marker": "–"}, "'-', '*', '+', '•', '1.' or '1)'"),
    ("items", {"count": 1, "marker": "-", "style": "numbered"}, "the marker '-' is none of the style numbered"),
    ("items", {"count": 1, "marker": "1.", "style": "bullet"}, "the marker '1.' is none of the style bullet"),
    ("keyword_count", {"count": 1}, "Field required"),
    ("keyword_count", {"keyword": " ", "count": 1}, "must not be blank"),
    ("keyword_count", "sun", "valid dictionary"),
    ("placeholders", {"min": 0}, "always holds"),
    ("includes", [], "an empty list would always hold"),
    ("includes", {"all": [""]}, "must not be blank"),
    ("includes", {"any": []}, "an empty list would always hold"),
    ("includes", {"word": "x"}, "Extra inputs"),
    ("excludes", [], "an empty list would always hold"),
    ("excludes", [1], "valid string"),
    ("exact", "", "must not be blank"),
    ("exact", {"text": "a", "any": ["b"]}, "either `text` or `any`"),
    ("exact", {"any": []}, "either `text` or `any`"),
    ("starts_with", {}, "either `text` or `any`"),
    ("ends_with", 3, "valid string"),
    ("regex", "[", "not a valid regular expression"),
    ("regex", {"pattern": "a", "full": True, "count": 1}, "drop it or the counts"),
    ("regex", {"full": True}, "Field required"),
    ("case", "camel", "'lower', 'upper', 'title' or 'sentence'"),
    ("alphabetical", "letters", "'lines', 'items' or 'words'"),
    ("punctuation", ",;", "write `none`"),
    ("punctuation", {}, "give `none`"),
    ("punctuation", {"forbid": ""}, "at least 1 character"),
    ("punctuation", {"forbid": ",", "require": ","}, "both required and forbidden"),
    ("punctuation", {"allow": ".", "require": "!"}, "both required and forbidden"),
    ("language", "xx", "unknown language 'xx'; known are ar, bg, de"),
    ("language", "german", "unknown language"),
    ("json", False, "checks nothing"),
    ("json", {"type": "integer"}, "Input should be"),
    ("json", {"type": "array", "keys": ["a"]}, "only an object has keys"),
    ("json", {"keys": ["a", "a"]}, "twice"),
    ("json", {"around": "anything"}, "'none', 'fence' or 'text'"),
    ("json_schema", {}, "accepts anything"),
    ("json_schema", None, "valid dictionary"),
    ("json_schema", True, "valid dictionary"),
    ("json_schema", {"type": "strnig"}, "no valid schema by https://json-schema.org/draft/2020-12"),
    ("json_schema", {"minimum": 1, "exclusiveMinimum": True}, "declare another draft by $schema"),
    ("json_schema", {"items": [{}, {}]}, "declare another draft by $schema"),
    ("json_schema", {"$schema": "http://json-schema.org/draft-03/schema#", "type": "string"}, "unknown draft"),
    ("json_schema", {"$schema": REMOTE, "type": "string"}, "unknown draft"),
    ("json_schema", {"pattern": "["}, "regex"),
    ("json_schema", {"format": "ipv5"}, "nothing checks the format 'ipv5'"),
    ("json_schema", {"properties": {"a": {"items": {"format": "ipv5"}}}}, "nothing checks the format 'ipv5'"),
    ("json_schema", {"definitions": {"a": {"format": "x"}}, "$ref": "#/definitions/a"}, "checks the format 'x'"),
    ("json_schema", {"$ref": REMOTE}, "leads out of the schema"),
    ("json_schema", {"properties": {"a": {"$ref": "other.json#/x"}}}, "leads out of the schema"),
    ("json_schema", {"$ref": DRAFT_7}, "leads out of the schema"),
    ("json_schema", {"$schema": DRAFT_7, "items": {"$ref": "#/definitions/none"}}, "or nowhere"),
    ("json_schema", {"$dynamicRef": REMOTE}, "leads out of the schema"),
    ("json_schema", {"$ref": "#"}, "refers to itself without end"),
    ("choice", "E", "not one of the options ABCD"),
    ("choice", "AB", "not one of the options"),
    ("choice", "", "not one of the options"),
    ("choice", {"answer": "A", "options": 1}, "2 to 26"),
    ("choice", {"answer": "A", "options": "AAB"}, "each once"),
    ("choice", {"answer": "A", "options": True}, "valid"),
    ("number", "forty-two", "not a number"),
    ("number", float("nan"), "finite"),
    ("number", True, "valid"),
    ("number", {"value": 1, "abs": -1}, "greater than or equal to 0"),
    ("number", {"value": 1, "rel": float("inf")}, "finite"),
    ("number", {"valeu": 1}, "Field required"),
    ("number", {"value": 1, "label": " "}, "must not be blank"),
    ("symbolic", "x + 1", "can't be read"),
    ("symbolic", {"set": ["1"], "form": "factored"}, "`form` is for a polynomial `value`"),
    ("code", None, "Field required"),
    ("code", "f", "valid dictionary"),
    ("code", {"function": "f", "cases": []}, "at least 1 item"),
    ("code", {"function": "f.g", "cases": [{"returns": 1}]}, "without brackets and dots"),
    ("code", {"function": "__f__", "cases": [{"returns": 1}]}, "is no name that code can define"),
    ("code", {"function": "f", "cases": [{"args": [1]}]}, "say what the call `returns`, `raises` or `changes`"),
    ("code", {"function": "f", "cases": [{"returns": None, "raises": "ValueError"}]}, "drop one of them"),
    ("code", {"function": "f", "cases": [{"args": [1], "changes": []}]}, "0 values for 1 `args`"),
    ("code", {"function": "f", "cases": [{"args": 1, "returns": 1}]}, "valid tuple"),
    ("code", {"function": "f", "cases": [{"kwargs": {"a b": 1}, "returns": 1}]}, "is no name"),
    ("code", {"function": "f", "cases": [{"raises": "no such"}]}, "is no name"),
    ("code", {"function": "f", "cases": [{"returns": 1, "unordered": 1}]}, "valid boolean"),
    ("code", {"function": "f", "cases": [{"returns": 1}], "rel": 2}, "less than 1"),
    ("code", {"function": "f", "cases": [{"returns": 1}], "call_timeout": 0}, "greater than 0"),
    ("code", {"function": "f", "cases": [{"returns": 1}], "language": "cobol"}, "'python'"),
    ("stdio", {"cases": []}, "at least 1 item"),
    ("stdio", {"cases": [{"stdin": "3"}]}, "what the program must print (`stdout`), or its `status`"),
    ("stdio", {"cases": [{"stdout": 6}]}, "valid string"),
    ("stdio", {"cases": [{"stdout": "6", "status": True}]}, "valid integer"),
    ("stdio", {"cases": [{"stdout": "6"}], "exact": "yes"}, "valid boolean"),
    ("tool_calls", {}, "give one of `calls`"),
    ("tool_calls", {"name": "f", "arguments": {"x": {"$anyof": [1]}}}, "'$anyof' is no matcher"),
    ("tool_calls", {"name": "f", "form": "text"}, "Extra inputs"),
    ("short_answer", [], "give at least one answer"),
    ("short_answer", "?!", "nothing is left of the answer"),
    ("short_answer", {"any": ["x"], "case": True}, "Extra inputs"),
    ("f1", {"any": ["x"]}, "Field required"),
    ("f1", {"any": ["the"], "min": 0.5}, "nothing is left of 'the'"),
    ("f1", {"any": ["x"], "min": 0}, "greater than 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expectation", "problem"), REFUSED, ids=lambda value: repr(value)[:50])
def test_a_check_that_can_not_work_is_refused_with_the_mend(name: str, expectation: object, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BUILTIN[name].expectation.model_validate(expectation)
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", BUILTIN)
def test_every_check_refuses_some_expectation(name: str) -> None:
    assert any(name == refused for refused, _, _ in REFUSED)


@pytest.mark.parametrize("name", BUILTIN)
def test_every_check_describes_itself_by_a_json_schema_for_editors(name: str) -> None:
    schema = BUILTIN[name].expectation.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["description"]
    assert schema["additionalProperties"] is False


def test_the_short_form_is_the_long_form() -> None:
    for name, short, long in [
        ("sentences", 2, {"count": 2}),
        ("includes", ["a"], {"all": ["a"]}),
        ("exact", "x", {"text": "x"}),
        ("json", True, {}),
        ("json_schema", {"type": "null"}, {"schema": {"type": "null"}}),
        ("choice", "C", {"answer": "C"}),
        ("punctuation", "none", {"allow": ""}),
    ]:
        model = BUILTIN[name].expectation
        assert model.model_validate(short) == model.model_validate(long)


def test_a_schema_may_have_properties_named_like_the_keys_of_the_long_form() -> None:
    schema = {"type": "object", "properties": {"schema": {"type": "string"}, "format": {"const": 1}}}
    expectation: Any = BUILTIN["json_schema"].expectation.model_validate(schema)
    assert expectation.schema_ == schema
