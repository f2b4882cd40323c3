"""The HTTP under a client: one request's bytes out, and whatever bytes come back, kept as they arrive."""

import ssl
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

import httpx

from pytest_polecat.asking.lanes import Lanes
from pytest_polecat.errors import ProfileError

_CONNECT_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 4.0
"""Less than the 5 s after which llama-server and uvicorn close an idle connection, so that none closes as we use it."""

TROUBLE = (httpx.HTTPError, httpx.StreamError, OSError)
"""What `Transport.post` raises for the network and for servers that speak no HTTP."""


@dataclass
class Inbox:
    """What has arrived of one answer, kept outside of the receiving so that an interruption does not lose it.

    `limit` is the most bytes that are taken. `arrivals` holds (bytes so far, `perf_counter` time) for each read.
    """

    limit: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[int, float]] = field(default_factory=list)

    @property
    def flooded(self) -> bool:
        """Whether more arrived than is taken."""
        return len(self.data) > self.limit

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.status == httpx.codes.OK and "text/event-stream" in self.headers.get("content-type", "")

    @property
    def succeeded(self) -> bool:
        """Whether the server says that it did what was asked."""
        return 200 <= (self.status or 0) < 300

    def arrived(self, end: int) -> float:
        """The `perf_counter` time at which the first `end` bytes were there."""
        return self.arrivals[bisect_left(self.arrivals, (end, 0.0))][1]

    def hide(self, secret: str) -> None:
        """Overwrite a secret that the server quotes, byte for byte: kept replies are no place for it."""
        hidden = secret.encode()
        if hidden in self.data:
            self.data = self.data.replace(hidden, b"*" * len(hidden))


class Transport:
    """Connections to one address; `seconds` is what one whole answer may take, `connections` how many there are."""

    def __init__(self, url: str, *, headers: Mapping[str, str], seconds: float, connections: int) -> None:
        self._url = _address(url)
        # Loading the certificates takes longer than a short answer: only for those who need them, and once.
        secure = self._url.scheme == "https"
        context = httpx.create_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Compressed answers would cost more time than they save on one machine, and could hide a flood.
        own = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "pytest-polecat"}
        self._make = make = partial(
            httpx.AsyncClient,
            headers={**own, **headers},
            timeout=httpx.Timeout(None, connect=min(_CONNECT_SECONDS, seconds / 2)),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            verify=context,
            trust_env=not _is_loopback(self._url.host),
        )
        self._lanes = Lanes(make, connections)

    async def post(self, path: str, body: bytes, inbox: Inbox) -> None:
        """Send a body to this path below the address, and fill the inbox with the answer, up to its limit.

        Raises one of `TROUBLE`.
        """
        async with self._lanes.lane() as http:
            await _fill(inbox, http, http.build_request("POST", str(self._url) + path, content=body))

    async def get(self, path: str, inbox: Inbox) -> None:
        """Fill the inbox with the page of this path at the server's root, on a connection of its own.

        Raises one of `TROUBLE`.
        """
        async with self._make() as http:
            await _fill(inbox, http, http.build_request("GET", self._url.copy_with(raw_path=path.encode())))

    async def aclose(self) -> None:
        """Close the connections; requests under way fail."""
        await self._lanes.aclose()

    def explain(self, trouble: Exception) -> str:
        """What went wrong, with the address, in words."""
        where = f"{self._url.scheme}://{self._url.netloc.decode()}"
        if isinstance(trouble, httpx.ConnectTimeout):
            return f"{where} did not take the connection in time"
        if isinstance(trouble, httpx.ConnectError):
            return f"nothing answers at {where} ({trouble})"
        return f"the connection to {where} broke before the answer was whole ({str(trouble) or type(trouble).__name__})"


async def _fill(inbox: Inbox, http: httpx.AsyncClient, request: httpx.Request) -> None:
    response = await http.send(request, stream=True)
    inbox.status, inbox.headers = response.status_code, response.headers
    try:
        async for data in response.aiter_bytes():
            inbox.data += data
            inbox.arrivals.append((len(inbox.data), time.perf_counter()))
            if inbox.flooded:
                return
    finally:
        await response.aclose()


def _address(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ProfileError(f"{text!r} is no URL ({error}): write it as http://host:port/v1") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ProfileError(f"{text!r} is no HTTP address: write it as http://host:port/v1")
    return url


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
