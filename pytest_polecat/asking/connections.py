"""HTTP connections, one request at a time on each.

A model on this machine is asked over a socket of our own, with h11 for the protocol: that costs a sixth of what httpx
takes for a request, and at 16 slots the difference is idle slots. TLS and proxies are httpx's business.
"""

import asyncio
import select
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol, cast

import h11
import httpx

from pytest_polecat.asking.inbox import Inbox

KEEP_ALIVE_SECONDS = 4.0
"""Less than the 5 s after which llama-server and uvicorn close an idle connection, so that none closes as we use it."""

_BLOCK = 1 << 16
_LARGEST_HEAD = 100 * 1024


class UnreachableError(ConnectionError):
    """No connection could be made: the reason, with no address in it."""


class LateError(UnreachableError):
    """It was not made in time."""


class Connection(Protocol):
    """A connection that is made when first needed, and made anew when it has gone stale."""

    async def exchange(self, method: str, target: str, body: bytes, inbox: Inbox) -> None:
        """Send a request for a target (path and query), and fill the inbox with the answer, up to its limit.

        Raises `OSError`: `UnreachableError` where there is no connection, others where it broke or speaks no HTTP.
        """

    async def aclose(self) -> None:
        """Close it; a request under way fails."""


class DirectConnection:
    """A plain socket to a host, without a proxy and without TLS. `seconds` is how long connecting may take."""

    def __init__(self, host: str, port: int, headers: Mapping[str, str], seconds: float) -> None:
        self._host = host
        self._port = port
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._seconds = seconds
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._protocol: h11.Connection
        self._used = 0.0

    async def exchange(self, method: str, target: str, body: bytes, inbox: Inbox) -> None:
        """See `Connection`."""
        reader, writer = await self._connected()
        headers = [*self._headers, (b"content-length", b"%d" % len(body))]
        try:
            request = h11.Request(method=method, target=target, headers=headers)
            parts = [request, h11.Data(body), h11.EndOfMessage()] if body else [request, h11.EndOfMessage()]
            # Nothing waits for the server to take it all: one that refuses a long request answers before that.
            writer.write(b"".join(self._protocol.send(part) or b"" for part in parts))
            await self._receive(reader, inbox)
        except h11.ProtocolError as error:
            raise ConnectionError(str(error)) from error
        self._used = time.monotonic()
        ended = self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE
        if ended and not inbox.flooded and not self._protocol.trailing_data[0]:
            # What comes now stays with the kernel, where it can be seen: nobody asked for it.
            _transport(writer).pause_reading()
        else:
            await self.aclose()

    async def aclose(self) -> None:
        """Close it at once."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._writer is not None:
            fresh = time.monotonic() - self._used < KEEP_ALIVE_SECONDS
            if fresh and not self._writer.is_closing() and not _readable(self._writer):
                _transport(self._writer).resume_reading()
                self._protocol.start_next_cycle()
                return self._reader, self._writer
            await self.aclose()
        try:
            async with asyncio.timeout(self._seconds):
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            raise LateError(f"no connection within {self._seconds:g} s") from None
        except OSError as error:
            raise UnreachableError(error.strerror or str(error)) from error
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        return self._reader, self._writer

    async def _receive(self, reader: asyncio.StreamReader, inbox: Inbox) -> None:
        now = time.perf_counter()
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_BLOCK)
                now = time.perf_counter()
                if not data and inbox.status is None:
                    raise ConnectionError("the server closed it without an answer")
                self._protocol.receive_data(data)
            elif isinstance(event, h11.Response):
                inbox.status = event.status_code
                inbox.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                if not inbox.take(event.data, now):
                    return
            elif isinstance(event, h11.EndOfMessage):
                return


def _transport(writer: asyncio.StreamWriter) -> asyncio.Transport:
    return cast(asyncio.Transport, writer.transport)


def _readable(writer: asyncio.StreamWriter) -> bool:
    """Whether there is something to read on an idle connection: its end, or a server's word that it ends."""
    poll = select.poll()
    poll.register(writer.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


class HttpxConnection:
    """A connection of httpx's, to an address with TLS or behind a proxy of the environment."""

    def __init__(self, origin: str, headers: Mapping[str, str], seconds: float, verify: ssl.SSLContext) -> None:
        self._origin = origin
        # A client for each connection: httpx's pool looks at all of its connections twice for a request.
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=seconds),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS),
            verify=verify,
        )

    async def exchange(self, method: str, target: str, body: bytes, inbox: Inbox) -> None:
        """See `Connection`."""
        try:
            async with self._client.stream(method, self._origin + target, content=body) as response:
                inbox.status, inbox.headers = response.status_code, response.headers
                async for data in response.aiter_bytes():
                    if not inbox.take(data, time.perf_counter()):
                        return
        except httpx.ConnectTimeout as error:
            raise LateError(str(error)) from error
        except httpx.ConnectError as error:
            raise UnreachableError(str(error)) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    async def aclose(self) -> None:
        """Close it."""
        await self._client.aclose()
