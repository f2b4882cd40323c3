"""HTTP on the wire: whatever a server does with a connection, on a socket of our own and through httpx alike."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from pytest_polecat.asking import connections, transport
from pytest_polecat.asking.connections import (
    Connection,
    DirectConnection,
    HttpxConnection,
    LateError,
    UnreachableError,
)
from pytest_polecat.asking.inbox import Inbox

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Use = Callable[[Connection], Awaitable[Any]]

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Answer: yes\r\n\r\nhello"


def direct(port: int) -> Connection:
    return DirectConnection("127.0.0.1", port, {"host": f"127.0.0.1:{port}"}, 5)


def through_httpx(port: int) -> Connection:
    return HttpxConnection(f"http://127.0.0.1:{port}", {}, 5, httpx.create_ssl_context())


both = pytest.mark.parametrize("make", [direct, through_httpx])


def run(serve: Serve, make: Callable[[int], Connection], use: Use) -> tuple[Any, int]:
    """What `use` makes of a connection to a server that does `serve` with each; and how many connections there were."""
    served: list[asyncio.Task[None] | None] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def main() -> Any:
        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        connection = make(server.sockets[0].getsockname()[1])
        try:
            async with asyncio.timeout(20):
                return await use(connection)
        finally:
            await connection.aclose()
            server.close()
            await asyncio.gather(*filter(None, served))

    return asyncio.run(main()), len(served)


async def requested(reader: asyncio.StreamReader) -> bytes:
    """A request with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or b"0")
    return head + await reader.readexactly(length)


