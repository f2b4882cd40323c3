"""Questions with tools, and conversations in which the suite plays the tools."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_polecat.asking.apis.anthropic_request import body as anthropic_body
from pytest_polecat.asking.prompting import request_for
from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.grading.grader import Grader
from pytest_polecat.questions import selftest
from pytest_polecat.questions.cases import Entry
from pytest_polecat.questions.tool_results import ended, results_for
from pytest_polecat.records.attempt import Attempt
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import Question, SuiteHeader
from pytest_polecat.records.reply import Reply, ToolCall

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALL_OSLO = {"name": "weather", "arguments": {"city": "Oslo"}}
CALL_ROME = {"name": "weather", "arguments": {"city": "Rome"}}


def question(**fields: Any) -> Question:
    turns = [
        {"prompt": "Oslo or Rome?", "checks": [{"tool_calls": [CALL_OSLO, CALL_ROME]}]},
        {
            "tool_results": [
                {"name": "weather", "arguments": {"city": "Oslo"}, "content": {"celsius": 7, "sky": "grå"}},
                {"name": "weather", "arguments": {"city": "Rome"}, "content": "warm"},
            ],
            "checks": [{"includes": ["Rome"]}],
        },
    ]
    tools = [{"name": "weather", "description": "Now.", "parameters": CITY}, {"name": "stop"}]
    return Question.model_validate({"id": "q", "points": 2, "turns": turns, "tools": tools, **fields})


def call(arguments: object, name: str = "weather", number: int = 1) -> ToolCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(name=name, arguments=text, id=f"c{number}")


def made(*calls: ToolCall, content: str = "") -> Reply:
    return Reply(content=content, tool_calls=calls)


OSLO, ROME = call({"city": "Oslo"}), call({"city": "Rome", "days": 1}, number=2)


def test_a_tool_in_the_short_form_is_that_of_the_api() -> None:
    long = [{"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": CITY}}]
    short = [{"name": "weather", "description": "Now.", "parameters": CITY}]
    one, other = (Question.model_validate({"id": "q", "prompt": "?", "tools": tools}) for tools in (long, short))
    assert one == other
    assert one.functions == {"weather": CITY}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"tools": [{"name": "f", "paramters": {}}]}, "the key 'paramters'"),
        ({"tools": [{"description": "x"}]}, "no `name`"),
        ({"turns": [{"tool_results": [{"name": "weather", "content": "x"}]}]}, "the first turn needs a `prompt`"),
        ({"turns": [{"prompt": "a", "tool_results": [{"name": "weather", "content": "x"}]}]}, "either `prompt` or"),
        ({"turns": [{"checks": []}]}, "either `prompt` or `tool_results`"),
        (
            {"turns": [{"prompt": "a"}, {"tool_results": [{"name": "wether", "content": "x"}]}]},
            "'wether', which is none of the question's `tools`",
        ),
    ],
)
def test_what_can_not_be_asked_is_refused_with_the_mend(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        question(**fields)


def test_the_arguments_of_a_declared_call_may_be_written_as_an_object() -> None:
    [answer, _] = question(reference=[{"tool_calls": [CALL_OSLO]}, "x"]).reference.turns  # type: ignore[union-attr]
    assert answer.tool_calls[0].arguments == '{"city": "Oslo"}'


def test_each_call_gets_the_result_that_is_for_it_in_the_order_of_the_calls() -> None:
    results = results_for(question().turns[1], [ROME, OSLO])
    assert results is not None
    assert [result.content for result in results] == ["warm", '{"celsius": 7, "sky": "grå"}']


@pytest.mark.parametrize(
    ("calls", "mode"),
    [
        ([], FailureMode.WRONG_ANSWER),
        ([OSLO], FailureMode.WRONG_ANSWER),
        ([OSLO, OSLO], FailureMode.WRONG_ANSWER),
        ([OSLO, ROME, ROME], FailureMode.WRONG_ANSWER),
        ([OSLO, call({"city": "Bonn"})], FailureMode.WRONG_ANSWER),
        ([OSLO, ROME, call({}, "stop")], FailureMode.WRONG_ANSWER),
        ([OSLO, call({"city": "Rome"}, "")], FailureMode.INVALID_TOOL_CALL),
        ([OSLO, call({"city": "Rome"}, "wether")], FailureMode.INVALID_TOOL_CALL),
        ([OSLO, call('{"city": "Rome"')], FailureMode.INVALID_TOOL_CALL),
        ([OSLO, call('["Rome"]')], FailureMode.INVALID_TOOL_CALL),
        ([OSLO, call("[" * 100_000)], FailureMode.INVALID_TOOL_CALL),
    ],
)
def test_the_conversation_ends_where_the_calls_are_not_those_that_have_results(
    calls: list[ToolCall], mode: FailureMode
) -> None:
    end = ended(question(), [made(*calls)])
    assert end is not None
    assert end.error is not None
    assert end.error.mode is mode
    assert not mode.infrastructure
    grade = Grader(BUILTIN).grade(question(), [made(*calls, content="Rome"), end])
    assert grade.earned == 0
    assert grade.findings[1].message.startswith("The conversation ended: ")


def test_a_user_does_not_speak_while_calls_wait_for_their_results() -> None:
    asked = question(turns=[{"prompt": "a"}, {"prompt": "b", "checks": ["json"]}])
    assert ended(asked, []) is None
    assert ended(asked, [Reply(content="Which city?")]) is None
    assert ended(asked, [made(OSLO)]) is not None


def test_results_are_sent_as_tool_messages_with_the_ids_of_the_calls() -> None:
    entry = Entry(question(), SuiteHeader(suite="s"), "s.yaml")
    request = request_for(entry, Profile(name="p", prompt_prefix="/x "), [made(ROME, OSLO)], 0, lambda _: {})
    assert [message["role"] for message in request.messages] == ["user", "assistant", "tool", "tool"]
    assert request.messages[2:] == (
        {"role": "tool", "tool_call_id": "c2", "name": "weather", "content": "warm"},
        {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": '{"celsius": 7, "sky": "grå"}'},
    )
    assert request.body()["parallel_tool_calls"] is True
    sent: Any = anthropic_body(request, "m", False)
    assert "parallel_tool_calls" not in sent
    assert [block["tool_use_id"] for block in sent["messages"][2]["content"]] == ["c2", "c1"]
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["tool_use", "tool_use"]


def test_several_calls_at_once_are_allowed_unless_the_question_says_otherwise() -> None:
    def body(**fields: Any) -> Any:
        entry = Entry(question(**fields), SuiteHeader(suite="s"), "s.yaml")
        return request_for(entry, Profile(name="p"), [], 0, lambda _: {}).body()

    assert body()["parallel_tool_calls"] is True
    assert body(sampling={"extra": {"parallel_tool_calls": False}})["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(tools=[], turns=[{"prompt": "a"}])


def test_a_self_test_ends_where_the_conversation_would() -> None:
    both = {"tool_calls": [CALL_OSLO, CALL_ROME]}
    asked = question(reference=[both, "Rome"], wrong=[["Rome", "Rome"], [both, "Oslo"]])
    assert [reply.content for reply in selftest.replies(asked, "@reference", 0)] == ["", "Rome"]
    for profile, variant in [("@wrong", 1), ("@empty", 0), ("@echo", 0)]:
        *_, last = selftest.replies(asked, profile, variant)
        assert last.error is not None, profile
        assert Grader(BUILTIN).grade(asked, selftest.replies(asked, profile, variant)).earned == 0


def test_a_turn_that_never_came_about_proves_none_of_its_checks() -> None:
    both = {"tool_calls": [CALL_OSLO, CALL_ROME]}
    asked = question(reference=[both, "Rome"], wrong=[["Rome", "Rome"], [both, "Oslo"]])

    def unproven(*variants: int) -> list[str]:
        attempts = []
        for variant in variants:
            grade = Grader(BUILTIN).grade(asked, selftest.replies(asked, "@wrong", variant))
            attempts.append(
                Attempt(
                    nodeid="n",
                    suite="s",
                    question="q",
                    hash="h",
                    profile="@wrong",
                    variant=variant,
                    outcome=Outcome.MISSED,
                    findings=grade.findings,
                )
            )
        return selftest.unproven(asked, attempts)

    assert unproven(1, 2) == []
    assert unproven(1) == ["no wrong answer fails its check `includes`; add one that does"]
