from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.asking.failures import refusal
from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply, Timings, ToolCall, Usage


def said(**message: Any) -> Reply:
    return parse_reply({"choices": [{"message": message}]}, 1.0)


def test_no_content_is_the_empty_text() -> None:
    reply = said(content=None)
    assert reply.content == ""
    assert reply.empty
    assert reply.error is None


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_is_found_where_servers_put_it(key: str) -> None:
    assert said(content="4", **{key: "2 + 2"}).reasoning == "2 + 2"


@pytest.mark.parametrize(
    ("content", "visible", "thought"),
    [
        ("<think>\nhm\n</think>\n\n  four", "  four", "hm"),
        ("\n <think></think>four", "four", ""),
        ("a <think>hm</think> b", "a <think>hm</think> b", ""),
        ("<think>a</think>b<think>c</think>", "b<think>c</think>", "a"),
        ("<thinking>a</thinking>", "<thinking>a</thinking>", ""),
    ],
)
def test_only_thinking_at_the_beginning_is_moved_to_the_reasoning(content: str, visible: str, thought: str) -> None:
    reply = said(content=content)
    assert (reply.content, reply.reasoning, reply.unterminated_think) == (visible, thought, False)


def test_thinking_that_never_ends_leaves_no_content() -> None:
    reply = said(content="<think>so, the answer is 4")
    assert (reply.content, reply.reasoning, reply.unterminated_think) == ("", "so, the answer is 4", True)


def test_reasoning_of_both_kinds_is_kept() -> None:
    assert said(content="<think>b</think>c", reasoning_content="a").reasoning == "a\n\nb"


@pytest.mark.parametrize(
    ("content", "kept"),
    [("\n\n  \n    return 1\n", "    return 1\n"), ("  x", "  x"), ("\r\n\r\nx", "x"), (" \n ", " "), ("\n", "")],
)
def test_blank_lines_before_the_content_are_dropped_and_nothing_else(content: str, kept: str) -> None:
    assert said(content=content).content == kept


def test_a_content_of_parts_is_joined() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "one "},
        "two",
        {"type": "image_url", "image_url": {}},
        None,
    ]
    reply = said(content=parts)
    assert (reply.content, reply.reasoning) == ("one two", "hm")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ({"a": "ü"}, '{"a": "ü"}'),
        ("{broken", "{broken"),
        (None, "{}"),
        ("", "{}"),
        ([1], "[1]"),
    ],
)
def test_the_arguments_of_a_tool_call_become_text(arguments: object, text: str) -> None:
    calls = [{"id": "7", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    assert said(content=None, tool_calls=calls).tool_calls == (ToolCall(name="f", arguments=text, id="7"),)


def test_odd_tool_calls_do_not_hide_the_good_ones() -> None:
    calls = [None, 3, {}, {"name": "f", "arguments": "{}"}, {"function": {"name": 7}}]
    assert [call.name for call in said(content="", tool_calls=calls).tool_calls] == ["", "f", ""]


def test_counts_and_timings_are_the_servers() -> None:
    body: Any = {
        "choices": [{"message": {"content": "x"}, "finish_reason": "length"}],
        "usage": {
            "prompt_tokens": 26,
            "completion_tokens": "9",
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        "timings": {"cache_n": 0, "prompt_n": 26, "prompt_ms": 0.49, "predicted_n": 9.0, "predicted_ms": 0.487},
        "model": "canned",
        "system_fingerprint": "b11434-abc",
    }
    reply = parse_reply(body, 12.5)
    assert reply.truncated
    assert reply.usage == Usage(prompt_tokens=26, completion_tokens=9, cached_tokens=5, reasoning_tokens=4)
    assert reply.timings == Timings(
        source="server", wall_ms=12.5, cache_n=0, prompt_n=26, prompt_ms=0.49, predicted_n=9, predicted_ms=0.487
    )
    assert (reply.model, reply.system_fingerprint) == ("canned", "b11434-abc")


@pytest.mark.parametrize("timings", [None, {}, [], "fast", {"predicted_n": None, "prompt_ms": "NaN"}])
def test_without_the_servers_timings_only_the_clients_wall_time_is_known(timings: object) -> None:
    body: Any = {"choices": [{"message": {"content": "x"}}], "timings": timings}
    assert parse_reply(body, 12.5).timings == Timings(source="client", wall_ms=12.5)


@pytest.mark.parametrize("count", [-1, 1.5, True, "many", float("nan"), float("inf"), 10**400, [], {}, None])
def test_a_count_that_can_not_be_is_unknown(count: object) -> None:
    body: Any = {"choices": [{"message": {"content": "x"}}], "usage": {"completion_tokens": count}}
    assert parse_reply(body, 1.0).usage.completion_tokens is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        7,
        [],
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": 42}}]},
        ["data", {"choices": [{"delta": {"content": "cut"}}]}],
    ],
)
def test_what_is_no_chat_completion_is_a_connection_error(body: Any) -> None:
    reply = parse_reply(body, 1.0)
    assert reply.error is not None
    assert reply.error.mode is FailureMode.CONNECTION


KEYS = st.one_of(
    st.sampled_from(["choices", "message", "delta", "content", "reasoning_content", "reasoning", "finish_reason"]),
    st.sampled_from(["tool_calls", "function", "name", "arguments", "id", "index", "type", "text", "thinking"]),
    st.sampled_from(["usage", "prompt_tokens", "prompt_tokens_details", "cached_tokens", "timings", "predicted_n"]),
    st.sampled_from(["model", "error", "code", "n_ctx", "n_prompt_tokens", "detail"]),
)
TEXT = st.text(st.characters()) | st.sampled_from(["<think>", "<think>a</think>b", "\ud83e", "[DONE]", "text", "400"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | TEXT, inner, max_size=5),
    max_leaves=20,
)
MESSAGE = st.fixed_dictionaries(
    {}, optional={"content": JSON, "reasoning_content": JSON, "tool_calls": st.lists(JSON, max_size=3)}
)
BODY = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({}, optional={"message": MESSAGE, "delta": MESSAGE}), max_size=2)},
    optional={"usage": JSON, "timings": JSON, "error": JSON, "model": JSON},
)


@settings(deadline=None)
@given(JSON | BODY | st.lists(BODY | JSON, max_size=4))
def test_any_json_becomes_a_reply_of_valid_unicode(body: Any) -> None:
    reply = parse_reply(body, 1.0)
    assert Reply.model_validate_json(reply.model_dump_json()) == reply
    assert reply.timings is not None
    assert reply.error is not None or "choices" in str(body)


@settings(deadline=None)
@given(st.integers(300, 599), JSON | BODY)
def test_any_refusal_is_explained_in_a_line(status: int, body: Any) -> None:
    error = refusal(status, body)
    assert error.status == status
    assert "\n" not in error.message
    assert len(error.message) < 500
