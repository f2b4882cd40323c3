"""GGUF files for the tests of weights: whole ones by the gguf package, broken ones byte by byte."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

Shapes = Mapping[str, tuple[int, ...]]


def write_gguf(
    path: Path, shapes: Shapes, metadata: Mapping[str, Any] = {}, architecture: str = "llama", parts_of: int = 0
) -> Path:
    """A file with tensors of zeros (shapes with the slowest dimension first); `parts_of` so many tensors each."""
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=parts_of)
    for key, value in metadata.items():
        _add(writer, key, value)
    for name, shape in shapes.items():
        writer.add_tensor(name, np.zeros(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, list(value))


def mixture(layers: int) -> dict[str, tuple[int, ...]]:
    """The tensors of a mixture of two experts with so many layers, tiny ones."""
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (8, 32), "output.weight": (8, 32)}
    for layer in range(layers):
        block = f"blk.{layer}"
        shapes |= {f"{block}.attn_{part}.weight": (32, 32) for part in ("q", "k", "v", "output")}
        shapes |= {f"{block}.ffn_{part}_exps.weight": (2, 4, 32) for part in ("gate", "up", "down")}
        shapes[f"{block}.ffn_gate_inp.weight"] = (2, 32)
    return shapes


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def raw(
    *,
    keys: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    version: int = 3,
    claims: tuple[int, int] | None = None,
) -> bytes:
    """A header of these pieces, claiming so many tensors and keys."""
    counts = claims or (len(tensors), len(keys))
    return b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(keys) + b"".join(tensors)


def tensor(name: str, shape: Sequence[int], type_id: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, type_id, offset)
