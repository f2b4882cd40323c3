import socket
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from pytest_polecat.asking import client as client_module
from pytest_polecat.asking.client import Exchange, HttpClient
from pytest_polecat.asking.pace import Pace
from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.asking.patience import Clock, Patience
from pytest_polecat.asking.retrying import RetryPolicy
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError
from pytest_polecat.records.request import Sampling
from tests.asking.client_helpers import AT_ONCE, ask, client_of, hello, until, wait_until
from tests.fake_answers import (
    Connection,
    Fault,
    close,
    completion,
    cut,
    drip,
    error,
    flood,
    hang,
    reset,
    status,
)
from tests.fake_server import FakeServer


def error_of(exchange: Exchange) -> AskError:
    assert exchange.reply.error is not None
    return exchange.reply.error


def test_an_answer_becomes_a_reply_and_is_kept_as_received(fake_server: FakeServer) -> None:
    body = completion({"content": "391", "reasoning_content": "17 * 23"})
    fake_server.script(body)
    exchange = ask(fake_server)
    assert exchange.reply.content == "391"
    assert exchange.reply.reasoning == "17 * 23"
    assert exchange.reply.error is None
    assert exchange.reply.model == "fake"
    assert exchange.raw == body
    assert exchange.retries == ()


def test_the_request_is_sent_with_the_model_and_the_key(fake_server: FakeServer) -> None:
    request = hello("Überschall 🦨", sampling=Sampling(temperature=0.5, extra={"dry_multiplier": 0.8}), seed=7)
    ask(fake_server, request, model="35b", api_key="sk-secret\n")
    [received] = fake_server.requests
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.headers["authorization"] == "Bearer sk-secret"
    assert received.body == {
        "messages": [{"role": "user", "content": "Überschall 🦨"}],
        "temperature": 0.5,
        "dry_multiplier": 0.8,
        "seed": 7,
        "model": "35b",
    }


def test_without_a_key_or_a_model_none_is_sent(fake_server: FakeServer) -> None:
    ask(f"{fake_server.url}/", model=None)
    [received] = fake_server.requests
    assert "authorization" not in received.headers
    assert "model" not in received.body


@pytest.mark.parametrize(
    ("fault", "mode", "words"),
    [
        pytest.param(
            error(400, "request exceeds …", "exceed_context_size_error", n_prompt_tokens=100019, n_ctx=2048),
            FailureMode.CONTEXT_OVERFLOW,
            ["100019", "2048"],
            id="llama-server's prompt too long",
        ),
        pytest.param(
            error(400, "This model's maximum context length is 4096 tokens.", "BadRequestError"),
            FailureMode.CONTEXT_OVERFLOW,
            ["4096"],
            id="vLLM's prompt too long",
        ),
        pytest.param(
            error(500, "Context size has been exceeded."),
            FailureMode.CONTEXT_OVERFLOW,
            ["exceeded"],
            id="llama-server's context ran full",
        ),
        pytest.param(
            error(400, "Field 'temperature': type must be number", "invalid_request_error"),
            FailureMode.SUITE_ERROR,
            ["400", "'temperature'"],
            id="refused field",
        ),
        pytest.param(status(404, "no such page"), FailureMode.SUITE_ERROR, ["404", "no such page", "`url`"], id="404"),
        pytest.param(status(422, {"detail": "bad n"}), FailureMode.SUITE_ERROR, ["422", "bad n"], id="422"),
        pytest.param(error(401, "Invalid API Key"), FailureMode.CONNECTION, ["401", "`key_env`"], id="401"),
        pytest.param(status(403), FailureMode.CONNECTION, ["403", "`key_env`"], id="403"),
        pytest.param(status(307, location="/v2"), FailureMode.CONNECTION, ["307", "`url`"], id="redirect"),
        pytest.param(status(200, "<html>hi</html>"), FailureMode.CONNECTION, ["JSON", "<html>hi"], id="no JSON"),
        pytest.param(status(200, ""), FailureMode.CONNECTION, ["JSON"], id="nothing"),
        pytest.param(status(200, {"ok": True}), FailureMode.CONNECTION, ["choices", "'ok'"], id="no choices"),
        pytest.param(status(200, "[" * 900 + "]" * 900), FailureMode.CONNECTION, ["JSON"], id="very deep JSON"),
        pytest.param(
            status(200, {"error": {"message": "overloaded", "code": 400}}),
            FailureMode.SUITE_ERROR,
            ["overloaded"],
            id="error with status 200",
        ),
    ],
)
def test_a_refusal_is_booked_to_whose_doing_it_is_and_not_repeated(
    fake_server: FakeServer, fault: Fault, mode: FailureMode, words: list[str]
) -> None:
    fake_server.script(fault)
    exchange = ask(fake_server, api_key="sk-something-secret")
    assert error_of(exchange).mode is mode
    for word in words:
        assert word in error_of(exchange).message
    assert "secret" not in error_of(exchange).message
    assert len(fake_server.chats) == 1
    assert exchange.retries == ()


