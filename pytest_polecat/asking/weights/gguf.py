"""Reads the header of GGUF files: what the weights are, without the weights.

The format is ggml's (docs/gguf.md there); what llama.cpp refuses is refused here too. The standard library suffices,
and the texts of a vocabulary are skipped unless asked for: 248,000 tokens and as many merges cost a tenth of a second.
"""

import mmap
import os
import re
import stat
import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from math import prod
from pathlib import Path

from pytest_polecat.asking.weights.block_types import BLOCKS, bytes_of
from pytest_polecat.errors import PolecatError


class GgufError(PolecatError):
    """A file can't be used as GGUF weights."""


@dataclass(frozen=True)
class LongArray:
    """An array that was not decoded: the id of its elements' type, and how many they are."""

    element_type: int
    length: int


Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...] | LongArray


@dataclass(frozen=True)
class Tensor:
    """One tensor: `shape` is in elements, fastest dimension first, `type_id` ggml's.

    `offset` is in bytes from the start of its file's data; `size` in bytes up to the next tensor's, or the file's end.
    """

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset: int
    size: int


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself; `size` is the file's, in bytes.

    Of a split file, `metadata` is the first part's, and `tensors`, `size` and `parts` cover all parts.
    """

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    size: int
    parts: tuple[Path, ...]

    @property
    def architecture(self) -> str | None:
        """`general.architecture`, which is also the prefix of the model's own keys."""
        return self.text("general.architecture")

    def text(self, key: str) -> str | None:
        """The text under this key; None if there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """The whole number that is not negative under this key; None if there is none.

        A key that begins with a dot is one of the architecture's: `.block_count`.
        """
        value = self.metadata.get(self.full_key(key))
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def full_key(self, key: str) -> str:
        """The key with the architecture before its dot."""
        return f"{self.architecture}{key}" if key.startswith(".") else key


DECODED_AT_MOST = 512
"""Longer arrays are not decoded unasked: llama.cpp knows no more layers, so values by layer are always there."""

_VERSIONS = (2, 3)
_HEADER_AT_MOST = 64 << 20
_KEYS_AT_MOST = 1 << 16
_TENSORS_AT_MOST = 1 << 17
_DIMENSIONS_AT_MOST = 4
_SHOWN_AT_MOST = 100
_STRING, _ARRAY, _BOOL = 8, 9, 7
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "B", 10: "Q", 11: "q", 12: "d"}
_U32, _U64 = struct.Struct("<I").unpack_from, struct.Struct("<Q").unpack_from


def read_header(path: Path, want: Collection[str] = ()) -> Header:
    """The header of one file, of one part if the weights are split.

    `want` names the keys of long arrays to decode. Bytes that are no UTF-8 stand as escapes. Raises `GgufError`, one
    line with file, fault and mend; a hostile file can cost no more than a few seconds, and memory in proportion to its
    header.
    """
    try:
        with _mapped(path) as (data, size):
            return _Reader(path, data, size, want).header()
    except OSError as error:
        raise GgufError(f"{path} can't be read: {error.strerror or error}; correct the path") from None
    except (struct.error, OverflowError, IndexError):
        raise _cut_short(path, "its header has no end") from None


@contextmanager
def _mapped(path: Path) -> Iterator[tuple[mmap.mmap, int]]:
    """The beginning of a file, as much as a header can take, and the size of the whole."""
    if not stat.S_ISREG(path.stat().st_mode):  # Opening a pipe would wait for its writer.
        raise GgufError(f"{path} is not a file; name a GGUF file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise _cut_short(path, "it is empty")
        try:
            data = mmap.mmap(file.fileno(), min(size, _HEADER_AT_MOST), access=mmap.ACCESS_READ)
        except ValueError:
            raise _cut_short(path, "it became shorter meanwhile") from None
        with data:
            yield data, size


def _cut_short(path: Path, fault: str) -> GgufError:
    return GgufError(f"{path} is cut short or damaged: {fault}; download it again")


class _Reader:
    """One pass over a header. Whatever lies outside of the file ends in `struct.error` or `IndexError`."""

    def __init__(self, path: Path, data: mmap.mmap, size: int, want: Collection[str]) -> None:
        self._path, self._data, self._size, self._want = path, data, size, want
        self._at = 0

    def header(self) -> Header:
        version = self._version()
        tensors, keys = self._u64(), self._u64()
        if keys > _KEYS_AT_MOST or tensors > _TENSORS_AT_MOST:
            raise self._damaged(f"it claims {keys} keys and {tensors} tensors")
        metadata = self._metadata(keys)
        listed = [self._tensor() for _ in range(tensors)]
        if self._at > len(self._data):  # What was skipped has not been looked at.
            raise IndexError
        return Header(
            path=self._path,
            version=version,
            metadata=metadata,
            tensors=self._measured(listed, self._alignment(metadata)),
            size=self._size,
            parts=(self._path,),
        )

    def _version(self) -> int:
        magic = self._data[:4]
        if magic != b"GGUF":
            raise GgufError(f"{self._path} is not a GGUF file: it begins with {magic!r}; name a GGUF file")
        self._at = 4
        version = self._u32()
        if version and not version & 0xFFFF:
            raise GgufError(
                f"{self._path} is big-endian, which llama.cpp can't load here; download a little-endian one"
            )
        if version not in _VERSIONS:
            raise GgufError(f"{self._path} is GGUF version {version}; only 2 and 3 can be read: convert it again")
        return version

    def _metadata(self, keys: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(keys):
            key = self._text()
            if not key or key in metadata:
                raise self._damaged(f"the key {_shown(key)} is there twice" if key else "a key is empty")
            metadata[key] = self._value(key, self._u32())
        return metadata

    def _value(self, key: str, kind: int) -> Value:
        if kind == _ARRAY:
            return self._array(key, self._u32(), self._u64())
        return self._scalars(key, kind, 1)[0]

    def _array(self, key: str, kind: int, length: int) -> Value:
        if length > self._size:
            raise self._damaged(f"{_shown(key)} claims {length} elements")
        if length <= DECODED_AT_MOST or key in self._want:
            return self._scalars(key, kind, length)
        if kind == _STRING:
            self._skip_texts(length)
        else:
            self._at += length * struct.calcsize(self._number_format(key, kind))
        return LongArray(kind, length)

    def _scalars(self, key: str, kind: int, length: int) -> tuple[Scalar, ...]:
        if kind == _STRING:
            return tuple(self._texts(length))
        code = f"<{length}{self._number_format(key, kind)}"
        values: tuple[Scalar, ...] = struct.unpack_from(code, self._data, self._at)
        self._at += struct.calcsize(code)
        return tuple(map(bool, values)) if kind == _BOOL else values

    def _number_format(self, key: str, kind: int) -> str:
        try:
            return _NUMBERS[kind]
        except KeyError:
            raise self._damaged(f"{_shown(key)} has the type {kind}, which doesn't exist there") from None

    def _tensor(self) -> Tensor:
        name = self._text()
        dimensions = self._u32()
        if dimensions > _DIMENSIONS_AT_MOST:
            raise self._damaged(f"tensor {_shown(name)} has {dimensions} dimensions")
        shape = struct.unpack_from(f"<{dimensions}Q", self._data, self._at)
        self._at += dimensions * 8
        return Tensor(name, shape, type_id=self._u32(), offset=self._u64(), size=0)

    def _alignment(self, metadata: Mapping[str, Value]) -> int:
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise self._damaged(f"general.alignment = {_shown(alignment)} is no power of two")
        return alignment

    def _measured(self, tensors: list[Tensor], alignment: int) -> tuple[Tensor, ...]:
        """The tensors with their sizes, which end where the next tensor begins or the file ends."""
        total = self._size - -(-self._at // alignment) * alignment
        order = sorted(tensors, key=lambda tensor: tensor.offset)
        ends = [*(tensor.offset for tensor in order), total][1:]
        sizes: dict[str, int] = {}
        for tensor, end in zip(order, ends, strict=True):
            if tensor.name in sizes:
                raise self._damaged(f"tensor {_shown(tensor.name)} is there twice")
            sizes[tensor.name] = end - tensor.offset
            if min(end, total) - tensor.offset < _least(tensor):
                fault = "reaches past the end of the file" if end >= total else "overlaps the next"
                raise self._damaged(f"tensor {_shown(tensor.name)} {fault}")
        return tuple(
            Tensor(tensor.name, tensor.shape, tensor.type_id, tensor.offset, sizes[tensor.name]) for tensor in tensors
        )

    def _u32(self) -> int:
        self._at += 4
        value: int = _U32(self._data, self._at - 4)[0]
        return value

    def _u64(self) -> int:
        self._at += 8
        value: int = _U64(self._data, self._at - 8)[0]
        return value

    def _text(self) -> str:
        length = self._u64()
        begin, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise IndexError
        return self._data[begin : self._at].decode("utf-8", "backslashreplace")

    def _texts(self, count: int) -> Iterator[str]:
        """As many times `_text`, at half its cost: a vocabulary has hundreds of thousands."""
        at, data, length_at, end = self._at, self._data, _U64, len(self._data)
        for _ in repeat(None, count):
            begin = at + 8
            at = begin + length_at(data, at)[0]
            if at > end:
                raise IndexError
            yield data[begin:at].decode("utf-8", "backslashreplace")
        self._at = at

    def _skip_texts(self, count: int) -> None:
        at, data, length_at = self._at, self._data, _U64
        for _ in repeat(None, count):
            at += 8 + length_at(data, at)[0]
        self._at = at

    def _damaged(self, fault: str) -> GgufError:
        return _cut_short(self._path, fault)


def _shown(value: object) -> str:
    """A name or value from a header that may be anything, on one line."""
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_AT_MOST else f"{shown[:_SHOWN_AT_MOST]}…"


def _least(tensor: Tensor) -> int:
    """The bytes that the elements of a tensor take at least: nothing is known of a type newer than this table."""
    return bytes_of(prod(tensor.shape), tensor.type_id) if tensor.type_id in BLOCKS else 0


_PART = re.compile(r"(?P<name>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)


def parts_of(path: Path) -> tuple[Path, ...]:
    """All files of the weights whose first file this is, in order; only itself unless they are split.

    Raises `GgufError` for another part than the first, which llama.cpp doesn't load either, and for a part missing.
    """
    return _parts(read_header(path))


def read_weights(path: Path, want: Collection[str] = ()) -> Header:
    """The header of weights with all their parts, told as one. Arguments and errors are those of `read_header`."""
    first = read_header(path, want)
    parts = _parts(first)
    if len(parts) == 1:
        return first
    headers = (first, *(_part(part, number) for number, part in enumerate(parts[1:], start=1)))
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    expected = first.number("split.tensors.count")
    if len({tensor.name for tensor in tensors}) != len(tensors) or expected not in (None, len(tensors)):
        raise GgufError(
            f"{path}: its {len(parts)} parts do not belong together: {expected} tensors are promised, "
            f"{len(tensors)} are there; download all parts of one version"
        )
    size = sum(header.size for header in headers)
    return Header(first.path, first.version, first.metadata, tensors, size, parts)


def _parts(first: Header) -> tuple[Path, ...]:
    count = first.number("split.count") or 1
    if count == 1:
        return (first.path,)
    named = _PART.fullmatch(first.path.name)
    if not named or int(named["count"]) != count:
        raise GgufError(f"{first.path} is one of {count} parts: give it back its name, NAME-00001-of-{count:05}.gguf")
    parts = tuple(
        first.path.with_name(f"{named['name']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)
    )
    if first.number("split.no") or int(named["number"]) != 1:
        raise GgufError(f"{first.path} is not the first of its {count} parts; name {parts[0].name}")
    for number, part in enumerate(parts, start=1):
        if not part.is_file():
            raise GgufError(f"{first.path}: part {number} of {count} is missing; put {part.name} beside it")
    return parts


def _part(path: Path, number: int) -> Header:
    header = read_header(path)
    if header.number("split.no") != number:
        raise GgufError(f"{path} is not part {number + 1} of its weights; download it again")
    return header
