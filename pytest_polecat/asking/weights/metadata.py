"""What weights are, in the words of their own header."""

import re
from collections.abc import Sequence
from math import prod
from pathlib import Path

from pytest_polecat.asking.weights.gguf import Header, read_weights
from pytest_polecat.asking.weights.overrides import Rule, taken
from pytest_polecat.records.run import Weights
from pytest_polecat.records.text import template_hash

_QUANT = re.compile(
    r"(?<![A-Z0-9])"
    r"((?:UD-)?(?:I?Q[1-8]_(?:[01]|K|XXS|XS|S|M|NL)(?:_(?:XXS|XS|S|M|L|XL|NL))?"
    r"|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32))"
    r"(?![A-Z0-9_])"
)

_GUESSED = 1024
_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}
"""`general.file_type` (`enum llama_ftype` of llama.h) by the names of llama-quantize."""


def describe_weights(path: Path, overrides: Sequence[Rule] = ()) -> Weights:
    """The record of these weights, with what `overrides` take of them; without their hash, which takes a while.

    Raises `GgufError` for a file that can't be used, `PatternError` for an override that can't be read.
    """
    return described(read_weights(path), overrides)


def described(header: Header, overrides: Sequence[Rule] = ()) -> Weights:
    """`describe_weights` of a header that is read already."""
    return Weights(
        path=str(header.path),
        size=header.size,
        parts=len(header.parts),
        name=header.text("general.name"),
        architecture=header.architecture,
        quant=quant_in(header.path.name) or _file_type(header),
        parameters=sum(prod(tensor.shape) for tensor in header.tensors),
        layers=header.number(".block_count"),
        experts=header.number(".expert_count"),
        experts_used=header.number(".expert_used_count"),
        context=header.number(".context_length"),
        template_hash=_template_hash(header),
        mtp=any(tensor.name.endswith(".nextn.eh_proj.weight") for tensor in header.tensors),
        overrides=taken(overrides, header.tensors),
    )


def quant_in(file_name: str) -> str | None:
    """The quantisation that a file's name tells, such as UD-Q4_K_XL, in capitals; the last if it tells several."""
    found = _QUANT.findall(file_name.upper())
    return found[-1] if found else None


def _file_type(header: Header) -> str | None:
    number = header.number("general.file_type")
    return None if number is None else _FILE_TYPES.get(number & ~_GUESSED)


def _template_hash(header: Header) -> str | None:
    template = header.text("tokenizer.chat_template")
    return None if template is None else template_hash(template)
