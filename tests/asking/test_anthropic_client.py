from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pytest_polecat.asking.client import Exchange
from pytest_polecat.asking.kept import KeptReplies
from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.asking.retrying import RetryPolicy, seconds_of
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError, Reply
from pytest_polecat.records.request import Request, Sampling
from pytest_polecat.rundir import RunDir
from tests.asking.client_helpers import AT_ONCE, ask, hello
from tests.fake_answers import Reply as Answer
from tests.fake_answers import close, events, events_of, hang, message, refused, reset, status
from tests.fake_server import FakeServer

THOUGHT = {"type": "thinking", "thinking": "hm\nhm", "signature": "c2lnbmVk"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Köln"}}
SECRET = "sk-ant-something-secret"


def ask_messages(
    server: FakeServer, request: Request | None = None, *, stream: bool = False, **options: object
) -> Exchange:
    return ask(server, request, stream=stream, api="anthropic", **options)


def error_of(exchange: Exchange) -> AskError:
    assert exchange.reply.error is not None
    return exchange.reply.error


def test_a_message_is_asked_for_with_the_version_and_the_key(fake_server: FakeServer) -> None:
    request = hello("Überschall 🦨", sampling=Sampling(temperature=0.5), seed=7)
    exchange = ask_messages(fake_server, request, model="haiku", api_key=f"{SECRET}\n")
    [received] = fake_server.requests
    assert (received.method, received.path) == ("POST", "/v1/messages")
    assert received.headers["x-api-key"] == SECRET
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in received.headers
    assert received.body == {
        "model": "haiku",
        "max_tokens": 4096,
        "temperature": 0.5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Überschall 🦨"}]}],
    }
    assert exchange.reply.error is None
    assert exchange.raw == message(exchange.reply.content)


@pytest.mark.parametrize("stream", [False, True])
def test_a_streamed_message_equals_the_whole_one_and_both_can_be_read_again(
    fake_server: FakeServer, stream: bool
) -> None:
    body = message(THOUGHT, "one\ntwo", CALL, stop_reason="tool_use")
    fake_server.script(body, body)
    whole = ask_messages(fake_server).reply
    exchange = ask_messages(fake_server, stream=stream)
    assert exchange.reply.timings is not None
    assert exchange.reply.model_dump(exclude={"timings"}) == whole.model_dump(exclude={"timings"})
    assert parse_reply(exchange.raw, exchange.reply.timings.wall_ms) == exchange.reply
    assert (exchange.first_token_ms is not None) is stream


@pytest.mark.parametrize(
    "fault",
    [
        refused(429, "rate_limit_error", "later"),
        refused(529, "overloaded_error", "later"),
        events({"type": "error", "error": {"type": "overloaded_error", "message": "later"}}, done=False),
    ],
    ids=["rate limit", "overloaded", "overloaded within a stream"],
)
def test_a_busy_server_is_asked_again_a_bounded_number_of_times(fake_server: FakeServer, fault: Answer) -> None:
    fake_server.script(*[fault] * 3)
    exchange = ask_messages(fake_server)
    assert exchange.reply.error is None
    assert len(exchange.retries) == 3
    assert "later" in exchange.retries[0]
    fake_server.script(*[fault] * 99)
    before = len(fake_server.chats)
    assert error_of(ask_messages(fake_server)).mode is FailureMode.CONNECTION
    assert len(fake_server.chats) - before == 1 + AT_ONCE.busy


@pytest.mark.parametrize("fault", [refused(500, "api_error", "oops"), close, reset()], ids=["500", "close", "reset"])
def test_a_failing_server_is_asked_again_twice_in_this_api_too(fake_server: FakeServer, fault: Answer) -> None:
    fake_server.script(*[fault] * 9)
    assert error_of(ask_messages(fake_server)).mode is FailureMode.CONNECTION
    assert len(fake_server.chats) == 1 + AT_ONCE.broken


@pytest.mark.parametrize(
    ("body", "mode"),
    [
        (message("no", stop_reason="refusal"), FailureMode.REFUSAL),
        (refused(400, "invalid_request_error", "Output blocked by content filtering policy"), FailureMode.REFUSAL),
        (refused(400, "invalid_request_error", "prompt is too long: 9 tokens > 8"), FailureMode.CONTEXT_OVERFLOW),
        (refused(400, "invalid_request_error", "max_tokens: too many"), FailureMode.SUITE_ERROR),
        (refused(401, "authentication_error", "invalid x-api-key"), FailureMode.CONNECTION),
        (status(200, {"choices": [{"message": {"content": "hi"}}]}), FailureMode.CONNECTION),
    ],
    ids=["refusal", "withheld", "too long", "bad request", "bad key", "another API"],
)
def test_what_will_not_pass_is_not_asked_again(fake_server: FakeServer, body: Answer, mode: FailureMode) -> None:
    fake_server.script(body)
    exchange = ask_messages(fake_server)
    assert error_of(exchange).mode is mode
    assert exchange.retries == ()
    assert len(fake_server.chats) == 1


def test_a_message_that_takes_too_long_is_the_models(fake_server: FakeServer) -> None:
    fake_server.script(hang)
    assert error_of(ask_messages(fake_server, timeout=0.3)).mode is FailureMode.GENERATION_TIMEOUT
    assert len(fake_server.chats) == 1


def test_a_stream_of_events_that_breaks_off_is_tried_again_and_then_told(fake_server: FakeServer) -> None:
    cut_off = events(*events_of(message("so far"))[:4], done=False)
    fake_server.script(cut_off, cut_off, cut_off)
    exchange = ask_messages(fake_server, stream=True)
    assert error_of(exchange).mode is FailureMode.CONNECTION
    assert exchange.reply.content == "so far"
    assert len(exchange.retries) == 2


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize("wanted", ["7", "Fri, 31 Dec 2100 23:59:59 GMT"])
@pytest.mark.parametrize("code", [429, 503, 529])
def test_the_pause_that_a_busy_server_wants_is_kept_in_each_api(
    fake_server: FakeServer, api: str, wanted: str, code: int
) -> None:
    fake_server.script(refused(code, "overloaded_error", "later", retry_after=wanted))
    [retry] = ask(fake_server, api=api, retries=RetryPolicy(first_delay=0, longest_delay=0.01)).retries
    assert retry.endswith("asked again after 0.01 s")


def test_a_wanted_pause_is_read_as_seconds_or_as_a_date() -> None:
    assert seconds_of("7") == 7
    in_an_hour = seconds_of(format_datetime(datetime.now(tz=UTC) + timedelta(hours=1)))
    assert in_an_hour is not None
    assert 3500 < in_an_hour <= 3600
    assert RetryPolicy().delay(1, in_an_hour) == RetryPolicy().longest_delay
    assert seconds_of("soon") is None


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_key_that_the_server_quotes_is_neither_kept_nor_told(
    fake_server: FakeServer, run: RunDir, api: str, stream: bool
) -> None:
    quoting: list[Answer] = [
        refused(400, "invalid_request_error", f"prompt is too long: {SECRET}"),
        events({"error": {"type": "invalid_request_error", "message": f"what is {SECRET}?"}}, done=False),
        refused(429, "rate_limit_error", f"too much of {SECRET}"),
        f"The key is {SECRET}.",
    ]
    kept = KeptReplies(run)
    fake_server.script(*quoting)
    for number in range(3):
        exchange = ask(fake_server, api=api, api_key=SECRET, stream=stream)
        kept.put(f"reply-{number}", hello(), exchange)
        assert "secret" not in repr(exchange)
    assert len(fake_server.chats) == len(quoting)
    files = [file for file in run.path.rglob("*") if file.is_file()]
    assert len(files) == 2
    assert not [file for file in files if b"secret" in file.read_bytes()]


def test_a_kept_message_serves_again(fake_server: FakeServer, run: RunDir) -> None:
    fake_server.script(message(THOUGHT, "four"))
    exchange = ask_messages(fake_server)
    kept = KeptReplies(run)
    kept.put("key", hello(), exchange)
    assert kept.get("key") == exchange.reply
    assert isinstance(kept.get("key"), Reply)


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    planned = RunDir.planned(tmp_path_factory.mktemp("runs"))
    planned.make()
    return planned
