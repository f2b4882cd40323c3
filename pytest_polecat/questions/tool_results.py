"""A conversation in which the suite plays the tools: which result answers which call, and when it can't go on."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from pytest_polecat.records.json_values import same
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.question import Question, ToolResult, Turn
from pytest_polecat.records.reply import AskError, Reply, ToolCall


def results_for(turn: Turn, calls: Sequence[ToolCall]) -> tuple[ToolResult, ...] | None:
    """The turn's result for each call, in the order of the calls; None unless they go together one to one.

    A turn in which the user speaks goes with a reply without calls: an API refuses to leave a call without its result.
    """
    left = list(turn.tool_results)
    found = []
    for call in calls:
        result = next((each for each in left if _answers(each, call)), None)
        if result is None:
            return None
        left.remove(result)
        found.append(result)
    return None if left else tuple(found)


def ended(question: Question, replies: Sequence[Reply]) -> Reply | None:
    """What stands for the reply of the next turn if the conversation can't come to it; None if it can.

    The mode is `invalid_tool_call` where a tool could not even have been called.
    """
    if not replies:
        return None
    turn, calls = question.conversation[len(replies)], replies[-1].tool_calls
    if results_for(turn, calls) is not None:
        return None
    made = ", ".join(call.name or "a tool without a name" for call in calls) or "no tool"
    wanted = ", ".join(result.name for result in turn.tool_results) or "none"
    message = f"The conversation ended: the next turn goes with calls of {wanted}, and the model called {made}"
    message += " with other arguments." if made == wanted else "."
    invalid = any(call.name not in question.functions or _arguments(call) is None for call in calls)
    mode = FailureMode.INVALID_TOOL_CALL if invalid else FailureMode.WRONG_ANSWER
    return Reply(error=AskError(mode=mode, message=message))


def _answers(result: ToolResult, call: ToolCall) -> bool:
    arguments = _arguments(call)
    if arguments is None or call.name != result.name:
        return False
    return all(key in arguments and same(arguments[key], value) for key, value in result.arguments.items())


def _arguments(call: ToolCall) -> dict[str, JsonValue] | None:
    try:
        read: Any = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
