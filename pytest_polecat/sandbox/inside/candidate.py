"""The candidate's side of a sandbox: it loads the code that a model wrote, and does with it what the host asks.

It shares its process with that code, which may replace every part of it: the host trusts nothing that comes from here.
No expected value ever arrives here, only inputs.

Messages are JSON with a length (4 bytes, big-endian) before them, on descriptor 3.

    from the host    {"id", "op", "on", "args", "kwargs", "thread"}    do this; "thread": what asks there
                     {"id", "op", …, "within"}                         the same, in the thread of that callback
                     {"reply", "value" | "error"}                      what a function of the host returned or raised
    to the host      {"id", "value", "changed"} | {"id", "error"}      what came of it
                     {"callback", "fn", "args", "kwargs"}              call this function of the host

Values are JSON where JSON has them, else an object with one key, the tag: see `Codec`.
"""

from __future__ import annotations

import builtins
import copy
import importlib
import json
import operator
import os
import queue
import socket
import struct
import sys
import threading
import types

from pytest_polecat.sandbox.inside.codec import CAP, Codec, Plain, came_as, contents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_CHANNEL = 3
_LENGTH = struct.Struct(">I")


class Candidate:
    """Answers the host in the main thread, or in a thread that waits for a function of the host."""

    def __init__(self) -> None:
        self.channel = socket.socket(fileno=_CHANNEL)
        self.sending = threading.Lock()
        self.codec = Codec(self.remote)
        self.lanes: dict[int, queue.SimpleQueue[dict[str, Any]]] = {0: queue.SimpleQueue()}
        self.waiting: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
        self.module: Any = None
        self.loop: Any = None
        self.calls = 0
        self.operations: dict[str, Callable[..., Any]] = {
            **_OPERATIONS,
            "load": self.load,
            "define": self.define,
            "next": self.next,
            "exit": self.leave,
        }

    def run(self) -> None:
        """Until the channel ends."""
        threading.Thread(target=self.receive, daemon=True).start()
        self.work(0)

    def work(self, lane: int) -> None:
        """Do what one thread of the host asks for."""
        while True:
            self.answer(self.lanes[lane].get())

    def receive(self) -> None:
        """Deal the messages out to the threads that they are for."""
        stream = self.channel.makefile("rb")
        while head := stream.read(_LENGTH.size):
            message = json.loads(stream.read(*_LENGTH.unpack(head)))
            thread = self.waiting.get(message.get("reply") or message.get("within") or "")
            (thread or self.lane(message.get("thread", 0))).put(message)
        os._exit(0)

    def lane(self, number: int) -> queue.SimpleQueue[dict[str, Any]]:
        """What a thread of the host asks for is done by one thread here: the first one's by the main thread."""
        if number not in self.lanes:
            self.lanes[number] = queue.SimpleQueue()
            threading.Thread(target=self.work, args=[number], daemon=True).start()
        return self.lanes[number]

    def send(self, message: dict[str, Any]) -> None:
        """To the host. `ValueError` for a message beyond the limit."""
        data = json.dumps(message).encode()
        if len(data) > CAP:
            raise ValueError(f"the value takes {len(data)} bytes; no more than {CAP} can be passed on")
        with self.sending:
            self.channel.sendall(_LENGTH.pack(len(data)) + data)

    def answer(self, message: dict[str, Any]) -> None:
        """Do what is asked, and tell what came of it."""
        shared: dict[int, Any] = {}
        try:
            value = self.perform(message, shared)
            if isinstance(value, types.CoroutineType):
                value = self.awaited(value)
            answer = {"id": message["id"], "value": self.codec.encode(value)}
            if shared:
                answer["changed"] = self.changed(message, shared)
            self.send(answer)
        except BaseException as error:
            told = {**self.codec.told(error), "handle": self.codec.number(error)}
            self.send({"id": message["id"], "error": told})

    def perform(self, message: dict[str, Any], shared: dict[int, Any]) -> Any:
        """The operation that the message names."""
        self.codec.release(message.get("release", []))
        arguments = self.codec.decode(message.get("args", []), shared)
        keywords = {name: self.codec.decode(value, shared) for name, value in message.get("kwargs", {}).items()}
        target = [self.codec.objects[message["on"]]] if "on" in message else []
        return self.operations[message["op"]](*target, *arguments, **keywords)

    def changed(self, message: dict[str, Any], shared: dict[int, Any]) -> list[Any]:
        """The host's containers that are not as they came."""
        came = came_as([*message.get("args", []), *message.get("kwargs", {}).values()])
        now = contents(shared, self.codec)
        return [[number, content] for number, content in now.items() if json.dumps(content) != came.get(number)]

    def load(self, files: dict[str, bytes], module: str) -> Any:
        """Write the files down, and import the module."""
        for path, content in files.items():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        sys.path.insert(0, os.getcwd())
        self.module = importlib.import_module(module)
        return self.module

    def define(self, source: str) -> None:
        """Run code in the module, as if it stood there."""
        exec(compile(source, "<defined by the test>", "exec"), vars(self.module))  # noqa: S102

    def next(self, target: Any) -> Any:
        """The next item, of an asynchronous iterator too."""
        if not hasattr(type(target), "__anext__"):
            return next(target)
        try:
            return self.awaited(target.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def awaited(self, awaitable: Any) -> Any:
        """What comes of an awaitable. All share one event loop, but for those that are asked for while it runs."""
        import asyncio

        async def whole() -> Any:
            return await awaitable

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
        if not self.loop.is_running():
            return self.loop.run_until_complete(whole())
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as other:
            return other.submit(asyncio.run, whole()).result()

    def remote(self, function: str, asynchronous: bool) -> Callable[..., Any]:
        """A function of the host. It may be called from any thread."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            with self.sending:
                self.calls += 1
                number = f"c{self.calls}"
            inbox = self.waiting[number] = queue.SimpleQueue()
            try:
                given = {"args": [self.codec.encode(item) for item in arguments]}
                named = {"kwargs": {name: self.codec.encode(item) for name, item in keywords.items()}}
                self.send({"callback": number, "fn": function, **given, **named})
                while "reply" not in (message := inbox.get()):
                    self.answer(message)
            finally:
                del self.waiting[number]
            if "error" in message:
                raise self.raised(self.codec.decode(message["error"], {}))
            return self.codec.decode(message["value"], {})

        async def call_later(*arguments: Any, **keywords: Any) -> Any:
            import asyncio

            return await asyncio.to_thread(call, *arguments, **keywords)

        made: Any = call_later if asynchronous else call
        made._polecat_lent = function  # noqa: SLF001
        return made  # type: ignore[no-any-return]

    def raised(self, told: Any) -> BaseException:
        """The exception that the test raised: of the same built-in type, or one that came from here."""
        if isinstance(told, BaseException):
            return told
        kind = getattr(builtins, told["type"], Exception)
        kind = kind if isinstance(kind, type) and issubclass(kind, Exception) else Exception
        try:
            error: BaseException = kind(told["text"])
        except TypeError:
            error = Exception(told["text"])
        error._polecat_number = told.get("number")  # type: ignore[attr-defined]  # noqa: SLF001
        return error

    def leave(self, target: Any, told: Any = None) -> Any:
        """Leave a context manager, with the exception that the test raised in it."""
        error = None if told is None else self.raised(told)
        leave = target.__exit__ if hasattr(type(target), "__exit__") else target.__aexit__
        return leave(error and type(error), error, error and error.__traceback__)


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "call": lambda target, /, *arguments, **keywords: target(*arguments, **keywords),
    "get": getattr,
    "set": setattr,
    "delete": delattr,
    "len": len,
    "iter": lambda target: target.__aiter__() if hasattr(type(target), "__aiter__") else iter(target),
    "item": lambda target, key: target[key],
    "set_item": lambda target, key, value: target.__setitem__(key, value),
    "delete_item": lambda target, key: target.__delitem__(key),
    "str": str,
    "repr": repr,
    "enter": lambda target: target.__enter__() if hasattr(type(target), "__enter__") else target.__aenter__(),
    "format": format,
    "dir": dir,
    "hash": hash,
    "int": int,
    "float": float,
    "complex": complex,
    "plain": Plain,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "is_a": lambda target, value: isinstance(value, target),
    "is_subclass": lambda target, kind: issubclass(kind, target),
    **{
        name: getattr(operator, name)
        for name in [
            "abs",
            "add",
            "and_",
            "contains",
            "eq",
            "floordiv",
            "ge",
            "gt",
            "index",
            "invert",
            "le",
            "lshift",
            "lt",
            "matmul",
            "mod",
            "mul",
            "ne",
            "neg",
            "or_",
            "pos",
            "pow",
            "rshift",
            "sub",
            "truediv",
            "xor",
        ]
    },
}


def _be_the_first_to_go() -> None:
    """Where memory runs out, this is the process to end, not the supervisor."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


if __name__ == "candidate":
    _be_the_first_to_go()
    Candidate().run()
