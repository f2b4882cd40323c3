import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.asking.apis.anthropic import read
from pytest_polecat.asking.apis.anthropic_stream import is_cut, join_events, says_something
from pytest_polecat.asking.failures import refusal
from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply, Timings, ToolCall, Usage
from tests.fake_answers import Body, events_of, message

THOUGHT = {"type": "thinking", "thinking": "hm\nhm", "signature": "c2lnbmVk"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Köln"}}


def streamed(body: Body) -> list[Any]:
    return [json.loads(event.partition("data: ")[2]) for event in events_of(body)]


def test_the_blocks_of_a_message_become_a_reply() -> None:
    reply = read(message(THOUGHT, {"type": "redacted_thinking", "data": "x"}, "one\n", "two", CALL), 12.5)
    assert reply.content == "one\ntwo"
    assert reply.reasoning == "hm\nhm"
    assert reply.tool_calls == (ToolCall(name="weather", arguments='{"city": "Köln"}', id="toolu_1"),)
    assert reply.usage == Usage(prompt_tokens=18, completion_tokens=7, cached_tokens=5)
    assert reply.timings == Timings(source="client", wall_ms=12.5)
    assert (reply.model, reply.error) == ("fake", None)


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("something_new", "something_new"),
        ("", None),
    ],
)
def test_the_stop_reason_gets_its_common_name(stop_reason: str, finish_reason: str | None) -> None:
    reply = read(message("x", stop_reason=stop_reason), 1.0)
    assert (reply.finish_reason, reply.error) == (finish_reason, None)


def test_a_refusal_is_the_models_miss_whatever_it_wrote_before() -> None:
    reply = read(message("Sure, first", stop_reason="refusal"), 1.0)
    assert reply.error is not None
    assert reply.error.mode is FailureMode.REFUSAL
    assert not reply.error.mode.infrastructure
    assert (reply.content, reply.finish_reason) == ("Sure, first", "refusal")


def test_a_turn_that_waits_for_the_servers_own_tool_is_no_answer() -> None:
    error = read(message("Let me search.", stop_reason="pause_turn"), 1.0).error
    assert error is not None
    assert error.mode is FailureMode.SUITE_ERROR
    assert "pause_turn" in error.message


def test_an_empty_message_is_an_empty_reply() -> None:
    reply = read(message(), 1.0)
    assert (reply.empty, reply.error) == (True, None)


def test_thinking_that_a_local_server_left_in_the_text_is_moved_to_the_reasoning() -> None:
    reply = read(message("<think>hm</think>\n\nfour"), 1.0)
    assert (reply.content, reply.reasoning) == ("four", "hm")


@pytest.mark.parametrize("usage", [None, {}, [], {"output_tokens": 3}])
def test_counts_that_the_server_does_not_give_are_unknown(usage: Any) -> None:
    assert read(message("x", usage=usage), 1.0).usage.prompt_tokens is None
    assert read(message("x", usage={"input_tokens": 4}), 1.0).usage == Usage(prompt_tokens=4)


def test_joined_events_are_the_message_that_was_not_streamed() -> None:
    body = message(THOUGHT, {"type": "redacted_thinking", "data": "x"}, "one\ntwo", CALL, stop_reason="tool_use")
    assert {"stop_sequence": None, **join_events(streamed(body))} == body


