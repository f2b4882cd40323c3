"""A server of many models that is none: llama-swap, or llama-server's own router, over real sockets."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

Kind = Literal["llama-swap", "router"]

CONTEXT = 8192


@dataclass
class Routed:
    """What it serves, and what it was asked: (path, body) in order.

    A model tells of itself once a request has loaded it. The next `busy` chat requests are answered with 429. Without
    `timings` its replies have none, as those of servers other than llama.cpp's. `refuses` is the error of a model that
    can't be loaded. Chat requests wait for `held`, if it is given.
    """

    kind: Kind
    models: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    busy: int = 0
    timings: bool = True
    refuses: str | None = None
    held: threading.Event | None = None
    url: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)

    def listed(self) -> dict[str, Any]:
        """`/v1/models`."""
        return {"object": "list", "data": [self._listed(model) for model in self.models]}

    def _listed(self, model: str) -> dict[str, Any]:
        if self.kind == "llama-swap":
            return {"id": model, "object": "model", "owned_by": "llama-swap"}
        state = "loaded" if model in self.loaded else "unloaded"
        return {"id": model, "object": "model", "owned_by": "llamacpp", "status": {"value": state}}

    def document(self, path: str) -> object:
        """What `path` tells, None if there is nothing there."""
        if path == "/v1/models":
            return self.listed()
        model, name = self._asked_for(path)
        if model not in self.loaded:
            return None
        props = {"total_slots": 2, "build_info": "b11434-abc1234", "default_generation_settings": {"n_ctx": CONTEXT}}
        props |= {"model_path": f"/models/{model}.gguf"}
        return {"props": props, "slots": [{"id": 0, "n_ctx": CONTEXT, "speculative": True}] * 2}.get(name)

    def _asked_for(self, path: str) -> tuple[str, str]:
        """The model and the document of a path."""
        if self.kind == "llama-swap":
            model, _, name = path.removeprefix("/upstream/").rpartition("/")
            return (unquote(model), name) if path.startswith("/upstream/") else ("", "")
        name, _, query = path.removeprefix("/").partition("?model=")
        return unquote(query), name

    def answer(self, body: Any) -> tuple[int, object]:
        """The answer to a chat request; it loads the model."""
        if self.held:
            self.held.wait()
        if self.busy:
            self.busy -= 1
            return 429, {"error": {"message": "too many requests"}}
        model = body.get("model")
        if self.refuses:
            return 500, {"error": {"message": self.refuses}}
        if model not in (*self.models, *self.aliases):
            return 400, {"error": {"message": f"model '{model}' not found"}}
        self.loaded.add(model)
        reply: dict[str, Any] = {
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        }
        if self.timings:
            reply["timings"] = {"cache_n": 0, "prompt_n": 5, "prompt_ms": 1.0, "predicted_n": 1, "predicted_ms": 2.0}
        return 200, reply


@contextmanager
def serving(routed: Routed) -> Iterator[Routed]:
    """Serve it until the end of the context; its `url` is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            routed.asked.append((self.path, None))
            document = routed.document(self.path)
            self._send(*((404, {"error": {"message": "not found"}}) if document is None else (200, document)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            routed.asked.append((self.path, body))
            self._send(*routed.answer(body))

        def _send(self, status: int, document: object) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    routed.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield routed
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
