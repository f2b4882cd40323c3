"""Asking a server over HTTP: one request in, one `Exchange` out, whatever happens on the way.

What is sent and what the answers mean is the dialect's (`apis`); the bytes are the transport's.
"""

import json
import time
from dataclasses import dataclass, replace
from typing import Protocol, Self

import anyio
from pydantic import JsonValue

from pytest_polecat.asking.apis import DIALECTS, fields
from pytest_polecat.asking.failures import refusal
from pytest_polecat.asking.inbox import Inbox
from pytest_polecat.asking.pace import Pace
from pytest_polecat.asking.patience import Patience
from pytest_polecat.asking.retrying import BUSY, RetryPolicy, seconds_of
from pytest_polecat.asking.streaming import read_events, read_json
from pytest_polecat.asking.transport import TROUBLE, Transport
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError, Reply, Timings
from pytest_polecat.records.request import Request

LARGEST_REPLY = 64 * 2**20
"""Bytes of one answer at most. No model writes that much in one reply, so more is booked as a broken connection (not as
the model's repetition): it is a wrong address, a broken server, or a request for every token's probabilities."""

HANGS = "the server hangs: it answers nothing at all"
SLOTS = "/slots"

_LOOK = 1.0
_LOOK_SECONDS = 10.0
_NO_STATUS = 504
"""Stands for a gateway's time-out: the connection was not lost."""

_KEPT_OF_A_FLOOD = 64 * 2**10
_SHORTEST_SECRET = 8
"""What is shorter is no key of an API, and would be found in ordinary words."""


@dataclass(frozen=True)
class Exchange:
    """One request's outcome.

    `raw` is the last answer's body as received, the API key overwritten where the server quoted it: the parsed JSON,
    or the text if it is none, or the list of a stream's chunks (`[DONE]` included; text where a chunk is no JSON).
    `parse_reply` reads it again. `retries` says in a sentence each why it was asked again. `first_token_ms` is the
    client's time to the first token of a stream.
    """

    reply: Reply
    raw: JsonValue | str
    retries: tuple[str, ...] = ()
    first_token_ms: float | None = None


class Client(Protocol):
    """A way to ask a model. It never raises for what the server, the network or the model did."""

    async def ask(self, request: Request, *, stream: bool = False) -> Exchange:
        """Ask once. A failure is told by the reply's `error`; cancellation passes through."""
        ...

    async def count(self, request: Request) -> int | None:
        """The tokens of a request as the server counts them; None where it can't."""
        ...

    async def aclose(self) -> None:
        """Close the connections; requests under way fail."""
        ...


@dataclass(frozen=True)
class _Try:
    """One try: its exchange, how many repeats its failure is worth, and the pause that the server asked for."""

    exchange: Exchange
    repeats: int = 0
    retry_after: float | None = None


