"""What stands in a test for the objects of a candidate: handles, and mirrored exceptions.

A handle can be called, asked for attributes and items, iterated and entered. It gives nothing away: no value of the
test is ever compared inside the sandbox. Therefore it has no truth value, and no comparison with a plain value, unless
the object is a plain value too, as those of `class LRUCache(OrderedDict)` are: that one is fetched then, and compared
here.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pytest_polecat.sandbox.errors import CandidateError, HandleError
from pytest_polecat.sandbox.mirrors import MirroredError, Mirrors, combined, mirror, printable
from pytest_polecat.sandbox.session import Session
from pytest_polecat.sandbox.values import VALUES, Told

_T = TypeVar("_T")

_FORWARDED = {"__name__", "__qualname__", "__self__", "__func__", "__wrapped__", "__dict__", "__annotations__"}
_LONGEST = 10**8
_CAUSES = 3


def _between_handles(operation: str, what: str, *, swapped: bool = False) -> Callable[[Any, object], Any]:
    """An operator that is forwarded between two objects of the candidate's alone."""
    here: Callable[[Any, Any], Any] = getattr(operator, operation)

    def operate(self: Handle, other: object) -> Any:
        if isinstance(other, Handle):
            one, two = (other, self) if swapped else (self, other)
            return one._polecat(operation, two)  # noqa: SLF001
        return self._polecat_plainly(
            lambda value: here(other, value) if swapped else here(value, other), f"{what} a value of the test"
        )

    return operate


def _alone(operation: str) -> Callable[[Any], Any]:
    """An operator of the object alone."""
    return lambda self: self._polecat(operation)


def _number(operation: str, kind: type[_T]) -> Callable[[Any], _T]:
    """A conversion to a number: to exactly that type."""
    return lambda self: _plain(self._polecat(operation), kind, f"{operation}()")


