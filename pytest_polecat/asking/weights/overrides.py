"""Which tensors llama.cpp's flags of tensor placement really take."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_polecat.asking.weights.ecmascript import PatternError, compiled
from pytest_polecat.asking.weights.gguf import Tensor
from pytest_polecat.records.run import Override

HOST = "CPU"
"""The buffer that lies in the machine's own memory, as llama.cpp calls it."""

EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"
"""What `--cpu-moe` takes (`LLM_FFN_EXPS_REGEX`, common/common.h)."""

_LAYERS_AT_MOST = 512
"""llama.cpp's own limit."""

_LAYER = re.compile(r"blk\.(\d{1,9})\.", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """Tensors whose name has a match of `pattern` go to `buffer`. Of several rules the first that matches decides."""

    pattern: str
    buffer: str = HOST


CPU_MOE = Rule(EXPERTS)
"""What `--cpu-moe` stands for."""


def cpu_moe_of(layers: int) -> tuple[Rule, ...]:
    """What `--n-cpu-moe N` stands for: the experts of the first N layers; one rule that takes what its N rules take."""
    numbers = "|".join(map(str, range(min(layers, _LAYERS_AT_MOST))))
    return (Rule(rf"blk\.({numbers}){EXPERTS}"),) if layers > 0 else ()


def rules_of(value: str) -> tuple[Rule, ...]:
    """The rules in one value of `--override-tensor`, `PATTERN=BUFFER[,PATTERN=BUFFER…]`.

    It is cut at each comma, even inside a pattern, and then at the first equals sign (`parse_tensor_buffer_overrides`,
    common/arg.cpp). The rules of repeated flags follow one another. Raises `PatternError`.
    """
    return tuple(_rule(value, piece) for piece in value.split(","))


def _rule(value: str, piece: str) -> Rule:
    pattern, equals, buffer = piece.partition("=")
    if not equals or not buffer:
        cut = "; the value is cut at each comma, so a pattern can't hold one" if "," in value else ""
        raise PatternError(f"the override {piece!r} of {value!r} lacks its buffer; write PATTERN=BUFFER{cut}")
    compiled(pattern)
    return Rule(pattern, buffer)


def deciding(rules: Sequence[Rule], tensors: Iterable[Tensor]) -> Iterator[tuple[Tensor, int | None]]:
    """Each tensor with the index of the rule that takes it, None where no rule does. Raises `PatternError`."""
    patterns = [compiled(rule.pattern) for rule in rules]
    for tensor in tensors:
        yield tensor, next((index for index, pattern in enumerate(patterns) if pattern.search(tensor.name)), None)


def taken(rules: Sequence[Rule], tensors: Iterable[Tensor]) -> tuple[Override, ...]:
    """What each rule takes of these tensors, in the order of the rules. Raises `PatternError`."""
    found: list[list[Tensor]] = [[] for _ in rules]
    for tensor, index in deciding(rules, tensors):
        if index is not None:
            found[index].append(tensor)
    return tuple(_override(rule, tensors) for rule, tensors in zip(rules, found, strict=True))


def override_tensor(value: str, tensors: Iterable[Tensor]) -> tuple[Override, ...]:
    """What one value of `--override-tensor` takes, pattern by pattern. Raises `PatternError`."""
    return taken(rules_of(value), tensors)


def _override(rule: Rule, tensors: Sequence[Tensor]) -> Override:
    return Override(
        pattern=rule.pattern,
        buffer=rule.buffer,
        tensors=len(tensors),
        layers=tuple(sorted({layer for tensor in tensors if (layer := layer_of(tensor)) is not None})),
        size=sum(tensor.size for tensor in tensors),
    )


def layer_of(tensor: Tensor) -> int | None:
    """The number of the layer that a tensor is in; None for those outside of the layers."""
    found = _LAYER.match(tensor.name)
    return int(found[1]) if found else None


def untaken_layers(overrides: Iterable[Override], tensors: Iterable[Tensor]) -> tuple[int, ...]:
    """The layers with experts of which no override takes a tensor of the experts. Raises `PatternError`."""
    rules = [Rule(override.pattern, override.buffer) for override in overrides]
    with_experts: set[int] = set()
    taken_from: set[int] = set()
    experts = re.compile(EXPERTS)
    for tensor, index in deciding(rules, (tensor for tensor in tensors if experts.search(tensor.name))):
        layer = layer_of(tensor)
        if layer is not None:
            with_experts.add(layer)
            if index is not None:
                taken_from.add(layer)
    return tuple(sorted(with_experts - taken_from))
