"""The built-in profiles of the demo model, as tables of a polecat.toml."""

from typing import Any

PARALLEL = 4
_CONTEXT_PER_SLOT = 8192

_DEMO: dict[str, Any] = {
    "launcher": "demo",
    "parallel": PARALLEL,
    # So small a model is slower with more threads: they would wait for one another most of the time.
    "args": {"ctx-size": PARALLEL * _CONTEXT_PER_SLOT, "threads": 1},
    # With a temperature of 1, these leave the probabilities of replies that are drawn as they are.
    "sampling": {"temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0},
    "ready_timeout": 60,
    "answer_timeout": 60,
}

PROFILES: dict[str, dict[str, Any]] = {
    "demo": {
        **_DEMO,
        "description": "a small model whose replies to the demo questions are known; runs anywhere, answers at once",
        "model": "demo",
    },
    "demo-weak": {
        **_DEMO,
        "description": "the same model, wrong or without an answer to some questions: something to compare with",
        "model": "demo-weak",
    },
}