def test_the_status_is_in_the_error(fake_server: FakeServer) -> None:
    fake_server.script(error(400, "bad"))
    assert error_of(ask(fake_server)).status == 400


def test_a_key_that_the_server_quotes_is_not_kept(fake_server: FakeServer) -> None:
    fake_server.script(error(400, "what kind of key is sk-something-secret?"))
    exchange = ask(fake_server, api_key="sk-something-secret")
    assert "secret" not in repr(exchange)


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_asked_again_until_it_answers(fake_server: FakeServer, code: int) -> None:
    fake_server.script(*[error(code, "later")] * 3)
    exchange = ask(fake_server)
    assert exchange.reply.content == "hello"
    assert len(exchange.retries) == 3
    assert f"HTTP {code}" in exchange.retries[0]
    assert "later" in exchange.retries[0]


def test_a_server_that_stays_busy_is_given_up(fake_server: FakeServer) -> None:
    fake_server.loading = True
    exchange = ask(fake_server)
    assert error_of(exchange).mode is FailureMode.CONNECTION
    assert error_of(exchange).status == 503
    assert "Loading model" in error_of(exchange).message
    assert len(fake_server.chats) == 1 + AT_ONCE.busy


def test_a_failing_server_is_asked_again_twice(fake_server: FakeServer) -> None:
    fake_server.script(*[error(500, "Compute error.")] * 9)
    exchange = ask(fake_server)
    assert error_of(exchange).mode is FailureMode.CONNECTION
    assert "Compute error." in error_of(exchange).message
    assert len(fake_server.chats) == 3
    assert len(exchange.retries) == 2


@pytest.mark.parametrize("wanted", ["7", "Fri, 31 Dec 2100 23:59:59 GMT", "9" * 400])
def test_the_pause_that_the_server_wants_is_kept_and_capped(fake_server: FakeServer, wanted: str) -> None:
    fake_server.script(status(429, "", retry_after=wanted))
    [retry] = ask(fake_server, retries=RetryPolicy(first_delay=0, longest_delay=0.01)).retries
    assert retry.endswith("asked again after 0.01 s")


@pytest.mark.parametrize("wanted", ["soon", "-1", "", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_pause_that_can_not_be_meant_does_no_harm(fake_server: FakeServer, wanted: str) -> None:
    fake_server.script(status(429, "", retry_after=wanted))
    assert len(ask(fake_server).retries) == 1


def test_pauses_double_up_to_the_longest() -> None:
    policy = RetryPolicy(first_delay=0.5, longest_delay=3)
    assert [policy.delay(repeat) for repeat in (1, 2, 3, 4, 5)] == [0.5, 1, 2, 3, 3]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(close, id="closed before the answer"),
        pytest.param(reset(), id="reset before the answer"),
        pytest.param(reset(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), id="reset within the answer"),
        pytest.param(cut(completion("half")), id="closed within the answer"),
        pytest.param(reset(b"SSH-2.0-OpenSSH_9.6\r\n"), id="no HTTP"),
    ],
)
def test_a_broken_connection_is_tried_again_and_then_told(fake_server: FakeServer, fault: Fault) -> None:
    fake_server.script(fault, fault)
    mended = ask(fake_server)
    assert mended.reply.content == "hello"
    assert len(mended.retries) == 2
    assert fake_server.address in mended.retries[0]
    fake_server.script(fault, fault, fault)
    assert error_of(ask(fake_server)).mode is FailureMode.CONNECTION


def test_what_arrived_of_a_broken_answer_is_kept(fake_server: FakeServer) -> None:
    fake_server.script(*[cut({"choices": "…"}, keep=5)] * 3)
    assert ask(fake_server).raw == '{"cho'


def test_nobody_listening_is_a_connection_error_that_names_the_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        exchange = ask(f"{address}/v1")
    assert error_of(exchange).mode is FailureMode.CONNECTION
    assert f"nothing answers at {address}" in error_of(exchange).message
    assert len(exchange.retries) == 2


@pytest.mark.parametrize("fault", [hang, drip(completion("slow"), pause=0.05)], ids=["silent", "dripping"])
def test_an_answer_that_takes_too_long_is_the_models_and_not_repeated(fake_server: FakeServer, fault: Fault) -> None:
    fake_server.script(fault)
    exchange = ask(fake_server, timeout=0.3)
    assert error_of(exchange).mode is FailureMode.GENERATION_TIMEOUT
    assert "0.3 s" in error_of(exchange).message
    assert exchange.reply.timings is not None
    assert len(fake_server.chats) == 1
    wait_until(lambda: fake_server.gone == 1)


