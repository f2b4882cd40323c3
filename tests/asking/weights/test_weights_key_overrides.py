"""Overrides of metadata that would do nothing, or not what they say."""

import pytest

from pytest_polecat.asking.weights.key_overrides import override_kv_problems


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
    assert override_kv_problems(value, "qwen3moe") == ()


def test_a_key_of_another_architecture_is_told_with_the_right_key() -> None:
    (problem,) = override_kv_problems("qwen3.expert_used_count=int:6", "qwen3moe")
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
    (found,) = override_kv_problems(value, "llama")
    assert problem in found
