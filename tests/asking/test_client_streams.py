from typing import Any

import pytest

from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Timings, ToolCall, Usage
from tests.asking.client_helpers import ask
from tests.fake_answers import completion, error, events, reset, status
from tests.fake_server import FakeServer

CALL = {"type": "function", "id": "c1", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


END: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def test_a_streamed_answer_equals_the_whole_one(fake_server: FakeServer) -> None:
    body = completion({"content": "one\ntwo", "reasoning_content": "hm\nhm", "tool_calls": [CALL]})
    fake_server.script(body, body)
    whole, streamed = ask(fake_server), ask(fake_server, stream=True)
    timings = streamed.reply.timings
    assert timings is not None
    assert timings.source == "server"
    assert streamed.reply.tool_calls == (ToolCall(name="weather", arguments='{"city": "Paris"}', id="c1"),)
    leave_out = {"timings", "system_fingerprint"}
    assert streamed.reply.model_dump(exclude=leave_out) == whole.reply.model_dump(exclude=leave_out)
    assert fake_server.chats[1].body["stream_options"] == {"include_usage": True}


def test_the_time_of_the_first_token_is_the_clients(fake_server: FakeServer) -> None:
    exchange = ask(fake_server, stream=True)
    assert exchange.first_token_ms is not None
    assert exchange.reply.timings is not None
    assert 0 < exchange.first_token_ms <= exchange.reply.timings.wall_ms
    assert ask(fake_server).first_token_ms is None


def test_the_chunks_are_kept_and_can_be_read_again(fake_server: FakeServer) -> None:
    exchange = ask(fake_server, stream=True)
    assert isinstance(exchange.raw, list)
    assert exchange.raw[-1] == "[DONE]"
    assert exchange.reply.timings is not None
    assert parse_reply(exchange.raw, exchange.reply.timings.wall_ms) == exchange.reply


@pytest.mark.parametrize(
    ("code", "message", "mode"),
    [
        (500, "Context size has been exceeded.", FailureMode.CONTEXT_OVERFLOW),
        (500, "Compute error.", FailureMode.CONNECTION),
        ("400", "bad grammar", FailureMode.SUITE_ERROR),
        (None, "something", FailureMode.CONNECTION),
    ],
)
def test_an_error_within_a_stream_keeps_what_was_said(
    fake_server: FakeServer, code: object, message: str, mode: FailureMode
) -> None:
    chunk = {"error": {"code": code, "message": message, "type": "server_error"}}
    fake_server.script(events(delta(content="so "), delta(content="far"), chunk, done=False))
    exchange = ask(fake_server, stream=True)
    assert exchange.reply.error is not None
    assert exchange.reply.error.mode is mode
    assert exchange.reply.content == "so far"
    assert len(fake_server.chats) == 1


def test_an_error_line_of_older_servers_is_understood(fake_server: FakeServer) -> None:
    fake_server.script(events('error: {"code": 400, "message": "bad grammar"}\n\n', done=False))
    reply = ask(fake_server, stream=True).reply
    assert reply.error is not None
    assert reply.error.mode is FailureMode.SUITE_ERROR
    assert "bad grammar" in reply.error.message


@pytest.mark.parametrize("broken", [True, False], ids=["connection closed", "ended politely"])
def test_a_stream_that_breaks_off_is_tried_again_and_then_told(fake_server: FakeServer, broken: bool) -> None:
    cut_off = events(delta(content="so far"), done=False, broken=broken)
    fake_server.script(cut_off, cut_off, cut_off)
    exchange = ask(fake_server, stream=True)
    assert exchange.reply.error is not None
    assert exchange.reply.error.mode is FailureMode.CONNECTION
    assert exchange.reply.content == "so far"
    assert len(exchange.retries) == 2
    fake_server.script(cut_off)
    assert ask(fake_server, stream=True).reply.content == "hello"


@pytest.mark.parametrize("broken", [True, False])
def test_a_stream_with_a_finish_reason_is_whole_without_its_end(fake_server: FakeServer, broken: bool) -> None:
    fake_server.script(events(delta(content="all"), END, done=False, broken=broken))
    exchange = ask(fake_server, stream=True)
    assert exchange.reply.error is None
    assert exchange.reply.content == "all"
    assert exchange.reply.usage == Usage()
    assert exchange.reply.timings is not None
    assert exchange.reply.timings == Timings(source="client", wall_ms=exchange.reply.timings.wall_ms)


def test_a_stream_that_takes_too_long_keeps_what_was_said(fake_server: FakeServer) -> None:
    fake_server.script(events(delta(content="so far"), done=False, stay=True))
    exchange = ask(fake_server, stream=True, timeout=0.3)
    assert exchange.reply.error is not None
    assert exchange.reply.error.mode is FailureMode.GENERATION_TIMEOUT
    assert exchange.reply.content == "so far"


def test_pings_and_odd_lines_are_passed_over(fake_server: FakeServer) -> None:
    said = 'data: {"choices": [{"delta": {"content": "a\u2028\x85b"}}]}\r\n\r\n'
    fake_server.script(events(": ping\n\n", "event: chunk\n", said, "data:\n\n", delta(content="c"), END))
    assert ask(fake_server, stream=True).reply.content == "a\u2028\x85bc"


def test_a_character_that_is_split_over_two_chunks_is_joined(fake_server: FakeServer) -> None:
    fake_server.script(events(delta(content="\ud83e"), delta(content="\udda8!"), END))
    assert ask(fake_server, stream=True).reply.content == "🦨!"


def test_fragments_of_tool_calls_are_joined_by_their_index(fake_server: FakeServer) -> None:
    fake_server.script(
        events(
            delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "two", "arguments": ""}}]),
            delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "one", "arguments": '{"x"'}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
            END,
        )
    )
    assert ask(fake_server, stream=True).reply.tool_calls == (
        ToolCall(name="one", arguments='{"x": 1}', id="a"),
        ToolCall(name="two", arguments="{}", id="b"),
    )


def test_a_server_that_does_not_stream_is_understood(fake_server: FakeServer) -> None:
    fake_server.script(status(200, completion("at once")))
    exchange = ask(fake_server, stream=True)
    assert exchange.reply.content == "at once"
    assert exchange.first_token_ms is None


def test_a_refusal_of_a_stream_is_that_of_a_plain_request(fake_server: FakeServer) -> None:
    fake_server.script(error(400, "too long", "exceed_context_size_error", n_prompt_tokens=9, n_ctx=8))
    reply = ask(fake_server, stream=True).reply
    assert reply.error is not None
    assert reply.error.mode is FailureMode.CONTEXT_OVERFLOW


def test_a_reset_within_a_stream_is_a_connection_error(fake_server: FakeServer) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    fake_server.script(*[reset(head)] * 3)
    reply = ask(fake_server, stream=True).reply
    assert reply.error is not None
    assert reply.error.mode is FailureMode.CONNECTION
