"""A model server that is none: over real sockets, with known replies and with faults on demand.

It speaks OpenAI's API, and Anthropic's at `/v1/messages`.

In tests: the `fake_server` fixture, or `with FakeServer(replies=lambda body: "42") as server: … server.url …`.
For benchmarks: `python tests/fake_server.py --port 8081 --slots 16 --latency 0.1`.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

from tests.fake_answers import (
    Body,
    Connection,
    Fault,
    Received,
    Reply,
    chunks_of,
    completion,
    error,
    events,
    events_of,
    hang,
    message,
    status,
)


def echo(body: Body) -> str:
    """The default reply: what the user said last."""
    messages = body.get("messages") or [{}]
    content = messages[-1].get("content")
    return content if isinstance(content, str) else json.dumps(content)


class FakeServer:
    """The server, in a thread with an event loop of its own.

    `slots` requests are answered at once, each after `latency` seconds; the others queue. `replies` maps a request's
    body to its reply. `script(…)` puts replies before that, one for each of the next chat requests. While `loading` is
    set, everything is answered with 503, and nothing at all while it is `silent`. `pages` take the place of what it
    would tell at other paths. `gone` counts the clients that left before their answer was whole.
    """

    def __init__(
        self,
        *,
        slots: int = 4,
        latency: float = 0.0,
        replies: Callable[[Body], Reply] = echo,
        port: int = 0,
        context: int = 4096,
    ) -> None:
        self.slots = slots
        self.latency = latency
        self.replies = replies
        self.context = context
        self.model = "fake"
        self.loading = False
        self.silent = False
        self.pages: dict[str, Any] = {}
        self.requests: list[Received] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.max_busy = 0
        self.connections = 0
        self.gone = 0
        self._busy = 0
        self._port = port
        self._script: deque[Reply] = deque()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fake-server", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._slots: asyncio.Semaphore
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base of the API, as a profile's `url`."""
        return f"{self.address}/v1"

    @property
    def chats(self) -> list[Received]:
        """The chat requests received so far, in order."""
        return [request for request in self.requests if request.path.endswith(("/chat/completions", "/messages"))]

    def script(self, *replies: Reply) -> None:
        """Answer the next chat requests with these, in order."""
        self._script.extend(replies)

    def start(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop listening and drop all connections, as a server that was killed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self) -> None:
        """Serve until the thread ends."""
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._slots = asyncio.Semaphore(self.slots)
        try:
            server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, limit=2**24)
        except OSError as failure:
            self._failure = failure
            self._ready.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                await self._answer(Connection(reader, writer, request))
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone += 1
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, connection: Connection) -> None:
        path = connection.request.path.partition("?")[0].removeprefix("/v1")
        if self.silent:
            await hang(connection)
        elif self.loading:
            await error(503, "Loading model", "unavailable_error")(connection)
        elif path in ("/chat/completions", "/messages"):
            await self._chat(connection)
        elif path in ("/chat/completions/input_tokens", "/messages/count_tokens"):
            words = sum(len(str(message["content"]).split()) for message in connection.request.body["messages"])
            await status(200, {"input_tokens": words})(connection)
        else:
            found = (self._pages() | self.pages).get(path)
            page = error(404, "File Not Found", "not_found_error") if found is None else status(200, found)
            await page(connection)
        self.gone += connection.gone.is_set()

    async def _chat(self, connection: Connection) -> None:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            async with self._slots:
                self._busy += 1
                self.max_busy = max(self.max_busy, self._busy)
                try:
                    await self._generate(connection)
                finally:
                    self._busy -= 1
        finally:
            self.in_flight -= 1

    async def _generate(self, connection: Connection) -> None:
        body = connection.request.body
        reply = self._script.popleft() if self._script else self.replies(body)
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = _message_fault if connection.request.path.endswith("/messages") else _fault
        await fault(reply, stream=bool(body.get("stream")))(connection)

    def _pages(self) -> dict[str, Any]:
        slot = {"n_ctx": self.context, "speculative": False}
        return {
            "/health": {"status": "ok"},
            "/models": {
                "object": "list",
                "data": [{"id": self.model, "object": "model", "meta": {"n_ctx": self.context}}],
            },
            "/slots": [{"id": at, "is_processing": at < self._busy, **slot} for at in range(self.slots)],
            "/props": {
                "default_generation_settings": {"n_ctx": self.context, "params": {}},
                "total_slots": self.slots,
                "model_alias": self.model,
                "model_path": "fake.gguf",
                "modalities": {"vision": False, "audio": False},
                "chat_template": "",
                "build_info": "b0-fake",
            },
        }


def _fault(reply: Reply, *, stream: bool) -> Fault:
    """What is to be played for a reply."""
    if callable(reply):
        return reply
    body = reply if isinstance(reply, Mapping) and "choices" in reply else completion(reply)
    return events(*chunks_of(body)) if stream else status(200, body)


def _message_fault(reply: Reply, *, stream: bool) -> Fault:
    """What is to be played for a reply in Anthropic's API."""
    if callable(reply):
        return reply
    body = message(reply) if isinstance(reply, str) else reply
    return events(*events_of(body), done=False) if stream else status(200, body)


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as ended:
        if ended.partial:
            raise
        return None
    method, path, _ = lines[0].split(" ", 2)
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines[1:] if line)}
    data = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, json.loads(data) if data else None)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server that echoes the last message.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--reply", help="a fixed reply instead of the echo")
    options = parser.parse_args()
    replies = echo if options.reply is None else lambda _: options.reply
    with FakeServer(slots=options.slots, latency=options.latency, replies=replies, port=options.port) as server:
        sys.stdout.write(f"listening on {server.address}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.wait()


if __name__ == "__main__":
    main()
