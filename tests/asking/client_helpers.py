import time
from collections.abc import Callable
from typing import Any

import anyio

from pytest_polecat.asking.client import Exchange, HttpClient
from pytest_polecat.asking.retrying import RetryPolicy
from pytest_polecat.records.request import Request
from tests.fake_server import FakeServer

AT_ONCE = RetryPolicy(busy=3, broken=2, first_delay=0.001, longest_delay=0.01)


def hello(text: str = "hello", **fields: Any) -> Request:
    return Request(messages=({"role": "user", "content": text},), **fields)


def client_of(server: FakeServer | str, **options: Any) -> HttpClient:
    url = server if isinstance(server, str) else server.url
    return HttpClient(url, **{"model": "fake", "timeout": 30, "connections": 4, "retries": AT_ONCE, **options})


def ask(server: FakeServer | str, request: Request | None = None, *, stream: bool = False, **options: Any) -> Exchange:
    """Ask once, with a client and an event loop of its own."""

    async def main() -> Exchange:
        async with client_of(server, **options) as client:
            return await client.ask(request or hello(), stream=stream)

    return anyio.run(main)


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)
