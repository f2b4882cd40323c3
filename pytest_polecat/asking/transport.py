"""The HTTP under a client: one request's bytes out, and whatever bytes come back, kept as they arrive."""

from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from urllib.request import getproxies

import httpx

from pytest_polecat.asking.connections import Connection, DirectConnection, HttpxConnection, LateError, UnreachableError
from pytest_polecat.asking.inbox import Inbox
from pytest_polecat.asking.lanes import Lanes
from pytest_polecat.errors import ProfileError

_CONNECT_SECONDS = 10.0

TROUBLE = OSError
"""What `Transport.post` raises for the network and for servers that speak no HTTP."""


class Transport:
    """Connections to one address; `seconds` is what one whole answer may take, `connections` how many there are."""

    def __init__(self, url: str, *, headers: Mapping[str, str], seconds: float, connections: int) -> None:
        self._url = _address(url)
        # Compressed answers would cost more time than they save on one machine, and could hide a flood.
        own = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "pytest-polecat"}
        self.connection = _maker(self._url, {**own, **headers}, min(_CONNECT_SECONDS, seconds / 2))
        """Makes a connection to the address."""
        self._base = self._url.raw_path.decode().removesuffix("/")
        self._lanes = Lanes(self.connection, connections)

    async def post(self, path: str, body: bytes, inbox: Inbox) -> None:
        """Send a body to this path below the address, and fill the inbox with the answer, up to its limit.

        Raises one of `TROUBLE`.
        """
        async with self._lanes.lane() as connection:
            await connection.exchange("POST", self._base + path, body, inbox)

    async def get(self, path: str, inbox: Inbox) -> None:
        """Fill the inbox with the page of this path at the server's root, on a connection of its own.

        Raises one of `TROUBLE`.
        """
        connection = self.connection()
        try:
            await connection.exchange("GET", path, b"", inbox)
        finally:
            await connection.aclose()

    async def aclose(self) -> None:
        """Close the connections; requests under way fail."""
        await self._lanes.aclose()

    def explain(self, trouble: Exception) -> str:
        """What went wrong, with the address, in words."""
        where = _origin(self._url)
        if isinstance(trouble, LateError):
            return f"{where} did not take the connection in time"
        if isinstance(trouble, UnreachableError):
            return f"nothing answers at {where} ({trouble})"
        return f"the connection to {where} broke before the answer was whole ({str(trouble) or type(trouble).__name__})"


def _maker(url: httpx.URL, headers: Mapping[str, str], seconds: float) -> Callable[[], Connection]:
    """What makes a connection to the address."""
    if url.scheme == "http" and not url.userinfo and (_is_loopback(url.host) or not getproxies()):
        host = {"host": url.netloc.decode("ascii")}
        return partial(DirectConnection, url.host, url.port or 80, {**host, **headers}, seconds)
    # Certificates take longer to load than a short answer takes: once for all connections.
    return partial(HttpxConnection, _origin(url), headers, seconds, httpx.create_ssl_context())


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


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