def answering(*pieces: bytes, pause: float = 0) -> Serve:
    """Answer every request with these pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await requested(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)

    return serve


async def posted(connection: Connection, body: bytes = b"{}", limit: int = 2**20) -> Inbox:
    inbox = Inbox(limit=limit)
    await connection.exchange("POST", "/v1/chat", body, inbox)
    return inbox


@both
def test_an_answer_arrives_with_status_headers_and_body(make: Callable[[int], Connection]) -> None:
    inbox, _ = run(answering(HELLO), make, posted)
    assert (inbox.status, bytes(inbox.data)) == (200, b"hello")
    assert inbox.headers["x-answer"] == "yes"
    assert inbox.arrivals[-1][0] == 5


@both
def test_the_request_is_sent_whole(make: Callable[[int], Connection]) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await requested(reader))
        writer.write(HELLO)

    body = b"x" * 3_000_000
    run(serve, make, lambda connection: posted(connection, body))
    head, _, sent = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat HTTP/1.1\r\n")
    assert b"\r\nhost: 127.0.0.1:" in head.lower()
    assert sent == body


@both
def test_a_body_in_chunks_is_joined(make: Callable[[int], Connection]) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    inbox, _ = run(answering(head, b"3\r\nhel\r\n", b"2\r\nlo\r\n0\r\n\r\n", pause=0.01), make, posted)
    assert bytes(inbox.data) == b"hello"
    assert [end for end, _ in inbox.arrivals] == [3, 5]


@both
def test_interim_answers_are_passed_over(make: Callable[[int], Connection]) -> None:
    inbox, _ = run(answering(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", HELLO), make, posted)
    assert (inbox.status, bytes(inbox.data)) == (200, b"hello")


@both
def test_requests_share_a_connection(make: Callable[[int], Connection]) -> None:
    async def thrice(connection: Connection) -> list[bytes]:
        return [bytes((await posted(connection)).data) for _ in range(3)]

    assert run(answering(HELLO), make, thrice) == ([b"hello"] * 3, 1)


@both
def test_a_server_that_closes_after_its_answer_gets_another_connection(make: Callable[[int], Connection]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requested(reader)
        writer.write(HELLO.replace(b"X-Answer: yes", b"Connection: close"))

    async def twice(connection: Connection) -> list[bytes]:
        return [bytes((await posted(connection)).data) for _ in range(2)]

    assert run(serve, make, twice) == ([b"hello"] * 2, 2)


@both
def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(make: Callable[[int], Connection]) -> None:
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requested(reader)
        writer.write(HELLO)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async def twice(connection: Connection) -> bytes:
        await posted(connection)
        await closed.wait()
        await asyncio.sleep(0.05)  # until the end of the stream has come over
        return bytes((await posted(connection)).data)

    assert run(serve, make, twice) == (b"hello", 2)


def test_what_a_server_says_unasked_is_no_answer() -> None:
    said = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requested(reader)
        writer.write(HELLO)
        await writer.drain()
        writer.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 4\r\n\r\nlate")
        await writer.drain()
        said.set()
        await reader.read(1)

    async def twice(connection: Connection) -> list[tuple[int | None, bytes]]:
        answers = []
        for _ in range(2):
            inbox = await posted(connection)
            answers.append((inbox.status, bytes(inbox.data)))
            await said.wait()
            await asyncio.sleep(0.05)  # until it has come over
        return answers

    assert run(serve, direct, twice) == ([(200, b"hello")] * 2, 2)


def test_what_follows_an_answer_is_no_answer_to_the_next_request() -> None:
    async def twice(connection: Connection) -> list[bytes]:
        return [bytes((await posted(connection)).data) for _ in range(2)]

    more = HELLO + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother"
    assert run(answering(more), direct, twice) == ([b"hello"] * 2, 2)


def test_a_connection_that_was_idle_too_long_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEP_ALIVE_SECONDS", 0.0)

    async def twice(connection: Connection) -> bytes:
        await posted(connection)
        return bytes((await posted(connection)).data)

    assert run(answering(HELLO), direct, twice) == (b"hello", 2)


@both
def test_an_answer_before_the_whole_request_was_taken_is_read(make: Callable[[int], Connection]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
        await writer.drain()
        while await reader.read(2**16):
            pass

    inbox, _ = run(serve, make, lambda connection: posted(connection, b"x" * 5_000_000))
    assert (inbox.status, bytes(inbox.data)) == (413, b"big")


@both
@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    ],
)
def test_what_is_no_whole_answer_is_a_broken_connection(make: Callable[[int], Connection], piece: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requested(reader)
        writer.write(piece)
        await writer.drain()

    async def broken(connection: Connection) -> str:
        with pytest.raises(OSError) as caught:
            await posted(connection)
        return str(caught.value)

    message, _ = run(serve, make, broken)
    assert message


@both
def test_what_arrived_before_the_break_is_kept(make: Callable[[int], Connection]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requested(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
        await writer.drain()

    async def broken(connection: Connection) -> Inbox:
        inbox = Inbox(limit=100)
        with suppress(OSError):
            await connection.exchange("POST", "/", b"{}", inbox)
        return inbox

    inbox, _ = run(serve, make, broken)
    assert (inbox.status, bytes(inbox.data)) == (200, b"hello")


@both
def test_no_more_is_taken_than_the_limit_and_the_connection_is_left(make: Callable[[int], Connection]) -> None:
    async def twice(connection: Connection) -> bool:
        inbox = await posted(connection, limit=3)
        assert inbox.flooded
        return (await posted(connection)).flooded

    assert run(answering(HELLO), make, twice) == (False, 2)


@both
def test_nobody_listening_is_told_from_a_broken_answer(make: Callable[[int], Connection]) -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(UnreachableError):
            await posted(make(port))

    asyncio.run(main())


def test_a_host_that_takes_no_connection_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio, "open_connection", never)
    with pytest.raises(LateError):
        asyncio.run(posted(DirectConnection("127.0.0.1", 9, {"host": "x"}, 0.01)))


@pytest.mark.parametrize(
    ("url", "proxy", "kind"),
    [
        ("http://127.0.0.1:8080/v1", "", DirectConnection),
        ("http://127.0.0.1:8080/v1", "http://proxy:3128", DirectConnection),
        ("http://[::1]:8080/v1", "http://proxy:3128", DirectConnection),
        ("http://gpu.lan:8080/v1", "", DirectConnection),
        ("http://gpu.lan:8080/v1", "http://proxy:3128", HttpxConnection),
        ("http://me:secret@gpu.lan:8080/v1", "", HttpxConnection),
        ("https://example.org/v1", "", HttpxConnection),
    ],
)
def test_tls_proxies_and_passwords_are_left_to_httpx(
    url: str, proxy: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
    made = transport.Transport(url, headers={}, seconds=5, connections=1).connection()
    assert isinstance(made, kind)
    asyncio.run(made.aclose())
