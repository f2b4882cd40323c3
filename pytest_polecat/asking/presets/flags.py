"""llama-server's flags by all their names: long, short, and the environment variable, as presets may write each.

The names are those of build b11434. A flag that isn't listed has one name, and goes by it.
"""

from collections.abc import Mapping

_ON = frozenset({"on", "enabled", "true", "1"})
_OFF = frozenset({"off", "disabled", "false", "0"})

_SWITCHES_WITH_NEGATION = """
    perf / no-perf
    escape e / no-escape
    kv-offload kvo / no-kv-offload nkvo
    repack / no-repack nr
    op-offload / no-op-offload
    log-jsonl / no-log-jsonl
    log-prefix / no-log-prefix
    log-timestamps / no-log-timestamps
    spec-draft-backend-sampling / no-spec-draft-backend-sampling
    kv-unified kvu / no-kv-unified no-kvu
    cache-idle-slots / no-cache-idle-slots
    context-shift / no-context-shift
    warmup / no-warmup
    cont-batching cb / no-cont-batching nocb
    mmproj-auto / no-mmproj-auto no-mmproj
    mmproj-offload / no-mmproj-offload
    cors-credentials / no-cors-credentials
    ui-mcp-proxy webui-mcp-proxy / no-ui-mcp-proxy no-webui-mcp-proxy
    agent ag / no-agent no-ag
    ui webui / no-ui no-webui
    cache-prompt / no-cache-prompt
    slots / no-slots
    models-autoload / no-models-autoload
    jinja / no-jinja
    reasoning-preserve / no-reasoning-preserve
    skip-chat-parsing / no-skip-chat-parsing
    prefill-assistant / no-prefill-assistant
    mmap / no-mmap
    direct-io dio / no-direct-io ndio
"""

_SWITCHES = """
    swa-full
    no-host
    cpu-moe cmoe
    cpu-moe-draft cmoed spec-draft-cpu-moe
    check-tensors
    log-disable
    verbose v log-verbose
    offline
    ignore-eos
    backend-sampling bs
    special sp
    spm-infill
    reuse-port
    embedding embeddings
    reranking rerank
    metrics
    props
    lora-init-without-apply
    spec-default
    mlock
    lookup
    embd-gemma-default
    fim-qwen-1.5b-default
    fim-qwen-3b-default
    fim-qwen-7b-default
    fim-qwen-7b-spec
    fim-qwen-14b-spec
    fim-qwen-30b-default
    gpt-oss-20b-default
    gpt-oss-120b-default
    vision-gemma-4b-default
    vision-gemma-12b-default
"""

_WITH_VALUE = """
    threads t
    threads-batch tb
    threads-draft td spec-draft-threads
    threads-batch-draft tbd spec-draft-threads-batch
    cpu-mask C
    cpu-range Cr
    cpu-mask-batch Cb
    cpu-range-batch Crb
    cpu-mask-draft Cd spec-draft-cpu-mask
    cpu-range-draft Crd spec-draft-cpu-range
    cpu-mask-batch-draft Cbd spec-draft-cpu-mask-batch
    cpu-strict-draft spec-draft-cpu-strict
    cpu-strict-batch-draft spec-draft-cpu-strict-batch
    prio-draft spec-draft-prio
    prio-batch-draft spec-draft-prio-batch
    poll-draft spec-draft-poll
    poll-batch-draft spec-draft-poll-batch
    ctx-size c
    ctx-size-draft cd
    n-predict n predict
    batch-size b
    ubatch-size ub
    flash-attn fa
    cache-type-k ctk
    cache-type-v ctv
    cache-type-k-draft ctkd spec-draft-type-k
    cache-type-v-draft ctvd spec-draft-type-v
    defrag-thold dt
    load-mode lm
    lazy-mode lzm
    device dev
    device-draft devd spec-draft-device
    override-tensor ot
    override-tensor-draft otd spec-draft-override-tensor
    n-cpu-moe ncmoe
    n-cpu-moe-draft ncmoed spec-draft-ncmoe spec-draft-n-cpu-moe
    n-cpu-ffn ncffn
    n-gpu-layers ngl gpu-layers
    n-gpu-layers-draft ngld gpu-layers-draft spec-draft-ngl
    split-mode sm
    tensor-split ts
    main-gpu mg
    fit-target fitt
    fit-ctx fitc
    model m
    model-url mu
    docker-repo dr
    hf-repo hf hfr
    hf-repo-draft hfd hfrd spec-draft-hf
    hf-file hff
    hf-token hft
    verbosity lv log-verbosity
    seed s
    sampler-seq sampling-seq
    temp temperature
    top-n-sigma top-nsigma
    typical-p typical
    logit-bias l
    json-schema j
    json-schema-file jf
    model-draft md spec-draft-model
    spec-draft-n-max draft draft-n draft-max
    spec-draft-n-min draft-min draft-n-min
    spec-draft-p-min draft-p-min
    spec-draft-p-split draft-p-split
    lookup-cache-static lcs
    lookup-cache-dynamic lcd
    ctx-checkpoints ctxcp swa-checkpoints
    checkpoint-min-step cms
    cache-ram cram
    reverse-prompt r
    parallel np
    mmproj mm
    mmproj-url mmu
    mmproj-device mmdev
    alias a
    ui-config webui-config
    ui-config-file webui-config-file
    timeout to
    reasoning rea
    slot-prompt-similarity sps
"""

