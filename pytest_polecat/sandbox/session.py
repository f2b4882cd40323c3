"""Talking with one candidate: requests and their answers, functions of the test that it calls, deadlines.

The test's threads ask and wait. A thread of the session's own receives, and each call of a function of the test is run
in a thread of its own, as each comes from a thread of the candidate's that waits for it.
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_polecat.sandbox.errors import (
    CandidateError,
    EndedError,
    LostError,
    ProtocolError,
    SandboxError,
    TimeLimitError,
)
from pytest_polecat.sandbox.inside.kernel import more_time
from pytest_polecat.sandbox.supervised import NO_ANSWER
from pytest_polecat.sandbox.values import Decoder, Encoder, Told, dumps, loads, replace_content

_Lost = CandidateError | SandboxError
"""Why nothing can be asked any more: the candidate's doing, or the machine's."""

_TEXT = 4000
_CALLS_AT_ONCE = 128
_ANSWER_SECONDS = 2.5
_RECEIVED_AT_MOST = 256 << 20

_CALLBACK: contextvars.ContextVar[str | None] = contextvars.ContextVar("callback", default=None)


class Link(Protocol):
    """A way to the candidate: what was sent arrives in order; `receive` blocks for the next message."""

    def send(self, payload: bytes) -> None:
        """Send a message; an error that says why nobody is there."""

    def receive(self) -> bytes:
        """The next message; a `CandidateError`, or a `SandboxError`, that says why there is none any more."""

    def used(self, seconds: float) -> float | None:
        """Processor seconds that the candidate has taken since the last message.

        The sandbox itself says so, whatever the candidate does: None if it does not answer within so many seconds.
        """

    def kill(self) -> None:
        """End the sandbox at once."""


class Objects(Protocol):
    """What stands for the candidate's objects in a test."""

    def refer(self, told: Told) -> Any:
        """The object of the test that stands for one of the candidate's."""

    def reference(self, value: Any) -> Any:
        """The JSON for such an object; `TypeError` for any other."""

    def raised(self, told: Mapping[str, Any]) -> CandidateError:
        """The exception for one of the candidate's."""


