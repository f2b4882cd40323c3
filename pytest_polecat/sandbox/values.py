"""Values on their way between the host and a candidate, as JSON.

JSON's own values stand for themselves; everything else is an object with one key, the tag. `inside/codec.py` is
the other end, and can't be trusted: the decoder makes exact built-in values, handles, or one `ProtocolError`, whatever
it is given, and never code. No pickle.
"""

import base64
import binascii
import builtins
import collections
import json
import re
import time as clock
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from pytest_polecat.sandbox.errors import ProtocolError

CAP = 8 << 20
"""Bytes of a message at most."""

DEPTH = 80
"""Levels of nesting at most; the candidate's side stops at 64."""

_CONTAINERS = 500_000
_SECONDS = 1.5
_HASHED_AT_ONCE = 64
_DIGITS = 4000
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')

Told = Mapping[str, Any]
"""What the candidate tells of an object that stays there: `id`, `type`, for an exception class `raises`, and for an
exception `error`."""


_Item = TypeVar("_Item")


class Encoder:
    """The JSON of one message's values.

    `reference(value)` gives the JSON of what is no built-in value (a handle, a function), or raises `TypeError`.
    `containers` are the lists, dicts, sets and bytearrays that went along, by number: the candidate may change them.
    """

    def __init__(self, reference: Callable[[Any], Any]) -> None:
        self._reference = reference
        self._numbers: dict[int, int] = {}
        self._open: set[int] = set()
        self.containers: dict[int, Any] = {}

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The JSON of a value."""
        if depth > DEPTH:
            raise ValueError(f"the argument is nested more than {DEPTH} deep")
        if value is None or isinstance(value, bool):
            return value
        write = _WRITE.get(type(value))
        if write is None:
            return {"T": value.__name__} if is_builtin(value) else self._reference(value)
        if type(value) not in _MUTABLE:
            return write(value, lambda item: self.encode(item, depth + 1))
        if (known := self._numbers.get(id(value))) is not None:
            if known in self._open:
                raise ValueError("the argument holds itself; that can't be passed on")
            return {"m": [known]}
        number = self._numbers[id(value)] = len(self._numbers) + 1
        self.containers[number] = value
        self._open.add(number)
        content = write(value, lambda item: self.encode(item, depth + 1))
        self._open.discard(number)
        return {"m": [number, content]}


def is_builtin(value: Any) -> bool:
    """Whether this is one of the built-in types or functions, which the candidate has too."""
    if not isinstance(value, type | types.BuiltinFunctionType):
        return False
    return value.__module__ == "builtins" and getattr(builtins, value.__name__, None) is value


class Decoder:
    """The values in one message of the candidate's.

    `refer(told)` makes what stands for an object that stays there, `lent(name)` gives the function of that name that
    was passed there.
    """

    def __init__(
        self, refer: Callable[[Told], Any], lent: Callable[[Any], Any], containers: Mapping[int, Any] | None = None
    ) -> None:
        self._containers = containers or {}
        self._begin = clock.thread_time()
        self._read: Mapping[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
            **_READ,
            "h": lambda told, _: refer(told_of(told)),
            "fn": lambda name, _: lent(name),
            "m": self._own,
            "s": lambda value, decode: set(self._unhurried([decode(item) for item in _list_of(value)])),
            "fs": lambda value, decode: frozenset(self._unhurried([decode(item) for item in _list_of(value)])),
            "d": lambda value, decode: dict(self._unhurried([_pair(decode(pair)) for pair in _list_of(value)])),
        }

    def decode(self, data: Any, depth: int = 0) -> Any:
        """The value; `ProtocolError` for whatever is none."""
        if depth > DEPTH:
            raise ProtocolError("a value is nested too deeply")
        if isinstance(data, list):
            return [self.decode(item, depth + 1) if type(item) in _NESTED else item for item in data]
        if not isinstance(data, dict):
            return data
        if len(data) != 1:
            raise ProtocolError("a value has no single tag")
        ((tag, value),) = data.items()
        if tag not in self._read:
            raise ProtocolError("a value has an unknown tag")
        try:
            return self._read[tag](value, lambda item: self.decode(item, depth + 1))
        except ProtocolError:
            raise
        except (TypeError, ValueError, OverflowError, ArithmeticError, binascii.Error) as error:
            raise ProtocolError(f"a value is not what its tag says ({type(error).__name__})") from None

    def _own(self, number: Any, _: Any) -> Any:
        if not isinstance(number, int) or number not in self._containers:
            raise ProtocolError("a change of something that was not lent")
        return self._containers[number]

    def _unhurried(self, items: list[_Item]) -> Iterator[_Item]:
        """The items, for a table that is made of them, as long as that goes on at a usual pace.

        Who knows how Python's tables work can choose keys that meet in them again and again, so that a few hundred
        thousand take minutes.
        """
        for number, item in enumerate(items):
            if number % _HASHED_AT_ONCE == 0 and clock.thread_time() - self._begin > _SECONDS:
                raise ProtocolError("keys that meet in the same places of a table")
            yield item


def loads(payload: bytes) -> dict[str, Any]:
    """The message in a payload; `ProtocolError` for anything but a JSON object."""
    if len(payload) > CAP:
        raise ProtocolError("a message beyond the limit")
    # Before it is read: many small lists and dicts take a hundred times the memory of their text.
    if _brackets(payload) > _CONTAINERS and _brackets(_STRINGS.sub(b"", payload)) > _CONTAINERS:
        raise ProtocolError(f"a value of more than {_CONTAINERS} parts")
    try:
        message = json.loads(payload, parse_int=_whole, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ProtocolError("a message is no JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("a message is no JSON object")
    return message


def _brackets(payload: bytes) -> int:
    return payload.count(b"[") + payload.count(b"{")


def dumps(message: Mapping[str, Any]) -> bytes:
    """The payload of a message; `ValueError` for one beyond the limit."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    if len(payload) > CAP:
        raise ValueError(f"the arguments take {len(payload)} bytes; no more than {CAP} can be passed on")
    return payload


