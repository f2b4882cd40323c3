"""llama-server's flags as the embedded server's parameters (`CommonParams` of xllamacpp).

The embedded server has no command line: each flag that has a counterpart is listed here with its type; the others are
refused. Values go to the server as JSON, `{"attribute.path": value}`; members of an enumeration go by their name.
"""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

_Convert = Callable[[JsonValue], JsonValue]


class BadFlagError(ValueError):
    """A flag that the embedded server does not have, or a value that it can't take."""


@dataclass(frozen=True)
class Flag:
    """Where a flag's value goes, how it gets its type, and how else the flag may be spelt."""

    attribute: str
    convert: _Convert
    also: tuple[str, ...] = ()


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
        return value
    raise BadFlagError("should be a whole number")


def _layers(value: JsonValue) -> JsonValue:
    return {"auto": -1, "all": -2}[value] if value in ("auto", "all") and isinstance(value, str) else _whole(value)


def _number(value: JsonValue) -> JsonValue:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise BadFlagError("should be a number")


def _text(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value
    raise BadFlagError("should be a text")


def _switch(value: JsonValue) -> JsonValue:
    if isinstance(value, bool):
        return value
    if value in ("on", "off"):
        return value == "on"
    raise BadFlagError("should be true or false")


def _overrides(value: JsonValue) -> JsonValue:
    return ",".join(str(_text(item)) for item in value) if isinstance(value, list) else _text(value)


def _template_variables(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if isinstance(value, dict):
        return {name: json.dumps(item) for name, item in value.items()}
    raise BadFlagError("should be a table")


def _one_of(prefix: str, *names: str, **spelt: str) -> _Convert:
    """The members of an enumeration: `q8_0` is `PREFIX_Q8_0` unless spelt out."""
    members = {name: f"{prefix}_{name.upper().replace('-', '_')}" for name in names}
    members.update({name: f"{prefix}_{member}" for name, member in spelt.items()})

    def convert(value: JsonValue) -> JsonValue:
        name = {True: "on", False: "off"}[value] if isinstance(value, bool) else value
        if isinstance(name, str) and name in members:
            return members[name]
        raise BadFlagError(f"should be one of {', '.join(members)}")

    return convert


def _each(convert: _Convert) -> _Convert:
    def convert_all(value: JsonValue) -> JsonValue:
        items = value.split(",") if isinstance(value, str) else value
        if isinstance(items, list):
            return [convert(item) for item in items]
        raise BadFlagError("should be a list")

    return convert_all


_CACHE_TYPE = _one_of("GGML_TYPE", "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
_FLASH = _one_of("LLAMA_FLASH_ATTN_TYPE", "auto", on="ENABLED", off="DISABLED")
_LOAD = _one_of("LLAMA_LOAD_MODE", "auto", "none", "mmap", "mlock", **{"mmap+mlock": "MMAP_MLOCK", "dio": "DIRECT_IO"})
_SPLIT = _one_of("LLAMA_SPLIT_MODE", "none", "layer", "row", "tensor")
_REASONING = _one_of("COMMON_REASONING_FORMAT", "none", "auto", "deepseek", "deepseek-legacy")
_SPECULATION = _each(
    _one_of(
        "COMMON_SPECULATIVE_TYPE",
        *("none", "draft-simple", "draft-eagle3", "draft-mtp", "draft-dflash", "draft-dspark"),
        *("ngram-simple", "ngram-map-k", "ngram-map-k4v", "ngram-mod", "ngram-cache"),
    )
)

FLAGS: Mapping[str, Flag] = {
    "ctx-size": Flag("n_ctx", _whole, ("c",)),
    "n-gpu-layers": Flag("n_gpu_layers", _layers, ("ngl", "gpu-layers")),
    "cache-type-k": Flag("cache_type_k", _CACHE_TYPE, ("ctk",)),
    "cache-type-v": Flag("cache_type_v", _CACHE_TYPE, ("ctv",)),
    "override-tensor": Flag("tensor_buft_overrides", _overrides, ("ot",)),
    "flash-attn": Flag("flash_attn_type", _FLASH, ("fa",)),
    "threads": Flag("cpuparams.n_threads", _whole, ("t",)),
    "threads-batch": Flag("cpuparams_batch.n_threads", _whole, ("tb",)),
    "batch-size": Flag("n_batch", _whole, ("b",)),
    "ubatch-size": Flag("n_ubatch", _whole, ("ub",)),
    "jinja": Flag("use_jinja", _switch),
    "chat-template": Flag("chat_template", _text),
    "chat-template-kwargs": Flag("default_template_kwargs", _template_variables),
    "reasoning-format": Flag("reasoning_format", _REASONING),
    "load-mode": Flag("load_mode", _LOAD, ("lm",)),
    "split-mode": Flag("split_mode", _SPLIT, ("sm",)),
    "main-gpu": Flag("main_gpu", _whole, ("mg",)),
    "fit": Flag("fit_params", _switch),
    "warmup": Flag("warmup", _switch),
    "kv-offload": Flag("no_kv_offload", lambda value: not _switch(value)),
    "kv-unified": Flag("kv_unified", _switch, ("kvu",)),
    "swa-full": Flag("swa_full", _switch),
    "cont-batching": Flag("cont_batching", _switch, ("cb",)),
    "context-shift": Flag("ctx_shift", _switch),
    "cache-prompt": Flag("cache_prompt", _switch),
    "cache-ram": Flag("cache_ram_mib", _whole, ("cram",)),
    "cache-reuse": Flag("n_cache_reuse", _whole),
    "slot-save-path": Flag("slot_save_path", _text),
    "rope-freq-base": Flag("rope_freq_base", _number),
    "rope-freq-scale": Flag("rope_freq_scale", _number),
    "spec-type": Flag("speculative.types", _SPECULATION),
    "spec-draft-n-max": Flag("speculative.draft.n_max", _whole),
    "spec-draft-n-min": Flag("speculative.draft.n_min", _whole),
    "spec-draft-p-min": Flag("speculative.draft.p_min", _number),
    "verbosity": Flag("verbosity", _whole, ("lv",)),
}

_OTHER_SPELLINGS = {spelling: name for name, flag in FLAGS.items() for spelling in flag.also}

_PROFILE_KEYS = {
    **dict.fromkeys(("model", "m"), "model"),
    **dict.fromkeys(("spec-draft-model", "model-draft", "md"), "draft"),
    **dict.fromkeys(("mmproj", "mm"), "mmproj"),
    **dict.fromkeys(("parallel", "np"), "parallel"),
    **dict.fromkeys(("reasoning", "rea", "reasoning-budget"), "reasoning"),
}
_ALWAYS_SET = frozenset({"alias", "host", "port", "metrics", "slots", "props", "ui", "webui"})


def parameters(args: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The embedded server's parameters for `args` of a profile. Raises `BadFlagError`, which says what to write."""
    found: dict[str, JsonValue] = {}
    for key, value in args.items():
        attribute, converted = _parameter(key, value)
        if attribute in found:
            raise BadFlagError(f"args.{key}: the same flag is given twice, in two spellings; keep one")
        found[attribute] = converted
    return found


def _parameter(key: str, value: JsonValue) -> tuple[str, JsonValue]:
    name = key.replace("_", "-")
    name = _OTHER_SPELLINGS.get(name, name)
    positive = name.removeprefix("no-")
    if name not in FLAGS and positive in FLAGS and isinstance(value, bool):
        name, value = positive, not value
    if name not in FLAGS:
        raise BadFlagError(f"args.{key}: {_why_not(name)}")
    flag = FLAGS[name]
    try:
        return flag.attribute, flag.convert(value)
    except BadFlagError as error:
        raise BadFlagError(f"args.{key} = {json.dumps(value)} {error}") from None


def _why_not(name: str) -> str:
    if name in _PROFILE_KEYS:
        return f"set it by the profile's own key `{_PROFILE_KEYS[name]}`"
    if name.removeprefix("no-") in _ALWAYS_SET:
        return "drop it, it is always set"
    near = difflib.get_close_matches(name, FLAGS, n=1, cutoff=0.5)
    meant = f"; did you mean `{near[0]}`?" if near else ""
    return f'the embedded server has no such flag{meant} (a llama-server of your own takes all: launcher = "binary")'
