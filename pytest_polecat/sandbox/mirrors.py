"""What stands in a test for a candidate's exceptions: real ones, of classes that mirror the candidate's."""

from __future__ import annotations

import builtins
import re
from typing import Any

from pytest_polecat.sandbox.errors import CandidateError, ProtocolError

_NEVER = (StopIteration, StopAsyncIteration)
_CLASSES_AT_MOST = 1000
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class _MirrorType(type):
    """The class of mirrored classes: what such a class is asked for, and made of, is found in the sandbox."""

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:
        """An exception of the class, made by the candidate's own."""
        own = vars(cls).get("_polecat_class")
        return own(*args, **kwargs) if own is not None else super().__call__(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        own = vars(cls).get("_polecat_class")
        if own is None or name.startswith("_"):
            raise AttributeError(name)
        return getattr(own, name)


class MirroredError(CandidateError, metaclass=_MirrorType):
    """An exception of the candidate's. Its attributes are found there."""

    _polecat_handle: Any = None

    def __init__(self, *args: object, text: str | None = None, where: str = "") -> None:
        kind = type(self).__name__
        try:
            super().__init__(*args, kind=kind, text=text, where=where)
        except (TypeError, ValueError, OverflowError):
            # A built-in class that wants other arguments than the candidate's subclass of it.
            self.args, self.kind, self.where, self._text = args, kind, where, text

    def __getattr__(self, name: str) -> Any:
        # Whoever writes tracebacks asks for names of that kind.
        if self._polecat_handle is None or name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._polecat_handle, name)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        mine = self._polecat_handle
        return bool(mine is not None and isinstance(other, MirroredError) and mine == other._polecat_handle)

    def __hash__(self) -> int:
        return object.__hash__(self) if self._polecat_handle is None else hash(self._polecat_handle)


def mirror(kind: type[MirroredError], args: tuple[Any, ...], text: str | None, where: str) -> MirroredError:
    """An exception of a mirrored class, for one that the candidate has already."""
    made: MirroredError = type.__call__(kind, *args, text=text, where=where)
    return made


def combined(kind: type[MirroredError], other: type) -> type[MirroredError]:
    """A class that mirrors `kind` and is one of the test's own too: its exception, come back through the candidate."""
    if issubclass(other, MirroredError) or not issubclass(other, Exception) or issubclass(kind, other):
        return kind
    return _made(other.__name__, (kind, other))


class Mirrors:
    """The mirrored classes of one candidate."""

    def __init__(self) -> None:
        self._classes: dict[int, type[MirroredError]] = {}

    def __contains__(self, kind: object) -> bool:
        """Whether a class mirrors one of the candidate's own."""
        return kind in self._classes.values()

    def of(self, lineage: Any) -> type[MirroredError]:
        """The class for one of the candidate's.

        `lineage` is what that tells: the class and all it derives from, nearest first, each as its name, whether it is
        a built-in one, its number, and the numbers of its bases.
        """
        entries = [each for each in lineage[:40] if _is_entry(each)] if isinstance(lineage, list) else []
        if not entries:
            raise ProtocolError("an exception without a class")
        made: dict[int, type[MirroredError]] = {}
        # The farthest first: a class needs its bases.
        for name, builtin, number, bases in reversed(entries):
            own = (
                _of_builtin(name)
                if builtin
                else self._own(number, name, [made[each] for each in bases if each in made])
            )
            if own is not None:
                made[number] = own
        if entries[0][2] not in made:
            raise ProtocolError("an exception of a class that is none")
        return made[entries[0][2]]

    def _own(self, number: int, name: str, bases: list[type[MirroredError]]) -> type[MirroredError]:
        if number not in self._classes:
            if len(self._classes) >= _CLASSES_AT_MOST:
                raise ProtocolError("too many classes of exceptions")
            self._classes[number] = _made(name, tuple(dict.fromkeys(bases)) or (MirroredError,))
        return self._classes[number]


def _made(name: str, bases: tuple[type, ...]) -> type[MirroredError]:
    namespace = {"__module__": "candidate", "__doc__": "A class of the candidate's."}
    try:
        made: Any = _MirrorType(name, bases, namespace)
    except TypeError:
        # They don't go together: only a candidate that lies has such.
        made = _MirrorType(name, bases[:1], namespace)
    return made  # type: ignore[no-any-return]


_BUILTIN: dict[str, type[MirroredError]] = {}


def _of_builtin(name: str) -> type[MirroredError] | None:
    """The class that mirrors a built-in exception; None for one that is none."""
    own = getattr(builtins, name, None)
    if not isinstance(own, type) or not issubclass(own, BaseException) or own is BaseException:
        return None
    if name not in _BUILTIN:
        _BUILTIN[name] = _made(name, (MirroredError, *_derivable(own)))
    return _BUILTIN[name]


def _derivable(own: type) -> tuple[type, ...]:
    """The built-in class to derive from, unless it would mean something to Python itself, or to pytest.

    One that ends a loop, say, would end the test's own.
    """
    if not issubclass(own, Exception) or issubclass(own, (*_NEVER, BaseExceptionGroup)):
        return ()
    return (own,)


def printable(text: Any, limit: int = 4000) -> str:
    """A text of the candidate's for a report: nothing in it can steer a terminal."""
    return _UNPRINTABLE.sub("\ufffd", text[:limit]) if isinstance(text, str) else ""


def _is_entry(value: Any) -> bool:
    match value:
        case [str(name), bool(), int(number), [*bases]] if type(number) is int:
            return name.isidentifier() and len(name) <= 200 and all(type(each) is int for each in bases)
    return False