def told_of(value: Any) -> Told:
    """What is told of an object, checked."""
    if not isinstance(value, dict) or type(value.get("id")) is not int or not isinstance(value.get("type"), str):
        raise ProtocolError("a handle without an id")
    return value


def replace_content(container: Any, content: Any) -> None:
    """Give a container of the host the content that the candidate left in its copy."""
    if type(content) is not type(container):
        raise ProtocolError("a container changed its type")
    if isinstance(container, list | bytearray):
        container[:] = content
        return
    container.clear()
    if isinstance(container, collections.deque):
        container.extend(content)
    else:
        container.update(content)


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ProtocolError("a number without end")
    return int(digits)


def _no_constant(name: str) -> Any:
    raise ProtocolError(f"{name} is no JSON")


def _int(value: int, _: Any) -> Any:
    return value if -(2**53) < value < 2**53 else {"i": format(value, "x")}


def _float(value: float, _: Any) -> Any:
    return value if value - value == 0 else {"f": repr(value)}


def _items(tag: str) -> Callable[[Any, Callable[[Any], Any]], Any]:
    return lambda value, encode: {tag: [encode(item) for item in value]}


def _fields(tag: str, *names: str) -> Callable[[Any, Callable[[Any], Any]], Any]:
    return lambda value, encode: {tag: [encode(getattr(value, name)) for name in names]}


def _text(tag: str, write: Callable[[Any], str]) -> Callable[[Any, Any], Any]:
    return lambda value, _: {tag: write(value)}


_MUTABLE = frozenset({list, dict, set, bytearray, collections.deque})

_WRITE: Mapping[type, Callable[[Any, Callable[[Any], Any]], Any]] = {
    int: _int,
    float: _float,
    str: lambda value, _: value,
    list: lambda value, encode: [encode(item) for item in value],
    dict: lambda value, encode: {"d": [[encode(key), encode(item)] for key, item in value.items()]},
    tuple: _items("t"),
    set: _items("s"),
    frozenset: _items("fs"),
    collections.deque: _items("q"),
    bytes: _text("b", lambda value: base64.b64encode(value).decode()),
    bytearray: _text("ba", lambda value: base64.b64encode(value).decode()),
    complex: _fields("c", "real", "imag"),
    range: _fields("r", "start", "stop", "step"),
    slice: _fields("sl", "start", "stop", "step"),
    type(...): _text("e", lambda _: ""),
    Decimal: _text("D", str),
    Fraction: _fields("F", "numerator", "denominator"),
    datetime: _text("dt", datetime.isoformat),
    date: _text("da", date.isoformat),
    time: _text("ti", time.isoformat),
    timedelta: _fields("td", "days", "seconds", "microseconds"),
}


VALUES = frozenset(_WRITE)
"""The types whose values come and go as they are, beside those of None, True and False."""


def _list_of(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ProtocolError("a value is not what its tag says (no list)")
    return value


def _str_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ProtocolError("a value is not what its tag says (no text)")
    return value


def _pair(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise ProtocolError("a value is not what its tag says (no pair)")
    return value


def _each(make: Callable[..., Any]) -> Callable[[Any, Callable[[Any], Any]], Any]:
    return lambda value, decode: make(decode(item) for item in _list_of(value))


def _spread(make: Callable[..., Any], kinds: type | tuple[type, ...]) -> Callable[[Any, Callable[[Any], Any]], Any]:
    def read(value: Any, decode: Callable[[Any], Any]) -> Any:
        parts = [decode(item) for item in _list_of(value)]
        if not all(isinstance(part, kinds) for part in parts):
            raise ProtocolError("a value is not what its tag says (its parts)")
        return make(*parts)

    return read


def _parsed(make: Callable[[str], Any], longest: int = 200) -> Callable[[Any, Any], Any]:
    def read(value: Any, _: Any) -> Any:
        text = _str_of(value)
        if len(text) > longest:
            raise ProtocolError("a value is not what its tag says (too long)")
        return make(text)

    return read


def _bytes(value: Any, _: Any) -> bytes:
    return base64.b64decode(_str_of(value), validate=True)


def _special(text: str) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ProtocolError("a value is not what its tag says (no such number)")
    return float(text)


def _type(name: str) -> type:
    """A built-in type of values, or of exceptions; never a function, which a test could call on this side."""
    found = getattr(builtins, name, None)
    if isinstance(found, type) and (found in _WRITE or found in _TYPES or issubclass(found, Exception)):
        return found
    raise ProtocolError("a value is not what its tag says (no such type)")


_TYPES = (bool, object)
_NESTED = (list, dict)

_READ: Mapping[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "T": _parsed(_type),
    "i": _parsed(lambda text: int(text, 16), CAP),
    "f": _parsed(_special),
    "b": _bytes,
    "ba": lambda value, _: bytearray(_bytes(value, _)),
    "t": _each(tuple),
    "q": _each(collections.deque),
    "c": _spread(complex, float),
    "r": _spread(range, int),
    "sl": _spread(slice, object),
    "e": lambda *_: ...,
    "D": _parsed(Decimal, 100_000),
    "F": _spread(Fraction, int),
    "dt": _parsed(datetime.fromisoformat),
    "da": _parsed(date.fromisoformat),
    "ti": _parsed(time.fromisoformat),
    "td": _spread(timedelta, int),
}