def test_a_flood_is_cut_off(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_REPLY", 2**20)
    fake_server.script(flood(20 * 2**20))
    exchange = ask(fake_server)
    assert error_of(exchange).mode is FailureMode.CONNECTION
    assert "cut off at 1 MB" in error_of(exchange).message
    assert isinstance(exchange.raw, str)
    assert len(exchange.raw) < 2**20
    assert len(fake_server.chats) == 1


def test_lone_surrogates_do_not_reach_the_reply(fake_server: FakeServer) -> None:
    fake_server.script(status(200, r'{"choices": [{"message": {"content": "a\ud83db \ud83e\udda8"}}]}'))
    exchange = ask(fake_server)
    assert exchange.reply.content == "a\ufffdb 🦨"
    assert exchange.raw == {"choices": [{"message": {"content": "a\ud83db 🦨"}}]}


def test_bytes_that_are_no_text_do_not_hide_the_answer(fake_server: FakeServer) -> None:
    body = b'{"choices": [{"message": {"content": "caf\xe9"}}]}'
    fake_server.script(reset(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body))
    assert ask(fake_server).reply.content == "caf\ufffd"


def test_connections_are_kept_alive(fake_server: FakeServer) -> None:
    async def main() -> None:
        async with client_of(fake_server) as client:
            for _ in range(5):
                await client.ask(hello())

    anyio.run(main)
    assert fake_server.connections == 1


def test_a_proxy_is_not_used_for_this_machine(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert ask(fake_server).reply.content == "hello"


def test_as_many_requests_are_under_way_as_connections_are_allowed() -> None:
    async def wait_for_company(connection: Connection) -> None:
        await until(lambda: server.max_in_flight == 6)
        await status(200, completion("together"))(connection)

    async def main() -> list[Exchange]:
        answers: list[Exchange] = []

        async def one(client: HttpClient) -> None:
            answers.append(await client.ask(hello()))

        async with client_of(server, connections=6) as client, anyio.create_task_group() as tasks:
            for _ in range(18):
                tasks.start_soon(one, client)
        return answers

    with FakeServer(slots=6, replies=lambda _: wait_for_company) as server:
        answers = anyio.run(main)
        assert [exchange.reply.content for exchange in answers] == ["together"] * 18
        assert server.max_in_flight == 6


def test_cancellation_passes_through_and_closes_the_connection(fake_server: FakeServer) -> None:
    async def main() -> Exchange:
        async with client_of(fake_server, connections=1) as client:
            async with anyio.create_task_group() as tasks:
                fake_server.script(hang)
                tasks.start_soon(client.ask, hello())
                await until(lambda: fake_server.in_flight == 1)
                tasks.cancel_scope.cancel()
            assert tasks.cancel_scope.cancelled_caught
            await until(lambda: fake_server.gone == 1)
            return await client.ask(hello("again"))

    assert anyio.run(main).reply.content == "again"


def test_closing_the_client_ends_the_requests_under_way(fake_server: FakeServer) -> None:
    async def main() -> None:
        client = client_of(fake_server, retries=RetryPolicy(broken=0))
        fake_server.script(hang)
        async with anyio.create_task_group() as tasks:

            async def one() -> None:
                assert error_of(await client.ask(hello())).mode is FailureMode.CONNECTION

            tasks.start_soon(one)
            await until(lambda: fake_server.in_flight == 1)
            await client.aclose()

    anyio.run(main)


def test_a_server_that_dies_is_a_connection_error() -> None:
    async def main() -> Exchange:
        answers: list[Exchange] = []
        async with client_of(server) as client, anyio.create_task_group() as tasks:

            async def one() -> None:
                answers.append(await client.ask(hello()))

            tasks.start_soon(one)
            await until(lambda: server.in_flight == 1)
            await anyio.to_thread.run_sync(server.stop)
        return answers[0]

    with FakeServer(replies=lambda _: hang) as server:
        assert error_of(anyio.run(main)).mode is FailureMode.CONNECTION


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x/v1", "", "http://", "http://[::1/v1", "http://x:port/v1"])
def test_a_bad_address_is_refused_with_the_mend(url: str) -> None:
    with pytest.raises(ProfileError, match="http://host:port/v1"):
        HttpClient(url, model=None, timeout=1, connections=1)


@pytest.mark.parametrize("key", ["sk-ü", "sk-a\nb"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ProfileError, match="key_env") as caught:
        HttpClient("http://x/v1", model=None, api_key=key, timeout=1, connections=1)
    assert key not in str(caught.value)


def test_a_queued_request_is_not_on_the_clock() -> None:
    async def main() -> None:
        patience = Patience(60, slots=1)
        with patience.clock() as first:
            assert first.scope.deadline < float("inf")
            with patience.clock() as second, patience.clock() as third:
                assert second.scope.deadline == third.scope.deadline == float("inf")
        with patience.clock() as fourth:
            assert fourth.scope.deadline < float("inf")

    anyio.run(main)


def test_the_next_in_the_queue_is_on_the_clock_when_a_slot_is_free() -> None:
    async def main() -> None:
        patience = Patience(60, slots=1)
        clocks: dict[str, Clock] = {}
        done = {name: anyio.Event() for name in "abc"}

        async def one(name: str) -> None:
            with patience.clock() as clocks[name]:
                await done[name].wait()

        async with anyio.create_task_group() as tasks:
            for name in "abc":
                tasks.start_soon(one, name)
                await until(lambda name=name: name in clocks)  # type: ignore[misc]
            done["a"].set()
            await until(lambda: clocks["b"].scope.deadline < float("inf"))
            assert clocks["c"].scope.deadline == float("inf")
            done["b"].set()
            await until(lambda: clocks["c"].scope.deadline < float("inf"))
            done["c"].set()
            await checkpoint()

    anyio.run(main)


def test_an_answer_is_due_after_four_times_the_slowest_rate_and_a_grace() -> None:
    pace = Pace(grace=10)
    assert pace.due(budget=100, sent=1000) is None
    pace.observe(2.0, tokens=20, sent=1000)
    pace.observe(0.5, tokens=50, sent=100)
    assert pace.due(budget=100, sent=1000) == 10 + 4 * (0.1 * 100 + 0.005 * 1000)
    assert pace.due(budget=None, sent=1000) is None


def overdue(fake_server: FakeServer, meanwhile: Fault = hang) -> Exchange:
    """An answer that should have come long ago, judged by the one before, from a server that is looked at then."""
    fake_server.script("quick", meanwhile, "late")
    request = hello(sampling=Sampling(max_tokens=5))

    async def main() -> Exchange:
        client = client_of(fake_server, timeout=60, pace=Pace(grace=0.1))
        async with client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.watch)
            await client.ask(request)
            exchange = await client.ask(request)
            tasks.cancel_scope.cancel()
        return exchange

    return anyio.run(main)


def test_a_server_that_has_forgotten_a_request_is_asked_again(fake_server: FakeServer) -> None:
    fake_server.pages = {"/slots": [{"id": 0, "is_processing": False}]}
    exchange = overdue(fake_server)
    assert exchange.reply.content == "late"
    assert "the server has forgotten the request" in exchange.retries[0]


def test_an_overdue_answer_of_a_server_without_slots_is_asked_for_again(fake_server: FakeServer) -> None:
    fake_server.pages = {"/slots": None}
    exchange = overdue(fake_server)
    assert exchange.reply.content == "late"
    assert "has not answered" in exchange.retries[0]


def test_a_server_that_is_busy_with_an_overdue_answer_is_waited_for(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    trouble = HttpClient._trouble

    async def look(client: HttpClient) -> str:
        looked.append(await trouble(client))
        return looked[-1]

    monkeypatch.setattr(HttpClient, "_trouble", look)

    async def slow(connection: Connection) -> None:
        await until(lambda: bool(looked))
        await status(200, completion("whole"))(connection)

    exchange = overdue(fake_server, slow)
    assert exchange.reply.content == "whole"
    assert looked[0] == ""


def test_a_server_that_answers_nothing_at_all_hangs(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_LOOK_SECONDS", 0.2)

    async def silence(connection: Connection) -> None:
        fake_server.silent = True
        await hang(connection)

    error = error_of(overdue(fake_server, silence))
    assert error.mode is FailureMode.SERVER_CRASH
    assert "the server hangs" in error.message


def test_a_slow_answer_of_a_server_that_hangs_is_not_the_models_doing(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LOOK_SECONDS", 0.2)
    fake_server.silent = True
    error = error_of(ask(fake_server, timeout=0.2))
    assert error.mode is FailureMode.SERVER_CRASH


def test_a_kept_raw_reply_can_be_read_again(fake_server: FakeServer) -> None:
    fake_server.script(completion("<think>hm</think>\n\nyes"))
    exchange = ask(fake_server)
    timings = exchange.reply.timings
    assert timings is not None
    raw: Any = exchange.raw
    assert parse_reply(raw, timings.wall_ms) == exchange.reply
