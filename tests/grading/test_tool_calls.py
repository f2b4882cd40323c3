"""The check `tool_calls`: calls compared as data, and what it refuses although it looks like the right call."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_polecat.errors import SuiteError
from pytest_polecat.grading.checks import BUILTIN, CheckResult
from pytest_polecat.grading.grader import Grader
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.question import CheckSpec, Question
from pytest_polecat.records.reply import Reply, ToolCall

INVALID, WRONG = FailureMode.INVALID_TOOL_CALL, FailureMode.WRONG_ANSWER

WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "alerts": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "place": {"type": "object"},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
}
TOOLS = [WEATHER, {"name": "stop"}, {"name": "note", "parameters": {"type": "object"}}]
SCHEMAS = {"get_weather": WEATHER["parameters"], "stop": {}}

OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome"}}
STOP = {"name": "stop", "arguments": {}}


def calls(*made: dict[str, Any] | tuple[str, str]) -> Reply:
    """A reply with these calls: objects, or pairs of a name and the arguments as the model wrote them."""
    pairs = [(one["name"], json.dumps(one["arguments"])) if isinstance(one, dict) else one for one in made]
    return Reply(
        tool_calls=tuple(ToolCall(name=name, arguments=text, id=f"c{n}") for n, (name, text) in enumerate(pairs))
    )


def weather(**arguments: Any) -> Reply:
    return calls({"name": "get_weather", "arguments": arguments})


def wants(**arguments: Any) -> dict[str, Any]:
    return {"name": "get_weather", "arguments": arguments}


def verify(expectation: Any, reply: Reply | str, tools: Any = TOOLS) -> CheckResult:
    check = BUILTIN["tool_calls"]
    question = Question.model_validate({"id": "q", "prompt": "Weather?", "tools": tools})
    reply = Reply(content=reply) if isinstance(reply, str) else reply
    return check.verify(reply, check.expectation.model_validate(expectation), question)


def text(**fields: Any) -> dict[str, Any]:
    return {"form": "text", "tools": SCHEMAS, **fields}


ACCEPTED: dict[str, tuple[Any, Reply | str]] = {
    "the plain call": (OSLO, weather(city="Oslo")),
    "words beside the call": (OSLO, weather(city="Oslo").model_copy(update={"content": "Let me look."})),
    "blanks and another order in the JSON": (
        wants(city="Oslo", days=3),
        calls(("get_weather", '\n{ "days" : 3,\t"city":"Oslo"}\n')),
    ),
    "letters written as escapes": (wants(city="Tromsø"), calls(("get_weather", r'{"city": "Troms\u00f8"}'))),
    "a whole number written with a point": (wants(city="Oslo", days=3), weather(city="Oslo", days=3.0)),
    "a number in scientific notation": (
        {"name": "note", "arguments": {"metres": 1500}},
        calls(("note", '{"metres": 1.5e3}')),
    ),
    "a tool without parameters, called with none": ("stop", calls(("stop", "{}"))),
    "an optional argument left out": ({**OSLO, "optional": {"unit": "celsius"}}, weather(city="Oslo")),
    "an optional argument given": ({**OSLO, "optional": {"unit": "celsius"}}, weather(city="Oslo", unit="celsius")),
    "a further argument where such are declared": ({**OSLO, "extra": True}, weather(city="Oslo", days=2)),
    "one of several texts": (wants(city={"$any_of": ["Oslo", "Oslo, Norway"]}), weather(city="Oslo, Norway")),
    "a text by a pattern": (wants(city={"$regex": "Oslo(, .+)?"}), weather(city="Oslo, Norway")),
    "another case where it is declared": (wants(city={"$ignore_case": "oslo"}), weather(city="OSLO")),
    "a list in any order": (
        wants(city="Oslo", tags={"$any_order": ["a", {"$regex": "b+"}]}),
        weather(city="Oslo", tags=["bb", "a"]),
    ),
    "a matcher deep inside": (
        wants(city="Oslo", place={"at": [{"$any_of": [1, 2]}]}),
        weather(city="Oslo", place={"at": [2]}),
    ),
    "two calls in any order": ([OSLO, ROME], calls(ROME, OSLO)),
    "calls of which a greedy pairing would lose one": (
        [wants(city={"$regex": ".+"}), ROME],
        calls(ROME, OSLO),
    ),
    "calls in the given order": ({"calls": [OSLO, ROME], "order": "given"}, calls(OSLO, ROME)),
    "one of two ways": ({"any_of": [[OSLO, ROME], STOP]}, calls(STOP)),
    "as many calls as are counted": ({"calls": OSLO, "count": 2}, calls(ROME, OSLO)),
    "an answer in words": ({"none": True}, "I can't book trains; the name of that tool is not on my list."),
    "a call in the text": (text(calls=OSLO), ' {"name": "get_weather", "arguments": {"city": "Oslo"}}\n'),
    "a list of calls in the text": (text(calls=[OSLO, STOP]), json.dumps([{"name": "stop"}, OSLO])),
    "a fence where one is declared": (text(calls=OSLO, around="fence"), f"```json\n{json.dumps(OSLO)}\n```"),
    "an empty list for no call": (text(none=True), "[]"),
}

REFUSED: dict[str, tuple[Any, Reply | str, FailureMode]] = {
    "the name of the tool in the text": (OSLO, "I will call get_weather with city Oslo.", WRONG),
    "a call hidden in the text": (OSLO, json.dumps(OSLO), INVALID),
    "a call in tags that no server read": (OSLO, f"<tool_call>\n{json.dumps(OSLO)}\n</tool_call>", INVALID),
    "a call without a name": (OSLO, calls(("", '{"city": "Oslo"}')), INVALID),
    "a call with a blank name": ({"none": True}, calls((" ", "{}")), INVALID),
    "a tool that does not exist": (OSLO, calls(("get_weather_now", '{"city": "Oslo"}')), INVALID),
    "the right name in another case": (OSLO, calls(("Get_Weather", '{"city": "Oslo"}')), INVALID),
    "arguments that break off": (OSLO, calls(("get_weather", '{"city": "Oslo"')), INVALID),
    "arguments with a key twice": (OSLO, calls(("get_weather", '{"city": "Rome", "city": "Oslo"}')), INVALID),
    "arguments that are a list": (OSLO, calls(("get_weather", '["Oslo"]')), INVALID),
    "arguments as a text that holds JSON": (OSLO, calls(("get_weather", '"{\\"city\\": \\"Oslo\\"}"')), INVALID),
    "a number as a text": (wants(city="Oslo", days=3), weather(city="Oslo", days="3"), INVALID),
    "true for a number": ({"name": "note", "arguments": {"n": 1}}, calls(("note", '{"n": true}')), WRONG),
    "a number for true": ({"name": "note", "arguments": {"on": True}}, calls(("note", '{"on": 1}')), WRONG),
    "null for a missing argument": (OSLO, weather(city="Oslo", unit=None), INVALID),
    "a value outside the enum": ({**OSLO, "extra": True}, weather(city="Oslo", unit="kelvin"), INVALID),
    "an argument that the tool lacks": ({**OSLO, "extra": True}, weather(city="Oslo", town="Oslo"), INVALID),
    "an argument that nobody asked for": (OSLO, weather(city="Oslo", days=1), WRONG),
    "a missing required argument": (OSLO, weather(days=1), INVALID),
    "another value of an optional argument": (
        {**OSLO, "optional": {"unit": "celsius"}},
        weather(city="Oslo", unit="fahrenheit"),
        WRONG,
    ),
    "a text that contains the right one": (OSLO, weather(city="Oslo, Norway"), WRONG),
    "another case": (OSLO, weather(city="oslo"), WRONG),
    "a pattern that matches a part only": (wants(city={"$regex": "Oslo"}), weather(city="Oslo 2"), WRONG),
    "a list in another order": (wants(city="Oslo", tags=["a", "b"]), weather(city="Oslo", tags=["b", "a"]), WRONG),
    "one entry for two": (
        wants(city="Oslo", tags={"$any_order": ["a", "b"]}),
        weather(city="Oslo", tags=["a", "a"]),
        WRONG,
    ),
    "one call for two": ([OSLO, ROME], calls(OSLO), WRONG),
    "the same call twice for two": ([OSLO, ROME], calls(OSLO, OSLO), WRONG),
    "the right call and another": (OSLO, calls(OSLO, STOP), WRONG),
    "the right call made twice": (OSLO, calls(OSLO, OSLO), WRONG),
    "calls in the wrong order": ({"calls": [OSLO, ROME], "order": "given"}, calls(ROME, OSLO), WRONG),
    "half of one way and half of the other": ({"any_of": [[OSLO, ROME], [STOP]]}, calls(OSLO), WRONG),
    "fewer calls than are counted": ({"calls": OSLO, "count": 2}, calls(OSLO), WRONG),
    "a call where none is wanted": ({"none": True}, calls(OSLO), WRONG),
    "a call written into an answer in words": ({"none": True}, f"Sure: {json.dumps(OSLO)}", INVALID),
    "a call written as code": ({"none": True}, "[get_weather(city='Oslo')]", INVALID),
    "prose around the JSON": (text(calls=OSLO), f"Here: {json.dumps(OSLO)}", FailureMode.FORMAT_VIOLATION),
    "a fence that was not declared": (
        text(calls=OSLO),
        f"```json\n{json.dumps(OSLO)}\n```",
        FailureMode.FORMAT_VIOLATION,
    ),
    "another shape of the JSON": (text(calls=OSLO), '{"get_weather": {"city": "Oslo"}}', INVALID),
    "a further key beside the call": (text(calls=OSLO), json.dumps({**OSLO, "id": 1}), INVALID),
    "an unknown tool in the text": (text(calls=OSLO), '{"name": "weather", "arguments": {}}', INVALID),
    "an empty list for a call": (text(calls=OSLO), "[]", WRONG),
    "a native call where JSON in the text was wanted": (text(calls=OSLO), calls(OSLO), INVALID),
    "words where an empty list was wanted": (text(none=True), "No tool fits.", FailureMode.EXTRACTION_FAILED),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_unusual_right_call_is_accepted(case: str) -> None:
    expectation, reply = ACCEPTED[case]
    result = verify({"name": expectation} if isinstance(expectation, str) else expectation, reply)
    assert result.ok, result.message


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_careless_check_would_accept_is_refused_with_its_mode(case: str) -> None:
    expectation, reply, mode = REFUSED[case]
    result = verify(expectation, reply)
    assert (result.ok, result.mode) == (False, mode), result.message
    assert result.message.endswith(".")


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ({}, "give one of `calls`"),
        ([], "give one of `calls`"),
        ({"none": True, "calls": OSLO}, "give one of `calls`"),
        ({"count": 0}, "`none: true`"),
        ({"calls": [OSLO, ROME], "count": 1}, "less than the calls"),
        ({"calls": OSLO, "count": 2, "order": "given"}, "list all calls"),
        ({"any_of": [[]]}, "is empty"),
        (wants(city={"$anyof": ["Oslo"]}), r"'\$anyof' is no matcher"),
        (wants(city={"$any_of": []}), "a list that is not empty"),
        (wants(city={"$regex": "("}), "no valid regular expression"),
        (wants(place={"deep": [{"$regex": 1}]}), "takes a text"),
        ({**OSLO, "optional": {"city": "Rome"}}, "both in `arguments` and in `optional`"),
        ({"name": "get_weather", "argument": {}}, "argument"),
        ({"calls": OSLO, "form": "text"}, "needs `tools`"),
        ({"calls": OSLO, "tools": SCHEMAS}, "`form: text`"),
        (text(calls={"name": "weather"}), "'weather' is none of the `tools`"),
        (text(calls=STOP) | {"tools": {"stop": {"type": "nonsense"}}}, "the tool 'stop'"),
    ],
)
def test_a_faulty_expectation_is_refused_when_the_suite_is_loaded(expectation: Any, problem: str) -> None:
    spec = CheckSpec(name="tool_calls", expectation=expectation)
    with pytest.raises((ValueError, SuiteError), match=problem):
        Grader(BUILTIN).expectation(spec)


@pytest.mark.parametrize(
    ("expectation", "tools", "problem"),
    [
        (OSLO, [], "needs the question's `tools`"),
        ({"name": "get_wether"}, TOOLS, "'get_wether', which is none of its `tools`"),
        (OSLO, [*TOOLS, {"name": "bad", "parameters": {"type": 7}}], "the tool 'bad'"),
    ],
)
def test_an_expectation_that_does_not_fit_the_questions_tools_is_a_broken_suite(
    expectation: Any, tools: Any, problem: str
) -> None:
    with pytest.raises(SuiteError, match=problem):
        verify(expectation, weather(city="Oslo"), tools)


def test_the_message_says_what_is_wrong_with_the_call() -> None:
    result = verify(wants(city="Oslo", days=3), weather(city="Oslo", days=4))
    assert result.message == "Expected another call of get_weather: days should be 3, found 4."
    assert verify([OSLO, ROME], calls(OSLO)).message.startswith(
        "Expected 2 tool calls (get_weather, get_weather), found"
    )


@pytest.mark.parametrize("content", ["", " \n", "Weather?"])
def test_nothing_and_an_echo_are_no_answer_in_words(content: str) -> None:
    question = Question.model_validate(
        {"id": "q", "prompt": "Weather?", "tools": TOOLS, "checks": [{"tool_calls": {"none": True}}]}
    )
    assert Grader(BUILTIN).grade(question, [Reply(content=content)]).earned == 0


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["get_weather", "", "{}", '{"city": "Oslo"}', "[]", '{"city": NaN}', "null"]
)
REPLIES = st.builds(
    Reply,
    content=TEXTS | st.just(json.dumps([OSLO])),
    tool_calls=st.lists(st.builds(ToolCall, name=TEXTS, arguments=TEXTS), max_size=3).map(tuple),
)


@given(REPLIES)
def test_nothing_that_a_model_says_breaks_the_check(reply: Reply) -> None:
    for expectation in (OSLO, [OSLO, ROME], {"none": True}, {"count": 2}, text(calls=OSLO, around="text")):
        result = verify(expectation, reply)
        assert result.message
        assert not result.mode.infrastructure


def test_thousands_of_calls_and_monstrous_arguments_are_refused_quickly() -> None:
    assert not verify([OSLO, ROME], calls(*[OSLO] * 5000)).ok
    assert not verify(OSLO, calls(("get_weather", "[" * 100_000))).ok
    assert not verify(OSLO, calls(("get_weather", '{"city": ' + "9" * 100_000 + "}"))).ok