def test_a_tool_call_without_arguments_and_one_that_was_cut_off_are_both_kept() -> None:
    chunks: list[Any] = [
        {"type": "content_block_start", "index": 1, "content_block": {**CALL, "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_start", "index": 0, "content_block": {**CALL, "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"ci'}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
    ]
    reply = read(chunks, 1.0)
    assert [call.arguments for call in reply.tool_calls] == ['{"ci', "{}"]
    assert reply.truncated


def test_the_first_token_is_text_thinking_or_a_tool_call() -> None:
    bodies = [message("x"), message(THOUGHT), message(CALL)]
    first = [next(event for event in streamed(body) if says_something(event)) for body in bodies]
    assert [event["type"] for event in first] == ["content_block_delta", "content_block_delta", "content_block_start"]
    assert not any(says_something(event) for event in streamed(message()))


def test_a_stream_is_whole_with_its_stop_reason() -> None:
    chunks = streamed(message("x"))
    assert [is_cut(chunks[:length]) for length in (0, 3, len(chunks) - 2, len(chunks) - 1, len(chunks))] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("event", "mode", "status"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, FailureMode.CONNECTION, 529),
        ({"type": "error", "error": {"type": "api_error", "message": "oops"}}, FailureMode.CONNECTION, 500),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, FailureMode.SUITE_ERROR, 400),
        (
            {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"},
            FailureMode.CONTEXT_OVERFLOW,
            500,
        ),
    ],
    ids=["overloaded", "internal", "refused", "llama-server's bare error"],
)
def test_an_error_event_keeps_what_was_said(event: Any, mode: FailureMode, status: int) -> None:
    chunks = [*streamed(message("so far"))[:4], event]
    reply = read(chunks, 1.0)
    assert not is_cut(chunks)
    assert reply.content == "so far"
    assert reply.error is not None
    assert (reply.error.mode, reply.error.status) == (mode, status)


@pytest.mark.parametrize(
    ("status", "kind", "words", "mode"),
    [
        (
            400,
            "invalid_request_error",
            "prompt is too long: 213462 tokens > 200000 maximum",
            FailureMode.CONTEXT_OVERFLOW,
        ),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000",
            FailureMode.CONTEXT_OVERFLOW,
        ),
        (400, "invalid_request_error", "Output blocked by content filtering policy", FailureMode.REFUSAL),
        (400, "invalid_request_error", "top_k: must be unset", FailureMode.SUITE_ERROR),
        (401, "authentication_error", "invalid x-api-key", FailureMode.CONNECTION),
        (402, "billing_error", "no money", FailureMode.CONNECTION),
        (403, "permission_error", "not for you", FailureMode.CONNECTION),
        (404, "not_found_error", "model: haiku-9", FailureMode.SUITE_ERROR),
        (413, "request_too_large", "Request exceeds the maximum size", FailureMode.SUITE_ERROR),
        (429, "rate_limit_error", "slow down", FailureMode.CONNECTION),
        (500, "api_error", "Internal server error", FailureMode.CONNECTION),
        (529, "overloaded_error", "Overloaded", FailureMode.CONNECTION),
    ],
)
def test_an_error_is_booked_to_whose_doing_it_is(status: int, kind: str, words: str, mode: FailureMode) -> None:
    error = refusal(status, {"type": "error", "error": {"type": kind, "message": words}})
    assert (error.mode, error.status) == (mode, status)


@pytest.mark.parametrize("body", [None, "text", [], {}, {"content": "x"}, {"choices": [{"message": {"content": "x"}}]}])
def test_what_is_no_message_is_a_connection_error(body: Any) -> None:
    error = read(body, 1.0).error
    assert error is not None
    assert error.mode is FailureMode.CONNECTION


def test_a_raw_answer_tells_by_itself_which_api_it_came_from() -> None:
    body = message(THOUGHT, "four")
    assert parse_reply(body, 1.0) == parse_reply(streamed(body), 1.0) == read(body, 1.0)
    chat: Any = {"choices": [{"message": {"content": "four"}}]}
    assert parse_reply(chat, 1.0).content == "four"


KEYS = st.one_of(
    st.sampled_from(["type", "content", "text", "thinking", "input", "id", "name", "stop_reason", "usage", "error"]),
    st.sampled_from(["index", "delta", "content_block", "message", "partial_json", "signature", "code", "model"]),
)
KINDS = st.one_of(
    st.sampled_from(["message", "text", "thinking", "tool_use", "refusal", "error", "message_start", "message_stop"]),
    st.sampled_from(["content_block_start", "content_block_delta", "message_delta", "text_delta", "input_json_delta"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | KINDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
EVENT = st.fixed_dictionaries(
    {"type": KINDS},
    optional={"index": st.integers(0, 2) | JSON, "delta": JSON, "content_block": JSON, "message": JSON, "usage": JSON},
)
BODY = st.fixed_dictionaries(
    {"type": st.just("message"), "content": st.lists(st.fixed_dictionaries({"type": KINDS}, optional={"text": JSON}))},
    optional={"usage": JSON, "stop_reason": JSON, "error": JSON},
)


@settings(deadline=None)
@given(JSON | BODY | st.lists(EVENT | JSON, max_size=5))
def test_any_json_becomes_a_reply_of_valid_unicode_in_this_api_too(body: Any) -> None:
    for reply in (read(body, 1.0), parse_reply(body, 1.0)):
        assert Reply.model_validate_json(reply.model_dump_json()) == reply
    if isinstance(body, list):
        is_cut(body)
        for chunk in body:
            says_something(chunk)
