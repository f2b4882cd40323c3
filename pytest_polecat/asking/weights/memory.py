"""The memory that weights will take, as far as it can be known without loading them.

The placement is llama.cpp's (`llama_model::load_tensors`, src/llama-model.cpp), the cache that of `llama_kv_cache`
(src/llama-kv-cache.cpp). What depends on the build, the device or the architecture's code is named, never guessed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_polecat.asking.weights.block_types import CACHE_TYPES, bytes_of
from pytest_polecat.asking.weights.gguf import Header, Tensor
from pytest_polecat.asking.weights.overrides import HOST, Rule, deciding, layer_of
from pytest_polecat.errors import PolecatError

_CONTEXT_STEP = 256
_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_INPUT = (_EMBEDDING, "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight")
_NEVER_COUNTED = "not counted: compute buffers, what the driver takes, images, the cache of earlier prompts"


@dataclass(frozen=True)
class Estimate:
    """Bytes on the devices, taken together, and in the machine's own memory.

    `notes` are sentences: what is not counted, and what is counted at its most.
    """

    device_weights: int
    host_weights: int
    device_cache: int
    host_cache: int
    notes: tuple[str, ...]

    @property
    def device(self) -> int:
        """All bytes on the devices."""
        return self.device_weights + self.device_cache

    @property
    def host(self) -> int:
        """All bytes in the machine's own memory."""
        return self.host_weights + self.host_cache


def estimate(
    header: Header,
    *,
    gpu_layers: int | None = None,
    overrides: Sequence[Rule] = (),
    ctx_size: int | None = None,
    parallel: int = 1,
    unified: bool = False,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
    offload_cache: bool = True,
) -> Estimate:
    """The memory that a server with these flags takes for the weights and the cache of keys and values.

    `gpu_layers` counts from the last layer, the output being the first that goes to the device; None is all of them.
    `ctx_size` is in tokens over all `parallel` slots; None or 0 is the training context, for each slot unless
    `unified` (what `--fit` begins with, which may then take less). Where no device exists, device and host are the
    same memory. Raises `PolecatError`.
    """
    layers = header.number(".block_count") or 0
    on_device = _device_layers(layers, gpu_layers)
    device_weights, host_weights = _weights(header, layers, on_device, overrides)
    tokens = _tokens(header, ctx_size, parallel, unified)
    device_cache = host_cache = 0
    for layer, (keys, values) in _cache_widths(header):
        size = _cache_bytes(tokens * keys, cache_type_k) + _cache_bytes(tokens * values, cache_type_v)
        if offload_cache and layer in on_device:
            device_cache += size
        else:
            host_cache += size
    return Estimate(device_weights, host_weights, device_cache, host_cache, tuple(_notes(header)))


def host_memory_free() -> int | None:
    """The bytes of the machine's memory that new programs can have; None where the system doesn't tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _device_layers(layers: int, gpu_layers: int | None) -> range:
    """The layers on the device; the number after the last layer stands for the output."""
    wanted = layers + 1 if gpu_layers is None else max(gpu_layers, 0)
    return range(max(layers + 1 - wanted, 0), layers + 1)


def _weights(header: Header, layers: int, on_device: range, rules: Sequence[Rule]) -> tuple[int, int]:
    device = host = 0
    tied = all(tensor.name != _OUTPUT for tensor in header.tensors)
    for tensor, rule in deciding(rules, header.tensors):
        home = layers in on_device if (layer := layer_of(tensor)) is None else min(layer, layers) in on_device
        if tensor.name in _INPUT:
            # Embeddings that are the output matrix too are loaded a second time, for the device.
            twin = tied and tensor.name == _EMBEDDING and home and rule is None
            device += tensor.size if twin else 0
            home = False
        if rule is not None:
            home = rules[rule].buffer != HOST
        if home:
            device += tensor.size
        else:
            host += tensor.size
    return device, host


def _tokens(header: Header, ctx_size: int | None, parallel: int, unified: bool) -> int:
    """The tokens that the cache holds: those of a slot are rounded up to a multiple of 256."""
    trained = header.number(".context_length") or 0
    slots = 1 if unified else max(parallel, 1)
    total = ctx_size or trained * slots
    return _rounded(_rounded(total) // slots) * slots


def _rounded(tokens: int) -> int:
    return -(-tokens // _CONTEXT_STEP) * _CONTEXT_STEP


def _cache_bytes(elements: int, cache_type: str) -> int:
    try:
        return bytes_of(elements, CACHE_TYPES[cache_type])
    except KeyError:
        raise PolecatError(f"there is no cache type {cache_type!r}; write one of {', '.join(CACHE_TYPES)}") from None


def _cache_widths(header: Header) -> Iterator[tuple[int, tuple[int, int]]]:
    """For each layer with a cache, the elements of the keys and of the values of one token."""
    layers = header.number(".block_count") or 0
    own = layers - (header.number(".attention.shared_kv_layers") or 0)
    for layer, names in sorted(_names_by_layer(header.tensors).items()):
        if layer < own and _attends(names):
            yield layer, _widths(header, layer, latent="attn_kv_a_mqa.weight" in names)


def _names_by_layer(tensors: Sequence[Tensor]) -> dict[int, set[str]]:
    """The names in each layer, without the layer: `attn_k.weight`."""
    names: dict[int, set[str]] = {}
    for tensor in tensors:
        layer = layer_of(tensor)
        if layer is not None:
            names.setdefault(layer, set()).add(tensor.name.split(".", 2)[2])
    return names


def _attends(names: set[str]) -> bool:
    """Whether a layer has attention. A fused matrix beside a state is linear attention's, which has no cache."""
    fused = "attn_qkv.weight" in names and not any(name.startswith("ssm_") for name in names)
    return fused or bool(names & {"attn_k.weight", "attn_kv_a_mqa.weight"})


def _widths(header: Header, layer: int, latent: bool) -> tuple[int, int]:
    if latent and header.number(".attention.key_length_mla"):
        # Multi-head latent attention keeps one compressed vector, which serves as key and value.
        return (header.number(".attention.kv_lora_rank") or 0) + (header.number(".rope.dimension_count") or 0), 0
    heads = _heads(header, layer, ".attention.head_count") or 1
    width = (header.number(".embedding_length") or 0) // heads
    kv_heads = _heads(header, layer, ".attention.head_count_kv")
    kv_heads = heads if kv_heads is None else kv_heads
    return kv_heads * _longest(header, "key", width), kv_heads * _longest(header, "value", width)


def _heads(header: Header, layer: int, key: str) -> int | None:
    """A number of heads: one for all layers, or one for each."""
    value = header.metadata.get(header.full_key(key))
    if isinstance(value, tuple):
        value = value[layer] if layer < len(value) else None
    return value if isinstance(value, int) and value >= 0 else None


def _longest(header: Header, which: str, default: int) -> int:
    """The length of a head's key or value: the longer where layers with a sliding window have their own."""
    length = header.number(f".attention.{which}_length")
    return max(default if length is None else length, header.number(f".attention.{which}_length_swa") or 0)


def _notes(header: Header) -> Iterator[str]:
    names = [tensor.name for tensor in header.tensors]
    if header.number(".attention.sliding_window"):
        yield "at most: layers with a sliding window keep less of the context"
    if header.number(".nextn_predict_layers"):
        yield "at most: the layers for multi-token prediction are counted, used or not"
    if any(".ssm_" in name or ".time_mix_" in name or ".shortconv." in name for name in names):
        yield "not counted: the state of recurrent layers"
    if any(".indexer." in name for name in names):
        yield "not counted: the cache of the indexer of sparse attention"
    yield _NEVER_COUNTED