_VARIABLES = {
    "LLAMA_API_KEY": "api-key",
    "HF_TOKEN": "hf-token",
    "LLAMA_ARG_BATCH": "batch-size",
    "LLAMA_ARG_UBATCH": "ubatch-size",
    "LLAMA_ARG_N_PARALLEL": "parallel",
    "LLAMA_ARG_ENDPOINT_METRICS": "metrics",
    "LLAMA_ARG_ENDPOINT_PROPS": "props",
    "LLAMA_ARG_ENDPOINT_SLOTS": "slots",
    "LLAMA_ARG_STATIC_PATH": "path",
    "LLAMA_ARG_ROPE_SCALING_TYPE": "rope-scaling",
    "LLAMA_ARG_THINK": "reasoning-format",
    "LLAMA_ARG_THINK_BUDGET": "reasoning-budget",
    "LLAMA_ARG_THINK_BUDGET_MESSAGE": "reasoning-budget-message",
    "LLAMA_ARG_CHECKPOINT_MIN_SPACING_NT": "checkpoint-min-step",
    "LLAMA_ARG_SPEC_DRAFT_HF_REPO": "hf-repo-draft",
    "LLAMA_ARG_SPEC_DRAFT_CACHE_TYPE_K": "cache-type-k-draft",
    "LLAMA_ARG_SPEC_DRAFT_CACHE_TYPE_V": "cache-type-v-draft",
}
_PREFIX = "LLAMA_ARG_"


def _groups(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


_PAIRS = [[half.split() for half in line.split("/")] for line in _SWITCHES_WITH_NEGATION.strip().splitlines()]
_NEGATIONS = {spelling: names[0] for names, negations in _PAIRS for spelling in negations}
_NAMES = {
    spelling: group[0]
    for group in [*(names for names, _ in _PAIRS), *_groups(_SWITCHES), *_groups(_WITH_VALUE)]
    for spelling in group
}
_RENAMED_SWITCHES = {"mmap", "direct-io"}
"""Switches that newer builds replaced: the launcher knows the spelling that switches them off, not a false value."""

SWITCHES = frozenset({names[0] for names, _ in _PAIRS} | {group[0] for group in _groups(_SWITCHES)})
"""Flags without a value, by name."""

NEGATABLE = frozenset(names[0] for names, _ in _PAIRS)
"""Those of `SWITCHES` that `--no-NAME` switches off."""

ON_OFF = frozenset({"flash-attn", "fit", "log-colors", "reasoning"})
"""Flags whose value is `on`, `off` or `auto`."""

SAMPLING: Mapping[str, str] = {
    "temp": "temperature",
    "top-p": "top_p",
    "top-k": "top_k",
    "min-p": "min_p",
    "presence-penalty": "presence_penalty",
    "frequency-penalty": "frequency_penalty",
    "repeat-penalty": "repeat_penalty",
}
"""Flags that set a sampling parameter, and the field of `Sampling` for it."""

MORE_SAMPLING: Mapping[str, str] = {
    "dry-multiplier": "dry_multiplier",
    "dry-base": "dry_base",
    "dry-allowed-length": "dry_allowed_length",
    "dry-penalty-last-n": "dry_penalty_last_n",
    "xtc-probability": "xtc_probability",
    "xtc-threshold": "xtc_threshold",
    "typical-p": "typical_p",
    "repeat-last-n": "repeat_last_n",
    "top-n-sigma": "top_n_sigma",
    "dynatemp-range": "dynatemp_range",
    "dynatemp-exp": "dynatemp_exponent",
    "mirostat": "mirostat",
    "mirostat-lr": "mirostat_eta",
    "mirostat-ent": "mirostat_tau",
    "adaptive-target": "adaptive_target",
    "adaptive-decay": "adaptive_decay",
}
"""Flags that set a sampling parameter, and the request field for it, which stands in `Sampling.extra`."""

ADDRESS = frozenset({"host", "port", "reuse-port", "alias", "tags"})
"""Flags that say where a server is and what it is called. Polecat chooses both."""

SECRETS = frozenset({"api-key", "hf-token"})
"""Flags whose value is a secret."""

NOT_OURS = (
    ADDRESS
    | SECRETS
    | {"api-key-file", "api-prefix", "ssl-key-file", "ssl-cert-file"}
    | {"models-dir", "models-preset", "models-max", "models-autoload"}
)
"""Flags that a profile of one model has no use for."""


def named(key: str) -> tuple[str, bool]:
    """The name of a flag, and whether this spelling of it is its negation. `key` has no dashes before it."""
    if key in _VARIABLES or key.startswith(_PREFIX):
        key = _VARIABLES.get(key) or key.removeprefix(_PREFIX).replace("_", "-").lower()
    if key in _NEGATIONS:
        return _NEGATIONS[key], True
    return _NAMES.get(key, key), False


def is_variable(key: str) -> bool:
    """Whether a key is the name of an environment variable of the server."""
    return key in _VARIABLES or key.startswith(_PREFIX)


def as_switch(value: str) -> bool | None:
    """Whether a value means on; None if it means neither on nor off."""
    return True if value in _ON else False if value in _OFF else None


def switched_off(name: str) -> tuple[str, bool] | None:
    """The key and value of `args` that switch a flag off; None for a flag that is off unless it is given."""
    if name not in NEGATABLE:
        return None
    return (f"no-{name}", True) if name in _RENAMED_SWITCHES else (name, False)


def why_not(name: str) -> str:
    """Why a profile has no use for one of `NOT_OURS`."""
    if name == "hf-token":
        return "secrets stay out of polecat.toml; set HF_TOKEN in the environment"
    if name in ADDRESS:
        return "polecat chooses where its servers are and what they are called"
    return "polecat's servers are reached from this machine alone, one model each"