class Session:
    """The talk with one candidate. `call_limit` and `limit` are seconds for one call, and for all of them."""

    def __init__(self, link: Link, *, call_limit: float, limit: float) -> None:
        self._link = link
        self._call_limit = call_limit
        self._deadline = time.monotonic() + limit
        self._limit = limit
        self.objects: Objects
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any] | _Lost]] = {}
        self._lock = threading.Lock()
        self._threads: dict[int, int] = {}
        self._released: list[list[int]] = []
        self._functions: dict[str, Callable[..., Any]] = {}
        self._names: dict[int, str] = {}
        self._raised: list[Exception] = []
        self._calls = 0
        self._received = 0
        self.asked = 0
        """How often the candidate was asked for something that may have changed its objects."""
        self._over: _Lost | None = None
        self.asserted: BaseException | None = None
        self.lost: LostError | None = None
        """The machine's failure that the test was told of, whatever it made of it."""
        threading.Thread(target=self._receive, name="polecat-sandbox", daemon=True).start()

    def request(self, operation: str, on: int | None = None, /, *args: Any, **kwargs: Any) -> Any:
        """Have the candidate do something: its value. Raises what the candidate raised, as a `CandidateError`."""
        self.asked += operation != "plain"
        encoder = Encoder(self._reference)
        message: dict[str, Any] = {"op": operation, "args": [encoder.encode(each) for each in args]}
        if kwargs:
            message["kwargs"] = {name: encoder.encode(value) for name, value in kwargs.items()}
        if on is not None:
            message["on"] = on
        if within := _CALLBACK.get():
            message["within"] = within
        elif thread := self._threads.setdefault(threading.get_ident(), len(self._threads)):
            message["thread"] = thread
        try:
            answer = self._exchange(message)
        except LostError as lost:
            self.lost = lost
            raise
        self.check()
        error = answer.get("error")
        if error is not None:
            raise self._trusted(lambda: self._error(error))
        decoder = Decoder(self.objects.refer, self._lent, encoder.containers)
        value = self._trusted(lambda: decoder.decode(answer.get("value")))
        self._trusted(lambda: self._update(answer.get("changed", []), encoder.containers, decoder))
        return value

    def check(self) -> None:
        """Raise the assertion that failed in a function of the test: the candidate may have swallowed it."""
        if self.asserted is not None:
            raise self.asserted

    def release(self, number: int, times: int) -> None:
        """The test has no use for an object any more, which came so often: the candidate is told with a request."""
        self._released.append([number, times])

    def decoded(self, data: Any) -> Any:
        """The value of something that the candidate sent; `ProtocolError` for what is none."""
        return Decoder(self.objects.refer, self._lent).decode(data)

    def telling(self, error: BaseException) -> Any:
        """How the candidate is told of an exception of the test: itself, if it is its own.

        Nothing is said of a failed assertion: it would give away what was expected.
        """
        try:
            self.objects.reference(error)
        except TypeError:
            pass
        else:
            return error
        silent = isinstance(error, AssertionError) or not isinstance(error, Exception)
        kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins")
        told: dict[str, Any] = {"type": kind, "text": "" if silent else str(error)[:_TEXT]}
        if isinstance(error, Exception) and kind != type(error).__name__:
            self._raised.append(error)
            told["number"] = len(self._raised)
        return told

    def raised_by_test(self, number: Any) -> Exception | None:
        """The exception of the test that the candidate was told of by this number."""
        known = type(number) is int and 0 < number <= len(self._raised)
        return self._raised[number - 1] if known else None

    def close(self) -> None:
        """No more requests."""
        self._end(EndedError("the sandbox was closed"))

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        inbox: queue.SimpleQueue[dict[str, Any] | _Lost] = queue.SimpleQueue()
        released, self._released = self._released, []
        payload = dumps({**message, "id": number, **({"release": released} if released else {})})
        with self._lock:
            if self._over:
                raise self._again(self._over)
            self._waiting[number] = inbox
        try:
            self._link.send(payload)
            answer = self._wait(inbox)
        except KeyboardInterrupt:
            # It is still at it: nobody must ask it for anything more, such as how its objects are to be shown.
            self._end(EndedError("the test was interrupted"))
            raise
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if isinstance(answer, _Lost):
            raise self._again(answer)
        return answer

    def _wait(self, inbox: queue.SimpleQueue[dict[str, Any] | _Lost]) -> dict[str, Any] | _Lost:
        begin = time.monotonic()
        left = self._deadline - begin
        limit = more = max(0.0, min(self._call_limit, left))
        while True:
            try:
                return inbox.get(timeout=more)
            except queue.Empty:
                # No candidate keeps the supervisor from answering; an engine that hangs does.
                used = self._link.used(_ANSWER_SECONDS)
            more = 0.0 if used is None else more_time(used, time.monotonic() - begin, limit)
            if not more:
                return self._too_long(whole=left < self._call_limit, there=used is not None)
            self._deadline += more

    def _too_long(self, *, whole: bool, there: bool) -> _Lost:
        limit = self._limit if whole else self._call_limit
        told = f"{'all calls together' if whole else 'a call'} took longer than {limit:g} s"
        error = TimeLimitError(told) if there else LostError(f"{told}, and {NO_ANSWER}")
        self._end(error)
        return self._over or error

    def _end(self, error: _Lost) -> None:
        """Nothing comes any more: everybody who waits is told why."""
        with self._lock:
            if self._over:
                return
            self._over = error
            waiting = list(self._waiting.values())
        for inbox in waiting:
            inbox.put(error)
        self._link.kill()

    def _again(self, error: _Lost) -> _Lost:
        """The same error for another one who asks: an exception object is raised once."""
        return type(error)(str(error))

    def _trusted(self, read: Callable[[], Any]) -> Any:
        """Read what the candidate sent; who breaks the protocol is not talked to any more."""
        try:
            return read()
        except ProtocolError as error:
            self._end(error)
            raise
        except CandidateError:
            raise
        except (TypeError, AttributeError, ValueError, LookupError, RecursionError, MemoryError) as error:
            broken = ProtocolError(f"a value can't be read ({type(error).__name__})")
            self._end(broken)
            raise broken from None

    def _error(self, told: Any) -> CandidateError:
        if not isinstance(told, dict):
            raise ProtocolError("an exception without a class")
        return self.objects.raised(told)

    def _update(self, changed: Any, containers: Mapping[int, Any], decoder: Decoder) -> None:
        """Make the changes that the candidate made in its copies of the test's lists and dicts."""
        if not isinstance(changed, list):
            raise ProtocolError("changes without numbers")
        for item in changed:
            if not isinstance(item, list) or len(item) != 2 or item[0] not in containers:
                raise ProtocolError("a change of something that was not lent")
            replace_content(containers[item[0]], decoder.decode(item[1]))

    # Functions of the test

    def _reference(self, value: Any) -> Any:
        if not callable(value) or isinstance(value, type) or hasattr(type(value), "_polecat"):
            return self.objects.reference(value)
        with self._lock:
            name = self._names.setdefault(id(value), f"f{len(self._names) + 1}")
            # Kept as long as the session: its id must not be given to another.
            self._functions[name] = value
        return {"fn": name, **({"async": True} if inspect.iscoroutinefunction(value) else {})}

    def _lent(self, name: Any) -> Callable[..., Any]:
        if not isinstance(name, str) or name not in self._functions:
            raise ProtocolError("a function that was not lent")
        return self._functions[name]

    def _receive(self) -> None:
        """Deal the messages out to those who wait for them."""
        try:
            while True:
                payload = self._link.receive()
                self._received += len(payload)
                if self._received > _RECEIVED_AT_MOST:
                    raise ProtocolError(f"more than {_RECEIVED_AT_MOST >> 20} MiB of messages")
                self._deal(loads(payload))
        except (CandidateError, SandboxError) as error:
            self._end(error)

    def _deal(self, message: dict[str, Any]) -> None:
        if "callback" in message:
            call = _Call.of(message)
            with self._lock:
                self._calls += 1
                if self._calls > _CALLS_AT_ONCE:
                    raise ProtocolError(f"more than {_CALLS_AT_ONCE} calls at once")
            threading.Thread(target=self._serve, args=[call], name="polecat-callback", daemon=True).start()
            return
        number = message.get("id")
        with self._lock:
            inbox = self._waiting.get(number) if type(number) is int else None
        if inbox is None:
            raise ProtocolError("an answer that nobody asked for")
        inbox.put(message)

    def _serve(self, call: _Call) -> None:
        _CALLBACK.set(call.number)
        try:
            reply = dumps({"reply": call.number, **self._called(call)})
        except ValueError as error:
            self._fail(error)
            reply = dumps({"reply": call.number, "error": {"d": [["type", "ValueError"], ["text", ""]]}})
        finally:
            with self._lock:
                self._calls -= 1
        with contextlib.suppress(CandidateError, SandboxError):
            self._link.send(reply)

    def _called(self, call: _Call) -> dict[str, Any]:
        """What came of a function of the test that the candidate called."""
        encoder = Encoder(self._reference)
        try:
            function = self._trusted(lambda: self._lent(call.function))
            given = self._trusted(lambda: [self.decoded(each) for each in call.args])
            named = self._trusted(lambda: {key: self.decoded(each) for key, each in call.kwargs.items()})
            value = function(*given, **named)
            if inspect.iscoroutine(value):
                import asyncio

                value = asyncio.run(value)
        except BaseException as error:
            if isinstance(error, AssertionError) or not isinstance(error, Exception):
                self._fail(error)
            return {"error": encoder.encode(self.telling(error))}
        try:
            return {"value": encoder.encode(value)}
        except (TypeError, ValueError) as error:
            self._fail(error)
            return {"error": encoder.encode(self.telling(error))}

    def _fail(self, error: BaseException) -> None:
        """A function of the test failed the test; it shall be told, whatever the candidate makes of it."""
        self.asserted = self.asserted or error


@dataclass(frozen=True)
class _Call:
    """The candidate wants a function of the test to be called."""

    number: str
    function: Any
    args: list[Any]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> _Call:
        match message:
            case {"callback": str(number), "fn": function, "args": [*args], "kwargs": dict(kwargs)} if len(number) < 20:
                return cls(number, function, args, kwargs)
        raise ProtocolError("a call without its function, or its arguments")
