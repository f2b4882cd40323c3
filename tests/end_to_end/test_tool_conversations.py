"""Questions whose tools the suite plays, asked over a real connection and graded."""

import json
from typing import Any

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench

QUESTION = """
      - id: {id}
        points: 2
        turns:
          - prompt: Is it cold in Oslo? ({id})
            checks: [{{tool_calls: {{name: weather, arguments: {{city: Oslo}}}}}}]
          - tool_results: [{{name: weather, content: {{celsius: -3}}}}]
            checks: [{{regex: "-3"}}]
        tools:
          - name: weather
            parameters: {{type: object, properties: {{city: {{type: string}}}}, required: [city]}}
"""


def calling(name: str, arguments: object) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}
    return {"content": None, "tool_calls": [{"id": "call-7", "type": "function", "function": function}]}


FIRST = {
    "right": calling("weather", {"city": "Oslo"}),
    "elsewhere": calling("weather", {"city": "Bergen"}),
    "nameless": calling("", {}),
    "broken-off": calling("weather", '{"city": '),
    "in-words": "Yes, it is -3 degrees.",
    "as-text": '{"name": "weather", "arguments": {"city": "Oslo"}}',
}


def reply(body: Any) -> Any:
    """What is said first in each question, and after the result of a tool what it holds."""
    last = body["messages"][-1]["content"]
    return next((said for id_, said in FIRST.items() if f"({id_})" in last), f"Yes: {last}")


def test_the_result_of_a_tool_goes_to_its_call_and_without_one_the_conversation_ends(bench: Bench) -> None:
    bench.suite("suite: weather\nquestions:" + "".join(QUESTION.format(id=id_) for id_ in FIRST))
    bench.server.replies = reply
    bench.ask().assert_outcomes(passed=1)
    found = {id_: (each.outcome, each.earned, each.mode) for id_, each in bench.attempts.items()}
    assert found == {
        "right": (Outcome.PASSED, 2, None),
        "elsewhere": (Outcome.PARTIAL, 1, FailureMode.WRONG_ANSWER),
        "nameless": (Outcome.MISSED, 0, FailureMode.INVALID_TOOL_CALL),
        "broken-off": (Outcome.MISSED, 0, FailureMode.INVALID_TOOL_CALL),
        "in-words": (Outcome.MISSED, 0, FailureMode.WRONG_ANSWER),
        "as-text": (Outcome.MISSED, 0, FailureMode.WRONG_ANSWER),
    }
    asked = [chat.body["messages"] for chat in bench.server.chats]
    assert len(asked) == len(FIRST) + 2
    for *_, call, result in (messages for messages in asked if len(messages) > 1):
        assert result == {"role": "tool", "tool_call_id": "call-7", "name": "weather", "content": '{"celsius": -3}'}
        assert call["tool_calls"][0]["id"] == "call-7"
    assert "celsius" in (bench.run.path / "report.html").read_text(encoding="utf-8")
