"""Asking an OpenAI-compatible server over HTTP: one request in, one `Exchange` out, whatever happens on the way."""

import json
import ssl
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from ipaddress import ip_address
from typing import Protocol, Self

import anyio
import httpx
from pydantic import JsonValue

from pytest_polecat.asking.failures import refusal
from pytest_polecat.asking.lanes import Lanes
from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.asking.patience import Patience
from pytest_polecat.asking.streaming import is_cut, read_events, read_json, says_something
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError, Reply, Timings
from pytest_polecat.records.request import Request

LARGEST_REPLY = 64 * 2**20
"""Bytes of one answer at most. No model writes that much in one reply, so more is booked as a broken connection (not as
the model's repetition): it is a wrong address, a broken server, or a request for every token's probabilities."""

_KEPT_OF_A_FLOOD = 64 * 2**10
_CONNECT_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 4.0
"""Less than the 5 s after which llama-server and uvicorn close an idle connection, so that none closes as we use it."""

_BUSY = (429, 503)


@dataclass(frozen=True)
class Exchange:
    """One request's outcome.

    `raw` is the last answer's body as received: the parsed JSON, or the text if it is none, or the list of a stream's
    chunks (`[DONE]` included; text where a chunk is no JSON). `parse_reply` reads it again. `retries` says in a
    sentence each why it was asked again. `first_token_ms` is the client's time to the first token of a stream.
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

    async def aclose(self) -> None:
        """Close the connections; requests under way fail."""
        ...


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is repeated, and after how many seconds.

    `busy` repeats while the server says that it can't now (HTTP 429, 503), `broken` after a broken connection or
    another server error. The delay doubles from `first_delay` on; a `Retry-After` replaces it; `longest_delay` caps
    both.
    """

    busy: int = 6
    broken: int = 2
    first_delay: float = 0.5
    longest_delay: float = 30.0

    def delay(self, repeat: int, wanted: float | None = None) -> float:
        """Seconds before the repeat number `repeat` (from 1), given what the server's `Retry-After` wants."""
        backoff = self.first_delay * 2.0 ** (repeat - 1)
        return min(backoff if wanted is None else max(wanted, 0.0), self.longest_delay)


