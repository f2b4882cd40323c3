"""What the fake server can say, faults included: each a coroutine function that plays on the connection.

A `Reply` is a text (the content), a mapping (the whole `message`, or a whole body if it holds `choices`; in Anthropic's
API always a whole body), or a fault.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Received:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Connection:
    """The socket of one request, to be written to by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: Received
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()
        self.gone.set()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST, as a killed process does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Fault = Callable[[Connection], Awaitable[None]]
Reply = str | Body | Fault


def head(status: int, length: int | None, **headers: str) -> bytes:
    """The head of an HTTP answer; without a length the body is chunked."""
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    fields = {"content-type": "application/json; charset=utf-8", **headers}
    lines = [
        f"HTTP/1.1 {status} Fake",
        framing,
        *(f"{name.replace('_', '-')}: {text}" for name, text in fields.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(code: int, body: object = "", **headers: str) -> Fault:
    """Answer with this status, a body (text as it is, anything else as JSON) and headers (`retry_after="1"`)."""

    async def play(connection: Connection) -> None:
        data = body.encode(errors="surrogatepass") if isinstance(body, str) else json.dumps(body).encode()
        await connection.write(head(code, len(data), **headers) + data)

    return play


def error(code: int, message: str, kind: str = "server_error", **more: object) -> Fault:
    """Answer with an error in llama-server's shape."""
    return status(code, {"error": {"code": code, "message": message, "type": kind, **more}})


async def hang(connection: Connection) -> None:
    """Never answer; wait until the client gives up."""
    await connection.until_gone()


async def close(connection: Connection) -> None:
    """Close the connection without an answer."""
    connection.close()


def reset(after: bytes = b"") -> Fault:
    """Write something, then reset the connection."""

    async def play(connection: Connection) -> None:
        await connection.write(after)
        connection.reset()

    return play


def cut(body: object, keep: int = 20) -> Fault:
    """Promise the whole body, send its first bytes, close."""

    async def play(connection: Connection) -> None:
        data = json.dumps(body).encode()
        await connection.write(head(200, len(data)) + data[:keep])
        connection.close()

    return play


def flood(size: int) -> Fault:
    """Send a body of this many bytes."""

    async def play(connection: Connection) -> None:
        piece = b"x" * 2**20
        await connection.write(head(200, size))
        for start in range(0, size, len(piece)):
            await connection.write(piece[: size - start])

    return play


def drip(body: object, pause: float) -> Fault:
    """Send the body byte by byte, with a pause in seconds between them."""

    async def play(connection: Connection) -> None:
        data = json.dumps(body).encode()
        await connection.write(head(200, len(data)))
        for byte in data:
            await asyncio.sleep(pause)
            await connection.write(bytes([byte]))

    return play


def events(*chunks: object, done: bool = True, broken: bool = False, stay: bool = False) -> Fault:
    """Send a stream of server-sent events: text as raw lines, anything else as JSON in a `data:` line.

    `broken` closes without the end of the HTTP message; `stay` leaves the stream open until the client is gone.
    """

    async def play(connection: Connection) -> None:
        lines = [chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        await connection.write(head(200, None, content_type="text/event-stream"))
        for line in [*lines, *(["data: [DONE]\n\n"] if done else [])]:
            data = line.encode()
            await connection.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if stay:
            await connection.until_gone()
        elif broken:
            connection.close()
        else:
            await connection.write(b"0\r\n\r\n")

    return play


def completion(message: str | Body, *, finish_reason: str = "stop", **more: object) -> dict[str, Any]:
    """The body of a chat completion in llama-server's shape, with made-up counts and timings."""
    answer = {"content": message} if isinstance(message, str) else message
    words = len(str(answer.get("content") or "").split())
    return {
        "object": "chat.completion",
        "id": "chatcmpl-fake",
        "created": 0,
        "model": "fake",
        "system_fingerprint": "b0-fake",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **answer}}],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": words,
            "total_tokens": 10 + words,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        "timings": {"cache_n": 0, "prompt_n": 10, "prompt_ms": 1.0, "predicted_n": words, "predicted_ms": 2.0},
        **more,
    }


def chunks_of(body: Body) -> list[dict[str, Any]]:
    """The same answer as the chunks that llama-server streams when asked for the usage."""
    shared = {"object": "chat.completion.chunk", "model": body.get("model"), "id": body.get("id")}
    choice = body["choices"][0]
    message = dict(choice["message"])
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for key in ("reasoning_content", "content"):
        deltas += [{key: word} for word in str(message.get(key) or "").splitlines(keepends=True)]
    deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(message.get("tool_calls") or [])]
    chunks = [{**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**shared, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    return [*chunks, {**shared, "choices": [], "usage": body["usage"], "timings": body["timings"]}]


def refused(code: int, kind: str, words: str, **headers: str) -> Fault:
    """Answer with an error in the shape of Anthropic's API."""
    return status(
        code, {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_fake"}, **headers
    )


def message(*content: str | Body, stop_reason: str = "end_turn", **more: object) -> dict[str, Any]:
    """The body of a message of Anthropic's API, with made-up counts; a text stands for a block of text."""
    blocks = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    counts = {"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 7}
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": "fake",
        "content": blocks,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": counts,
        **more,
    }


def events_of(body: Body) -> list[str]:
    """The same message as the events that Anthropic's API streams."""
    usage = dict(body["usage"])
    start = {**body, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    sent: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(body["content"]):
        opened, deltas = _in_pieces(block)
        sent.append({"type": "content_block_start", "index": index, "content_block": opened})
        sent += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        sent.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": body["stop_reason"], "stop_sequence": body["stop_sequence"]}
    sent.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": usage["output_tokens"]}})
    sent.append({"type": "message_stop"})
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in sent]


def _in_pieces(block: Body) -> tuple[Body, list[Body]]:
    """A block as it starts, and what comes after."""
    match block["type"]:
        case "text":
            lines = block["text"].splitlines(keepends=True)
            return {**block, "text": ""}, [{"type": "text_delta", "text": line} for line in lines]
        case "thinking":
            lines = block["thinking"].splitlines(keepends=True)
            deltas: list[Body] = [{"type": "thinking_delta", "thinking": line} for line in lines]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            written = json.dumps(block["input"])
            halves = [written[:5], written[5:]]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": half} for half in halves]
    return block, []
