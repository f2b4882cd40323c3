"""Files of JSON lines: appended to line by line, and read while they grow."""

import hashlib
import json
import os
from collections.abc import Callable, Hashable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from pytest_polecat.errors import PolecatError

_Key = TypeVar("_Key", bound=Hashable)
_Object = TypeVar("_Object")

_BLOCK = 1 << 16

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def json_line(value: object) -> bytes:
    """One line of JSON. ASCII only, so that nothing a model wrote (a lone surrogate) can break the file."""
    return _encode(value).encode() + b"\n"


def line_count(file: Path, until: int | None = None) -> int:
    """The whole lines of a file, or of its first `until` bytes; none if it does not exist."""
    content = _opened(file)
    if content is None:
        return 0
    count = 0
    with content:
        left = os.fstat(content.fileno()).st_size if until is None else until
        while block := content.read(min(_BLOCK, left)):
            left -= len(block)
            count += block.count(b"\n")
    return count


def read_jsonl(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file that was written in one piece.

    Raises `PolecatError` that names the line if the file is damaged, and if there is none.
    """
    lines = _opened(file)
    if lines is None:
        raise PolecatError(f"there is no {file}; --polecat-resume writes it anew")
    with lines:
        for number, line in enumerate(lines, start=1):
            found = _object(line)
            if found is None:
                raise PolecatError(f"{file}, line {number}: this is damaged; --polecat-resume writes the file anew")
            yield found


def read_log(file: Path, until: int | None = None) -> Iterator[dict[str, Any]]:
    """The objects of a file that is appended to; none if it does not exist.

    A line that is damaged, or not whole yet, is left out: it costs no other line. Nothing after the first `until` bytes
    is read, if that is given.
    """
    lines = _opened(file)
    if lines is None:
        return
    at = 0
    with lines:
        for line in lines:
            at += len(line)
            if until is not None and at > until:
                return
            if (found := _object(line)) is not None:
                yield found


def _opened(file: Path) -> BinaryIO | None:
    """The file, None if there is none. Raises `PolecatError` if it can't be read."""
    try:
        return file.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolecatError(f"{file} can't be read: {error.strerror}") from error


def _object(line: bytes) -> dict[str, Any] | None:
    """What a line says; None if it is damaged."""
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def whole_lines(file: BinaryIO) -> int:
    """The bytes up to and with the last line break."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


class LineWriter:
    """Appends to a file: of each line all is there, or nothing. The file's last line must be whole."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab", buffering=0)

    def append(self, line: bytes) -> None:
        """Write a line. Raises `OSError` when the disk takes less than all of it, and leaves the file as it was."""
        end = self._file.seek(0, os.SEEK_END)
        rest = memoryview(line)
        try:
            # A disk that fills up takes what it has room for, and says so only when asked to take the rest.
            while rest:
                rest = rest[self._file.write(rest) :]
        except BaseException:
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LineIndex(Generic[_Key, _Object]):
    """The objects of a JSONL file by a key, read one at a time.

    Asked in the order of the file it reads each line once, no further than is asked for, and remembers nothing. Else it
    remembers where which key stands, by a digest, which takes a quarter of the room. `read` makes an object of what a
    line says. Where keys are `repeated`, the last one of a key counts.
    """

    def __init__(
        self,
        file: Path,
        read: Callable[[dict[str, Any]], _Object],
        key: Callable[[_Object], _Key],
        *,
        repeated: bool = False,
    ) -> None:
        self._read = read
        self._key = key
        self._places: dict[bytes, int] | None = {} if repeated else None
        self._passed = 0
        self._latest: _Object | None = None
        self._file = _opened(file) or BytesIO()

    def get(self, key: _Key) -> _Object | None:
        """The object with this key."""
        if self._latest is None or self._key(self._latest) != key:
            self._latest = self._in_order(key) if self._places is None else self._anywhere(key, self._places)
        return self._latest

    def _in_order(self, key: _Key) -> _Object | None:
        found = next((each for _, each in self._further() if self._key(each) == key), None)
        if found is not None:
            return found
        self._places, self._passed = {}, 0
        return self._anywhere(key, self._places)

    def _anywhere(self, key: _Key, places: dict[bytes, int]) -> _Object | None:
        for place, each in self._further():
            places[_digest(self._key(each))] = place
        place_of_key = places.get(_digest(key))
        if place_of_key is None:
            return None
        self._file.seek(place_of_key)
        return self._read(json.loads(self._file.readline()))

    def _further(self) -> Iterator[tuple[int, _Object]]:
        """The objects from where reading stopped, and where each begins; without a last line that is not whole yet."""
        self._file.seek(self._passed)
        for line in self._file:
            if not line.endswith(b"\n"):
                return
            place, self._passed = self._passed, self._passed + len(line)
            if (found := _object(line)) is not None:
                yield place, self._read(found)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _digest(key: Hashable) -> bytes:
    return hashlib.sha256(repr(key).encode()).digest()[:16]