class Handle:
    """One object of the candidate's. Everything done to it is done there; what comes back are values and handles."""

    __slots__ = ("__weakref__", "_polecat_id", "_polecat_session", "_polecat_type")
    __doc__ = property(lambda self: self._polecat("get", "__doc__"))

    def __init__(self, session: Session, number: int, kind: str) -> None:
        """`number` and `kind` are the candidate's: the object's, and the name of its class."""
        set_ = object.__setattr__
        set_(self, "_polecat_session", session)
        set_(self, "_polecat_id", number)
        set_(self, "_polecat_type", kind)

    def _polecat(self, operation: str, /, *args: Any, **kwargs: Any) -> Any:
        """Have something done to the object."""
        return self._polecat_session.request(operation, self._polecat_id, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Python's own protocols must not be taken for the candidate's attributes.
        if name.startswith("_polecat") or (name[:2] == name[-2:] == "__" and name not in _FORWARDED):
            if name in ("__signature__", "__code__"):
                raise self._not_plain("looked into from outside; let candidate.define() a function that does")
            raise AttributeError(name)
        return self._polecat("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._polecat("set", name, value)

    def __delattr__(self, name: str) -> None:
        self._polecat("delete", name)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it, there."""
        return self._polecat("call", *args, **kwargs)

    def __len__(self) -> int:
        length = _plain(self._polecat("len"), int, "len()")
        if not 0 <= length <= _LONGEST:
            raise HandleError(f"len() of the candidate's object is beyond {_LONGEST}")
        return length

    def __iter__(self) -> Iterator[Any]:
        return _Iterator(self._polecat("iter"))

    def __next__(self) -> Any:
        try:
            return self._polecat("next")
        except CandidateError as error:
            if error.kind == "StopIteration":
                raise StopIteration(*error.args) from None
            raise

    def __getitem__(self, key: Any) -> Any:
        return self._polecat("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._polecat("set_item", key, value)

    def __delitem__(self, key: Any) -> None:
        self._polecat("delete_item", key)

    def __enter__(self) -> Any:
        return self._polecat("enter")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Leave it, there. It is told of an exception, and can't swallow it: that could be a failed assertion."""
        if error is None:
            self._polecat("exit")
            return
        try:
            swallowed = self._polecat("exit", self._polecat_session.telling(error))
        except CandidateError:
            if isinstance(error, AssertionError | HandleError) or not isinstance(error, Exception):
                return
            raise
        if swallowed is True:
            error.add_note(
                "The candidate's context manager swallows this. From outside it can't: "
                "let candidate.define() a function that uses it"
            )

    def __str__(self) -> str:
        return _plain(self._polecat("str"), str, "str()")

    def __repr__(self) -> str:
        try:
            return printable(self._polecat("repr")) or f"<{self._polecat_type} of the candidate>"
        except Exception:
            return f"<{self._polecat_type} of the candidate>"

    def __format__(self, spec: str) -> str:
        return _plain(self._polecat("format", spec), str, "format()")

    def __dir__(self) -> list[str]:
        names = self._polecat("dir")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def __hash__(self) -> int:
        return _plain(self._polecat("hash"), int, "hash()")

    def __bool__(self) -> bool:
        raise HandleError(
            f"the candidate gave an object of its class {self._polecat_type}, not true or false; "
            "ask for its len(), or for one of its attributes"
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Handle):
            return self is other or _plain(self._polecat("eq", other), bool, "==")
        if other is None:
            return False
        return bool(self._polecat_plainly(lambda value: value == other, "compared with a value of the test"))

    def __ne__(self, other: object) -> bool:
        if isinstance(other, Handle):
            return _plain(self._polecat("ne", other), bool, "!=")
        return not self == other

    def __contains__(self, item: object) -> bool:
        if isinstance(item, Handle):
            return _plain(self._polecat("contains", item), bool, "in")
        what = "searched for a value of the test; iterate over it instead"
        return bool(self._polecat_plainly(lambda value: item in value, what))

    def __instancecheck__(self, instance: object) -> bool:
        """Whether a value is of this class of the candidate's: plain values are of none."""
        if not isinstance(instance, Handle | MirroredError):
            return False
        return _plain(self._polecat("is_a", instance), bool, "isinstance()")

    def __subclasscheck__(self, kind: object) -> bool:
        if not isinstance(kind, Handle | type):
            return False
        return _plain(self._polecat("is_subclass", kind), bool, "issubclass()")

    def __copy__(self) -> Any:
        return self._polecat("copy")

    def __deepcopy__(self, memo: object) -> Any:
        return self._polecat("deepcopy")

    def __reduce_ex__(self, protocol: object) -> Any:
        raise self._not_plain("pickled")

    def __mro_entries__(self, bases: object) -> Any:
        raise self._not_plain("subclassed by the test; let candidate.define() the subclass")

    __lt__, __gt__ = _between_handles("lt", "put in order with"), _between_handles("gt", "put in order with")
    __le__, __ge__ = _between_handles("le", "put in order with"), _between_handles("ge", "put in order with")
    __neg__, __pos__, __invert__, __abs__ = _alone("neg"), _alone("pos"), _alone("invert"), _alone("abs")
    __int__, __float__, __complex__ = _number("int", int), _number("float", float), _number("complex", complex)
    __index__ = _number("index", int)

    def _polecat_plainly(self, operate: Callable[[Any], Any], what: str) -> Any:
        """What comes of the object as a plain value, in this process: of most objects, nothing."""
        del operate
        raise self._not_plain(what)

    def _not_plain(self, what: str) -> HandleError:
        return HandleError(f"the candidate gave an object of its class {self._polecat_type}: it can't be {what}")

    def __del__(self) -> None:
        session = getattr(self, "_polecat_session", None)
        if session is not None:
            session.objects.forget(self._polecat_id)


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
    "lshift",
    "rshift",
):
    # No plain value of the test: it may be the expected one, as in `abs(result - 3.5) < 0.01`.
    setattr(Handle, f"__{_name.rstrip('_')}__", _between_handles(_name, "calculated with"))
    setattr(Handle, f"__r{_name.rstrip('_')}__", _between_handles(_name, "calculated with", swapped=True))


class ValueHandle(Handle):
    """An object of a class of the candidate's that derives from a built-in type of values, and adds to it.

    Its methods, attributes and items are the class's. Compared, calculated with, or asked for its truth, it is the
    value of the built-in type, whatever the class says.
    """

    __slots__ = ("_polecat_known",)

    def _polecat_value(self) -> Any:
        """The value of the built-in type: the same one until the candidate is asked for anything."""
        asked, value = getattr(self, "_polecat_known", (None, None))
        if asked != self._polecat_session.asked:
            value = self._polecat("plain")
            if type(value) not in VALUES:
                raise HandleError(f"the candidate gave no plain value of an object of its class {self._polecat_type}")
            object.__setattr__(self, "_polecat_known", (self._polecat_session.asked, value))
        return value

    def _polecat_plainly(self, operate: Callable[[Any], Any], what: str) -> Any:
        value = self._polecat_value()
        try:
            return operate(value)
        except TypeError:
            raise self._not_plain(what) from None

    def __bool__(self) -> bool:
        return bool(self._polecat_value())

    def __hash__(self) -> int:
        try:
            return hash(self._polecat_value())
        except TypeError:
            return super().__hash__()


class _Iterator:
    """An iterator of the candidate's: `iter()` of Python wants a class with `__next__`."""

    def __init__(self, handle: Any) -> None:
        if not isinstance(handle, Handle):
            raise HandleError("the candidate gave no iterator")
        self._handle = handle

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> Any:
        return self._handle.__next__()


class Proxies:
    """What stands for the objects of one session: for each one the same, as long as the test holds it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._handles: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()
        self._errors: weakref.WeakValueDictionary[int, MirroredError] = weakref.WeakValueDictionary()
        self._received: dict[int, int] = {}
        self._mirrors = Mirrors()

    def refer(self, told: Told) -> Any:
        """What stands for an object: a handle, a mirrored exception, or the mirrored class of one."""
        handle = self._handle(told)
        if "raises" in told:
            return self._mirrored_class(told["raises"], handle)
        if not isinstance(told.get("error"), dict):
            return handle
        error = self._errors.get(told["id"])
        if error is None:
            error = self._errors[told["id"]] = self.raised(told["error"])
            error._polecat_handle = handle  # noqa: SLF001
        return error

    def reference(self, value: Any) -> Any:
        """How a handle, a mirrored exception, or the class of one, goes back to the candidate."""
        if isinstance(value, MirroredError):
            value = value._polecat_handle  # noqa: SLF001
        elif isinstance(value, type) and issubclass(value, MirroredError):
            value = vars(value).get("_polecat_class")
        if isinstance(value, Handle):
            if value._polecat_session is not self._session:  # noqa: SLF001
                raise TypeError("an object of another candidate can't be passed to this one")
            return {"h": value._polecat_id}  # noqa: SLF001
        kind = "class of the test" if isinstance(value, type) else type(value).__name__
        raise TypeError(
            f"a {kind} can't be passed to the candidate: give built-in values, functions, or its own objects"
        )

    def forget(self, number: int) -> None:
        """A handle is not used any more. The candidate is told how often it came, since it may be on its way again."""
        if times := self._received.pop(number, 0):
            self._session.release(number, times)

    def raised(self, told: Mapping[str, Any], depth: int = 0) -> MirroredError:
        """The exception for one of the candidate's."""
        kind = self._mirrors.of(told.get("raises"))
        if (ours := self._session.raised_by_test(told.get("yours"))) is not None:
            kind = combined(kind, type(ours))
        args = self._session.decoded(told.get("args"))
        if not isinstance(args, tuple) or issubclass(kind, SyntaxError):
            # The arguments of a SyntaxError steer how Python writes its traceback.
            args = args[:1] if isinstance(args, tuple) else ()
        text = printable(told["text"]) if isinstance(told.get("text"), str) else None
        error = mirror(kind, args, text, printable(told.get("where"), 200))
        handle = told.get("handle")
        if isinstance(handle, dict) and type(handle.get("id")) is int:
            error._polecat_handle = self._handle({"id": handle["id"], "type": kind.__name__})  # noqa: SLF001
        cause = told.get("cause")
        if isinstance(cause, dict) and depth < _CAUSES:
            error.__cause__ = self.raised(cause, depth + 1)
        if issubclass(kind, SyntaxError):
            error.mode = "syntax_error"
        elif issubclass(kind, MemoryError):
            error.mode = "sandbox_oom"
        return error

    def _handle(self, told: Told) -> Handle:
        number = told["id"]
        handle = self._handles.get(number)
        if handle is None:
            kind = ValueHandle if told.get("plain") is True else Handle
            handle = self._handles[number] = kind(self._session, number, printable(told["type"], 200))
        self._received[number] = self._received.get(number, 0) + 1
        return handle

    def _mirrored_class(self, lineage: Any, handle: Handle) -> type[MirroredError]:
        kind = self._mirrors.of(lineage)
        if kind in self._mirrors and "_polecat_class" not in vars(kind):
            kind._polecat_class = handle  # type: ignore[attr-defined]  # noqa: SLF001
        return kind


def _plain(value: Any, kind: type[_T], what: str) -> _T:
    if type(value) is not kind:
        raise HandleError(f"{what} of the candidate's object gave no {kind.__name__}")
    return value