class HttpClient:
    """Asks a server by HTTP in the dialect of `api` (a value of `Profile.api`).

    `base_url` is the API's base (`http://127.0.0.1:8080/v1`); `model` its name for the model, None to leave it out;
    `timeout` the seconds for one whole reply, counted anew for each try; `connections` how many requests may be under
    way at once; `slots` how many of them the server answers at once (all, unless told): see `Patience`.
    Raises `ProfileError` for an address that is none and for a key that HTTP can't send.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api: str = "openai",
        model: str | None,
        api_key: str | None = None,
        timeout: float,
        connections: int,
        slots: int | None = None,
        retries: RetryPolicy | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._dialect = DIALECTS[api]
        self._model = model
        self._key = (api_key or "").strip()
        self._timeout = timeout
        self._patience = Patience(timeout, slots or connections)
        self._pace = pace or Pace()
        self._policy = retries or RetryPolicy()
        self._transport = Transport(
            base_url.rstrip("/"),
            headers=self._dialect.auth_headers(self._key),
            seconds=timeout,
            connections=connections,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def ask(self, request: Request, *, stream: bool = False) -> Exchange:
        """Ask, and ask again where the machine failed and it may pass."""
        body = json.dumps(self._dialect.body(request, self._model, stream), separators=(",", ":")).encode()
        reasons: list[str] = []
        while True:
            tried = await self._try(body, self._pace.due(budget=request.sampling.max_tokens, sent=len(body)))
            error = tried.exchange.reply.error
            if error is None or len(reasons) >= tried.repeats:
                return replace(tried.exchange, retries=tuple(reasons)) if reasons else tried.exchange
            delay = self._policy.delay(len(reasons) + 1, tried.retry_after)
            reasons.append(f"{error.message}; asked again after {delay:g} s")
            await anyio.sleep(delay)

    async def count(self, request: Request) -> int | None:
        """Let the server count; it is asked once."""
        body = json.dumps(self._dialect.body(request, self._model, False), separators=(",", ":")).encode()
        inbox = Inbox(limit=LARGEST_REPLY)
        try:
            with anyio.fail_after(self._timeout):
                await self._transport.post(self._dialect.count_path, body, inbox)
        except TROUBLE:
            return None
        told = read_json(inbox.data.decode(errors="replace")) if inbox.succeeded else None
        return fields.count(fields.get(told, "input_tokens"))

    async def watch(self) -> None:
        """Look at the server when an answer is overdue, for as long as this runs; without it only `timeout` counts."""
        while True:
            await anyio.sleep(_LOOK)
            overdue = self._patience.overdue()
            trouble = await self._trouble() if overdue else ""
            for clock in overdue if trouble else ():
                clock.stop(f"{trouble}, {clock.due:.0f} s after it was asked")

    async def _trouble(self) -> str:
        """What is amiss with a server whose answer is overdue; empty while it is seen to be busy."""
        inbox = Inbox(limit=LARGEST_REPLY)
        try:
            with anyio.fail_after(_LOOK_SECONDS):
                await self._transport.get(SLOTS, inbox)
        except TROUBLE:
            return HANGS
        slots = read_json(inbox.data.decode(errors="replace")) if inbox.succeeded else None
        if not isinstance(slots, list):
            return "the server has not answered, though it should have long ago"
        busy = any(isinstance(slot, dict) and slot.get("is_processing") for slot in slots)
        return "" if busy else "the server has forgotten the request: all its slots are idle"

    async def _too_slow(self) -> AskError:
        """An answer that took too long is the model's doing, unless the server does nothing at all any more."""
        if await self._trouble() == HANGS:
            return AskError(mode=FailureMode.SERVER_CRASH, message=f"{HANGS}, {self._timeout:g} s after it was asked")
        return AskError(mode=FailureMode.GENERATION_TIMEOUT, message=f"no whole answer within {self._timeout:g} s")

    async def _try(self, body: bytes, due: float | None) -> _Try:
        inbox = Inbox(limit=LARGEST_REPLY)
        trouble: Exception | None = None
        started = time.perf_counter()
        with self._patience.clock(due) as clock:
            try:
                await self._transport.post(self._dialect.path, body, inbox)
            except TROUBLE as caught:
                trouble = caught
        wall_ms = (time.perf_counter() - started) * 1000
        if len(self._key) >= _SHORTEST_SECRET:
            inbox.hide(self._key)
        if inbox.flooded:
            return _flooded(inbox, wall_ms)
        exchange = self._read_stream(inbox, started, wall_ms) if inbox.streams else self._read(inbox, wall_ms)
        if inbox.streams and isinstance(exchange.raw, list) and not self._dialect.is_cut(exchange.raw):
            return self._judge(inbox, exchange, broken=False)
        if clock.trouble:
            return self._given_up(exchange, clock.trouble)
        if clock.scope.cancelled_caught:
            return _Try(_failed(exchange, await self._too_slow()))
        if trouble is not None:
            explained = self._transport.explain(trouble)
            error = AskError(mode=FailureMode.CONNECTION, message=explained, status=inbox.status)
            return _Try(_failed(exchange, error), repeats=self._policy.broken)
        if exchange.reply.error is None and clock.started is not None:
            seconds = anyio.current_time() - clock.started
            self._pace.observe(seconds, tokens=exchange.reply.usage.completion_tokens, sent=len(body))
        return self._judge(inbox, exchange, broken=inbox.streams or (inbox.status or 0) >= 500)

    def _given_up(self, exchange: Exchange, trouble: str) -> _Try:
        if trouble.startswith(HANGS):
            return _Try(_failed(exchange, AskError(mode=FailureMode.SERVER_CRASH, message=trouble)))
        error = AskError(mode=FailureMode.CONNECTION, message=trouble, status=_NO_STATUS)
        return _Try(_failed(exchange, error), repeats=self._policy.broken)

    def _judge(self, inbox: Inbox, exchange: Exchange, *, broken: bool) -> _Try:
        """Say whether an answer is worth asking again."""
        error = exchange.reply.error
        if error is None or error.mode is not FailureMode.CONNECTION:
            return _Try(exchange)
        if error.status in BUSY:
            return _Try(exchange, self._policy.busy, seconds_of(inbox.headers.get("retry-after")))
        return _Try(exchange, self._policy.broken if broken else 0)

    def _read(self, inbox: Inbox, wall_ms: float) -> Exchange:
        """The exchange from the bytes that arrived, with the error that they tell of."""
        raw = read_json(inbox.data.decode(errors="replace"))
        if inbox.succeeded:
            return Exchange(self._dialect.read(raw, wall_ms), raw)
        error = refusal(inbox.status or 0, raw)
        return Exchange(Reply(error=error, timings=Timings(source="client", wall_ms=wall_ms)), raw)

    def _read_stream(self, inbox: Inbox, started: float, wall_ms: float) -> Exchange:
        events = list(read_events(bytes(inbox.data)))
        chunks = [chunk for _, chunk in events]
        spoken = next((end for end, chunk in events if self._dialect.says_something(chunk)), None)
        first_token_ms = None if spoken is None else (inbox.arrived(spoken) - started) * 1000
        return Exchange(self._dialect.read(chunks, wall_ms), chunks, first_token_ms=first_token_ms)


def _flooded(inbox: Inbox, wall_ms: float) -> _Try:
    text = inbox.data[:_KEPT_OF_A_FLOOD].decode(errors="replace")
    message = f"the answer was cut off at {LARGEST_REPLY // 2**20} MB: that is no chat completion"
    error = AskError(mode=FailureMode.CONNECTION, message=message, status=inbox.status)
    return _Try(Exchange(Reply(error=error, timings=Timings(source="client", wall_ms=wall_ms)), text))


def _failed(exchange: Exchange, error: AskError) -> Exchange:
    return replace(exchange, reply=exchange.reply.model_copy(update={"error": error}))