@dataclass
class _Inbox:
    """What has arrived of one answer, kept outside of the receiving so that an interruption does not lose it.

    `arrivals` holds (bytes so far, `perf_counter` time) for each read.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[int, float]] = field(default_factory=list)

    @property
    def flooded(self) -> bool:
        return len(self.data) > LARGEST_REPLY

    @property
    def streams(self) -> bool:
        return self.status == httpx.codes.OK and "text/event-stream" in self.headers.get("content-type", "")


@dataclass(frozen=True)
class _Try:
    """One try: its exchange, how many repeats its failure is worth, and the pause that the server asked for."""

    exchange: Exchange
    repeats: int = 0
    retry_after: float | None = None


class OpenAIClient:
    """Asks a server that speaks OpenAI's chat completions.

    `base_url` is the API's base (`http://127.0.0.1:8080/v1`); `model` its name for the model, None to leave it out;
    `timeout` the seconds for one whole reply, counted anew for each try; `connections` how many requests may be under
    way at once; `slots` how many of them the server answers at once (all, unless told): see `Patience`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str | None,
        api_key: str | None = None,
        timeout: float,
        connections: int,
        slots: int | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._url = _endpoint(base_url)
        self._model = model
        self._key = (api_key or "").strip()
        self._timeout = timeout
        self._patience = Patience(timeout, slots or connections)
        self._policy = retries or RetryPolicy()
        secure = self._url.scheme == "https"
        # Loading the certificates takes longer than a short answer: only for those who need them, and once.
        context = httpx.create_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        make = partial(
            httpx.AsyncClient,
            headers=_headers(self._key),
            timeout=httpx.Timeout(None, connect=min(_CONNECT_SECONDS, timeout / 2)),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            verify=context,
            trust_env=not _is_loopback(self._url.host),
        )
        self._lanes = Lanes(make, connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._lanes.aclose()

    async def ask(self, request: Request, *, stream: bool = False) -> Exchange:
        """Ask, and ask again where the machine failed and it may pass."""
        body = self._body(request, stream)
        reasons: list[str] = []
        while True:
            tried = await self._try(body)
            error = tried.exchange.reply.error
            if error is None or len(reasons) >= tried.repeats:
                return replace(tried.exchange, retries=tuple(reasons))
            delay = self._policy.delay(len(reasons) + 1, tried.retry_after)
            reasons.append(f"{error.message}; asked again after {delay:g} s")
            await anyio.sleep(delay)

    def _body(self, request: Request, stream: bool) -> bytes:
        body = request.body()
        if self._model is not None:
            body["model"] = self._model
        if stream:
            body.update({"stream": True, "stream_options": {"include_usage": True}})
        return json.dumps(body, separators=(",", ":")).encode()

    async def _try(self, body: bytes) -> _Try:
        inbox = _Inbox()
        trouble: Exception | None = None
        started = time.perf_counter()
        with self._patience.clock() as scope:
            try:
                await self._receive(body, inbox)
            except (httpx.HTTPError, httpx.StreamError, OSError) as caught:
                trouble = caught
        wall_ms = (time.perf_counter() - started) * 1000
        if inbox.flooded:
            return self._flooded(inbox, wall_ms)
        exchange = _read(inbox, self._key, started, wall_ms)
        if inbox.streams and isinstance(exchange.raw, list) and not is_cut(exchange.raw):
            return _Try(exchange)
        if scope.cancelled_caught:
            slow = f"no whole answer within {self._timeout:g} s"
            return _Try(_failed(exchange, AskError(mode=FailureMode.GENERATION_TIMEOUT, message=slow)))
        if trouble is not None:
            error = AskError(mode=FailureMode.CONNECTION, message=self._explain(trouble), status=inbox.status)
            return _Try(_failed(exchange, error), repeats=self._policy.broken)
        return self._judge(inbox, exchange)

    async def _receive(self, body: bytes, inbox: _Inbox) -> None:
        async with self._lanes.lane() as http:
            response = await http.send(http.build_request("POST", self._url, content=body), stream=True)
            inbox.status, inbox.headers = response.status_code, response.headers
            try:
                async for data in response.aiter_bytes():
                    inbox.data += data
                    inbox.arrivals.append((len(inbox.data), time.perf_counter()))
                    if inbox.flooded:
                        return
            finally:
                await response.aclose()

    def _judge(self, inbox: _Inbox, exchange: Exchange) -> _Try:
        """Say whether an answer that arrived whole is worth asking again."""
        status = inbox.status or 0
        if exchange.reply.error is None or exchange.reply.error.mode is not FailureMode.CONNECTION:
            return _Try(exchange)
        if status in _BUSY:
            return _Try(exchange, self._policy.busy, _seconds(inbox.headers.get("retry-after")))
        broken = status >= 500 or inbox.streams
        return _Try(exchange, self._policy.broken if broken else 0)

    def _flooded(self, inbox: _Inbox, wall_ms: float) -> _Try:
        text = inbox.data[:_KEPT_OF_A_FLOOD].decode(errors="replace")
        message = f"the answer was cut off at {LARGEST_REPLY // 2**20} MB: that is no chat completion"
        error = AskError(mode=FailureMode.CONNECTION, message=message, status=inbox.status)
        return _Try(Exchange(Reply(error=error, timings=Timings(source="client", wall_ms=wall_ms)), text))

    def _explain(self, trouble: Exception) -> str:
        where = f"{self._url.scheme}://{self._url.netloc.decode()}"
        if isinstance(trouble, httpx.ConnectTimeout):
            return f"{where} did not take the connection in time"
        if isinstance(trouble, httpx.ConnectError):
            return f"nothing answers at {where} ({trouble})"
        return f"the connection to {where} broke before the answer was whole ({str(trouble) or type(trouble).__name__})"


def _read(inbox: _Inbox, key: str, started: float, wall_ms: float) -> Exchange:
    """The exchange from the bytes that arrived, with the error that they tell of."""
    if inbox.streams:
        return _read_stream(inbox, started, wall_ms)
    text = inbox.data.decode(errors="replace")
    if len(key) >= 8:
        # Some servers quote the key that they refuse; kept replies are no place for it.
        text = text.replace(key, "…")
    raw = read_json(text)
    status = inbox.status or 0
    if 200 <= status < 300:
        return Exchange(parse_reply(raw, wall_ms), raw)
    return Exchange(Reply(error=refusal(status, raw), timings=Timings(source="client", wall_ms=wall_ms)), raw)


def _read_stream(inbox: _Inbox, started: float, wall_ms: float) -> Exchange:
    events = list(read_events(bytes(inbox.data)))
    chunks = [chunk for _, chunk in events]
    spoken = next((end for end, chunk in events if says_something(chunk)), None)
    first_token_ms = None
    if spoken is not None:
        _, arrived = inbox.arrivals[bisect_left(inbox.arrivals, (spoken, 0.0))]
        first_token_ms = (arrived - started) * 1000
    return Exchange(parse_reply(chunks, wall_ms), chunks, first_token_ms=first_token_ms)


def _failed(exchange: Exchange, error: AskError) -> Exchange:
    return replace(exchange, reply=exchange.reply.model_copy(update={"error": error}))


def _endpoint(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
    except httpx.InvalidURL as error:
        raise ProfileError(f"{base_url!r} is no URL ({error}): write it as http://host:port/v1") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ProfileError(f"{base_url!r} is no HTTP address: write it as http://host:port/v1")
    return url


def _headers(key: str) -> dict[str, str]:
    # Compressed answers would cost more time than they save on one machine, and could hide a flood.
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "pytest-polecat"}
    if key and not (key.isascii() and key.isprintable()):
        raise ProfileError("the API key holds characters that HTTP can't send: check the variable named by `key_env`")
    return {**headers, "authorization": f"Bearer {key}"} if key else headers


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110, 10.2.3: a number or a date); None if there is none to read."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after).astimezone(UTC) - datetime.now(tz=UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
