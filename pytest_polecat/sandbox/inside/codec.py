"""The candidate's values as JSON and back: the other end of `values.py` on the host, standard library only."""

from __future__ import annotations

import base64
import builtins
import collections
import datetime
import decimal
import fractions
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Encode = Callable[[Any], Any]

CAP = 8 << 20
DEPTH = 64
_TEXT = 4000
_CAUSES = 2


class Plain:
    """An object of a class that derives from a type of values: to be written as that."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Codec:
    """Values as JSON and back. What is of no built-in type goes as a handle to the object."""

    def __init__(self, remote: Callable[[str, bool], Callable[..., Any]]) -> None:
        self.remote = remote
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        self.sent: dict[int, int] = {}
        self.lent: dict[str, Any] = {}
        self.last = 0
        self.bases: dict[type, Any] = {}

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The JSON of a value. `ValueError` for one nested too deeply."""
        if value is None or value is True or value is False:
            return value
        if type(value) is Plain:
            value = value.value
            write = _WRITE.get(base_of(type(value)))
        else:
            write = _WRITE.get(type(value)) or _WRITE.get(self.base(value))
        if write is None:
            return self.stay(value)
        if depth > DEPTH:
            raise ValueError(f"the value is nested more than {DEPTH} deep")
        return write(value, lambda item: self.encode(item, depth + 1))

    def base(self, value: Any) -> Any:
        """The type as whose value an object of another class goes; None if something would be lost by that."""
        kind = type(value)
        if kind not in self.bases:
            base = base_of(kind)
            self.bases[kind] = None if base is None or adds_to(kind, base) else base
        base = self.bases[kind]
        # The members of an enumeration have attributes of Python's own doing.
        lossless = base is None or hasattr(kind, "__members__") or not getattr(value, "__dict__", None)
        return base if lossless else None

    def stay(self, value: Any) -> Any:
        """What stands for an object that stays here, or is there too."""
        if isinstance(value, type) and value in _TYPES:
            return {"T": value.__name__}
        name = getattr(value, "_polecat_lent", None) if type(value) is _FUNCTION else None
        if name in self.lent and self.lent[name] is value:
            return {"fn": name}
        return {"h": self.handle(value)}

    def handle(self, value: Any) -> dict[str, Any]:
        """A reference to an object that stays here: always the same for the same object."""
        told = self.number(value)
        if isinstance(value, BaseException):
            told["error"] = self.told(value)
        elif isinstance(value, type) and issubclass(value, BaseException):
            told["raises"] = lineage(value)
        elif base_of(type(value)):
            told["plain"] = True
        return told

    def number(self, value: Any) -> dict[str, Any]:
        """The number of an object. How often it was sent is counted: see `release`."""
        number = self.numbers.get(id(value))
        if number is None:
            number = self.last = self.last + 1
            self.objects[number] = value
            self.numbers[id(value)] = number
        self.sent[number] = self.sent.get(number, 0) + 1
        return {"id": number, "type": type(value).__name__[:200]}

    def release(self, given: list[list[int]]) -> None:
        """The host has no use any more for objects which it got so often; those on their way stay."""
        for number, times in given:
            self.sent[number] -= times
            if self.sent[number] == 0:
                del self.sent[number]
                del self.numbers[id(self.objects.pop(number))]

    def told(self, error: BaseException, depth: int = 0) -> dict[str, Any]:
        """An exception: its classes, its text, its arguments, the line that it came from, and its cause."""
        told: dict[str, Any] = {"raises": lineage(type(error)), "yours": getattr(error, "_polecat_number", None)}
        told["where"] = _where(error)
        for name, tell in (("text", lambda: str(error)[:_TEXT]), ("args", lambda: self.encode(error.args, DEPTH // 2))):
            try:
                told[name] = tell()
                json.dumps(told[name])
            except BaseException:
                told[name] = None
        if len(json.dumps(told)) > CAP // 8:
            told["args"] = None
        cause = error.__cause__
        return {**told, "cause": self.told(cause, depth + 1)} if cause is not None and depth < _CAUSES else told

    def decode(self, data: Any, shared: dict[int, Any]) -> Any:
        """The value of some JSON; into `shared` go the containers whose changes the host wants to know."""
        if isinstance(data, list):
            return [self.decode(item, shared) for item in data]
        if not isinstance(data, dict):
            return data
        if "fn" in data:
            name = data["fn"]
            return self.lent.get(name) or self.lent.setdefault(name, self.remote(name, "async" in data))
        ((tag, value),) = data.items()
        if tag == "m":
            if len(value) == 2:
                shared[value[0]] = self.decode(value[1], shared)
            return shared[value[0]]
        if tag == "h":
            return self.objects[value]
        return _READ[tag](value, lambda item: self.decode(item, shared))


def _int(value: int, _: Encode) -> Any:
    value = int.__int__(value)
    return value if -(2**53) < value < 2**53 else {"i": int.__format__(value, "x")}


def _float(value: float, _: Encode) -> Any:
    value = float.__float__(value)
    return value if value - value == 0 else {"f": float.__repr__(value)}


def _items(tag: str, base: Any) -> Callable[[Any, Encode], Any]:
    return lambda value, encode: {tag: [encode(item) for item in base.__iter__(value)]}


def _fields(tag: str, *names: str) -> Callable[[Any, Encode], Any]:
    return lambda value, encode: {tag: [encode(getattr(value, name)) for name in names]}


def _text(tag: str, write: Callable[[Any], str]) -> Callable[[Any, Encode], Any]:
    return lambda value, _: {tag: write(value)}


_WRITE: Mapping[Any, Callable[[Any, Encode], Any]] = {
    int: _int,
    float: _float,
    str: lambda value, _: str.__str__(value),
    list: lambda value, encode: [encode(item) for item in list.__iter__(value)],
    dict: lambda value, encode: {"d": [[encode(key), encode(item)] for key, item in dict.items(value)]},
    tuple: _items("t", tuple),
    set: _items("s", set),
    frozenset: _items("fs", frozenset),
    collections.deque: _items("q", collections.deque),
    bytes: _text("b", lambda value: base64.b64encode(bytes.__getitem__(value, slice(None))).decode()),
    bytearray: _text("ba", lambda value: base64.b64encode(memoryview(value)).decode()),
    complex: _fields("c", "real", "imag"),
    range: _fields("r", "start", "stop", "step"),
    slice: _fields("sl", "start", "stop", "step"),
    type(...): _text("e", lambda _: ""),
    decimal.Decimal: _text("D", decimal.Decimal.__str__),
    fractions.Fraction: _fields("F", "numerator", "denominator"),
    datetime.datetime: _text("dt", datetime.datetime.isoformat),
    datetime.date: _text("da", datetime.date.isoformat),
    datetime.time: _text("ti", datetime.time.isoformat),
    datetime.timedelta: _fields("td", "days", "seconds", "microseconds"),
}

_FUNCTION = type(lambda: None)
_ERRORS = {each for each in vars(builtins).values() if isinstance(each, type) and issubclass(each, Exception)}
_TYPES = {each for each in (*_WRITE, *_ERRORS, bool, object) if each.__module__ == "builtins" and each is not type(...)}

_READ: Mapping[str, Callable[[Any, Encode], Any]] = {
    "T": lambda value, _: getattr(builtins, value),
    "i": lambda value, _: int(value, 16),
    "f": lambda value, _: float(value),
    "b": lambda value, _: base64.b64decode(value),
    "ba": lambda value, _: bytearray(base64.b64decode(value)),
    "t": lambda value, decode: tuple(map(decode, value)),
    "s": lambda value, decode: set(map(decode, value)),
    "fs": lambda value, decode: frozenset(map(decode, value)),
    "q": lambda value, decode: collections.deque(map(decode, value)),
    "d": lambda value, decode: {decode(key): decode(item) for key, item in value},
    "c": lambda value, decode: complex(*map(decode, value)),
    "r": lambda value, decode: range(*map(decode, value)),
    "sl": lambda value, decode: slice(*map(decode, value)),
    "e": lambda *_: ...,
    "D": lambda value, _: decimal.Decimal(value),
    "F": lambda value, decode: fractions.Fraction(*map(decode, value)),
    "dt": lambda value, _: datetime.datetime.fromisoformat(value),
    "da": lambda value, _: datetime.date.fromisoformat(value),
    "ti": lambda value, _: datetime.time.fromisoformat(value),
    "td": lambda value, decode: datetime.timedelta(*map(decode, value)),
}


_BY_VALUE = frozenset(("Counter", "OrderedDict", "defaultdict", "Generic"))
_BY_VALUE |= frozenset(("Enum", "ReprEnum", "IntEnum", "StrEnum", "Flag", "IntFlag"))
_LIBRARY = frozenset(("collections", "enum", "typing"))
"""Classes of the standard library whose objects are known by the value of their base, and their modules."""

_INERT = frozenset(("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__", "__annotations__"))
_INERT |= frozenset(("__init__", "__new__", "__orig_bases__", "__parameters__", "__static_attributes__"))
_INERT |= frozenset(("__firstlineno__", "__annotate__", "__annotate_func__", "__annotations_cache__"))
"""What a class has that tells nothing of what its objects can do."""


def base_of(kind: type) -> Any:
    """The type of values that a class derives from, or is; None if there is none."""
    return next((base for base in kind.__mro__ if base in _WRITE), None)


def adds_to(kind: type, base: type) -> bool:
    """Whether objects of a class can do what values of its base can't."""
    for each in kind.__mro__:
        if each in base.__mro__ or (each.__module__ in _LIBRARY and each.__name__ in _BY_VALUE):
            continue
        names = vars(each).keys() - _INERT
        if hasattr(each, "_fields") or hasattr(each, "__members__"):
            # Those of a named tuple, or of an enumeration, are Python's own doing.
            own = {*getattr(each, "_fields", ()), *getattr(each, "__members__", ())}
            names = {name for name in names - own if not name.startswith("_")}
        if names:
            return True
    return False


def _where(error: BaseException) -> str:
    """The line that an exception came from, empty if that is none of the candidate's."""
    found = ""
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if file != "candidate.py":
            found = f"{os.path.basename(file)}:{trace.tb_lineno}"[:200]
        trace = trace.tb_next
    return found


_KINDS: dict[int, type] = {}


def lineage(kind: type) -> list[Any]:
    """The classes of an exception, nearest first: name, whether it is built in, its number, those of its bases."""
    classes = kind.__mro__[:40]
    # For good, so that no other class is ever found at the same place.
    _KINDS.update((id(each), each) for each in classes)
    return [[each.__name__[:200], each in _TYPES, id(each), [id(base) for base in each.__bases__]] for each in classes]


def contents(shared: Mapping[int, Any], codec: Codec) -> dict[int, Any]:
    """The host's containers as they are now; those of them that lie in others go by their numbers."""
    known = {id(other): number for number, other in shared.items()}

    def encode(item: Any) -> Any:
        if id(item) in known:
            return {"m": known[id(item)]}
        return {"t": [encode(each) for each in item]} if type(item) is tuple else codec.encode(item, 1)

    return {number: _WRITE[type(made)](made, encode) for number, made in shared.items()}


def came_as(data: Any) -> dict[int, str]:
    """The contents of the host's containers in a message, as `contents` would give them."""
    came: dict[int, str] = {}
    _contents(data, came)
    return came


def _contents(data: Any, came: dict[int, str]) -> Any:
    """A message's values with the numbers of containers in their places, whose contents go into `came`."""
    if isinstance(data, list):
        return [_contents(item, came) for item in data]
    if not isinstance(data, dict):
        return data
    if "m" not in data:
        return {name: _contents(value, came) for name, value in data.items()}
    number, *content = data["m"]
    if content:
        came[number] = json.dumps(_contents(content[0], came))
    return {"m": number}
