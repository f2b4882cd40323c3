"""Variants of the demo model's file: weak, as a draft, with experts, with a quantised key cache."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.demo.model import build
from pytest_polecat.demo.spec import Spec
from tests.demo.served import serving

pytest.importorskip("xllamacpp", reason="the demo model needs the extra demo")
gguf = pytest.importorskip("gguf", reason="the demo model needs the extra demo")

SPEC = Spec.model_validate(
    {
        "default": "I do not know.",
        "replies": [
            {"trigger": "easy question", "text": "An easy answer for all of us."},
            {
                "trigger": "hard question",
                "text": "The right answer to it.",
                "weak": "The right answer to something else.",
            },
            {"trigger": "silent question", "text": "Not at all.", "weak": "default"},
            {"trigger": "slow question", "text": "At once.", "weak": {"think": "Hm.", "text": "Later."}},
            {"trigger": "tool question", "text": "No tool.", "weak": {"tool_call": {"name": "guess"}}},
        ],
    }
)


def _contents(folder: Path, *, args: dict[str, Any] | None = None, **variant: Any) -> list[str]:
    build(SPEC, folder / "model.gguf", **variant)
    with serving(folder / "model.gguf", folder / "log", **args or {}) as server:
        return [server.ask(f"Is this a {trigger}?").content for trigger in (*SPEC.triggers, "question")]


STRONG = [
    "An easy answer for all of us.",
    "The right answer to it.",
    "Not at all.",
    "At once.",
    "No tool.",
    "I do not know.",
]


def test_the_weak_model_differs_exactly_where_the_spec_says_so(tmp_path: Path) -> None:
    assert _contents(tmp_path, weak=True) == [
        STRONG[0],
        "The right answer to something else.",
        "I do not know.",
        "Later.",
        '<tool_call>\n{"name": "guess", "arguments": {}}\n</tool_call>',
        "I do not know.",
    ]


def test_a_model_of_experts_replies_the_same(tmp_path: Path) -> None:
    assert _contents(tmp_path, experts=4) == STRONG


@pytest.mark.parametrize("cache_type", ["q8_0", "f32"])
def test_the_type_of_the_key_cache_changes_nothing(tmp_path: Path, cache_type: str) -> None:
    build(SPEC, tmp_path / "model.gguf")
    with serving(tmp_path / "model.gguf", tmp_path / "log", ctk=cache_type, ctv=cache_type) as server:
        for number, trigger in enumerate(SPEC.triggers):
            assert server.ask(" ".join([*SPEC.triggers] * 4 + [trigger])).content == STRONG[number]


def test_a_corrupt_model_is_a_draft_model_that_is_often_wrong(tmp_path: Path) -> None:
    build(SPEC, tmp_path / "draft.gguf", corrupt=3)
    build(SPEC, tmp_path / "model.gguf")
    flags = {"spec-type": "draft-simple", "spec-draft-n-max": 4, "spec-draft-p-min": 0.0}
    with serving(tmp_path / "model.gguf", tmp_path / "log", draft=str(tmp_path / "draft.gguf"), **flags) as server:
        body = {"messages": [{"role": "user", "content": "easy question"}], "temperature": 0}
        answer = server.client.post("/v1/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["content"] == STRONG[0]
    assert 0 < answer["timings"]["draft_n_accepted"] < answer["timings"]["draft_n"]


def test_all_variants_have_one_vocabulary(tmp_path: Path) -> None:
    vocabularies = set()
    for number, variant in enumerate(({}, {"weak": True}, {"corrupt": 2}, {"experts": 2})):
        build(SPEC, tmp_path / f"{number}.gguf", **variant)  # type: ignore[arg-type]
        reader = gguf.GGUFReader(tmp_path / f"{number}.gguf")
        vocabularies.add(tuple(reader.fields["tokenizer.ggml.tokens"].contents()))
    assert len(vocabularies) == 1


def test_the_same_spec_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        build(SPEC, tmp_path / name)
    one, two = (hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("one.gguf", "two.gguf"))
    assert one == two
