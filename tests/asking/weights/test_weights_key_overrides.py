"""Overrides of metadata that would do nothing, or not what they say."""

from pathlib import Path

import pytest

from pytest_polecat.asking.weights.gguf import Header
from pytest_polecat.asking.weights.key_overrides import overridden, override_kv_problems


def header(architecture: str, **metadata: float | str | bool) -> Header:
    values = {
        "general.architecture": architecture,
        **{key.replace("__", "."): value for key, value in metadata.items()},
    }
    return Header(path=Path("m.gguf"), version=3, metadata=values, tensors=(), size=0, parts=())


MOE = header("qwen3moe", qwen3moe__expert_used_count=8, general__name="moe", qwen3moe__rope__freq_base=1e6)


@pytest.mark.parametrize(
    "value",
    [
        "qwen3moe.expert_used_count=int:6",
        "qwen3moe.expert_used_count=int:6,tokenizer.ggml.add_bos_token=bool:false",
        "general.name=str:a:b=c",
        '"general.name=str:a,b",qwen3moe.rope.freq_base=float:1e6',
        "qwen3moe.x=int:-1",
        "general.name=str:",
    ],
)
def test_good_overrides_have_no_problem(value: str) -> None:
    assert override_kv_problems(value, MOE) == ()


def test_a_key_of_another_architecture_is_told_with_the_right_key() -> None:
    (problem,) = override_kv_problems("qwen3.expert_used_count=int:6", MOE)
    assert problem.startswith("'qwen3.expert_used_count' changes nothing: these weights are of architecture 'qwen3moe'")
    assert problem.endswith("write qwen3moe.expert_used_count")


def test_without_an_architecture_only_the_form_is_checked() -> None:
    assert override_kv_problems("qwen3.expert_used_count=int:6", None) == ()
    assert override_kv_problems("qwen3.expert_used_count=6", None)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "'' is no override; write KEY=TYPE:VALUE"),
        ("llama.x", "'llama.x' is no override"),
        ("llama.x=4", "'llama.x=4' is no override"),
        ("=int:4", "'=int:4' is no override"),
        ("llama.x=int:4,", "'' is no override"),
        ("llama.x=INT:4", "there is no type 'INT'"),
        ("llama.x=int:four", "'four' is no int"),
        ("llama.x=int:4.5", "'4.5' is no int"),
        ("llama.x=float:fast", "'fast' is no float"),
        ("llama.x=bool:True", "'True' is no bool; write true or false"),
        ("llama.x=str:" + "x" * 128, "the text is too long"),
        ("llama." + "x" * 122 + "=int:1", "is too long"),
        ("context_length=int:4096", "write llama.context_length"),
    ],
)
def test_a_malformed_override_is_told(value: str, problem: str) -> None:
    (found,) = override_kv_problems(value, header("llama"))
    assert problem in found


def test_an_override_that_the_server_passes_over_is_told() -> None:
    (wrong_type,) = override_kv_problems("qwen3moe.expert_used_count=float:1", MOE)
    assert "is of type int in these weights" in wrong_type
    (typo,) = override_kv_problems("qwen3moe.expert_used_countt=int:1", MOE)
    assert typo.endswith("did you mean qwen3moe.expert_used_count?")
    (twice,) = override_kv_problems("qwen3moe.expert_used_count=int:1,qwen3moe.expert_used_count=int:4", MOE)
    assert "stands twice" in twice


def test_what_an_override_sets_is_known() -> None:
    assert overridden("a.b=float:1,qwen3moe.expert_used_count=int:4", "qwen3moe.expert_used_count") == 4
    assert overridden("qwen3moe.expert_used_count=float:4", "qwen3moe.expert_used_count") is None
    assert overridden("", "x") is None
