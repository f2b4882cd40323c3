"""Which tensors a pattern really takes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_polecat.asking.weights.ecmascript import PatternError, compiled
from pytest_polecat.asking.weights.gguf import Tensor, read_weights
from pytest_polecat.asking.weights.overrides import (
    CPU_MOE,
    Rule,
    cpu_moe_of,
    override_tensor,
    rules_of,
    taken,
    untaken_layers,
)
from pytest_polecat.records.text import layers_shown
from tests.asking.weights.gguf_files import mixture, write_gguf

MISSION = r"blk\.([0-2][0-9]|3[0-5])\.ffn_.*_exps\.weight=CPU"
EXPERT_BYTES = 2 * 4 * 32 * 4


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Tensor]:
    return read_weights(write_gguf(tmp_path_factory.mktemp("weights") / "moe.gguf", mixture(40))).tensors


def test_a_pattern_of_two_digits_leaves_out_the_layers_with_one(tensors: Sequence[Tensor]) -> None:
    (override,) = override_tensor(MISSION, tensors)
    assert override.pattern == MISSION.removesuffix("=CPU")
    assert override.buffer == "CPU"
    assert override.layers == tuple(range(10, 36))
    assert override.tensors == 26 * 3
    assert override.size == 26 * 3 * EXPERT_BYTES
    assert layers_shown(override.layers) == "10–35"
    assert layers_shown(untaken_layers([override], tensors)) == "0–9, 36–39"


def test_of_several_patterns_the_first_that_matches_decides(tensors: Sequence[Tensor]) -> None:
    narrow, wide = override_tensor(r"blk\.3\..*exps=CUDA1,exps=CPU", tensors)
    assert (narrow.buffer, narrow.layers, narrow.tensors) == ("CUDA1", (3,), 3)
    assert (wide.buffer, wide.tensors) == ("CPU", 39 * 3)
    assert 3 not in wide.layers
    swallowed = override_tensor(r"exps=CPU,blk\.3\..*exps=CUDA1", tensors)[1]
    assert (swallowed.tensors, swallowed.layers, swallowed.size) == (0, (), 0)


def test_the_same_rule_twice_takes_its_tensors_once(tensors: Sequence[Tensor]) -> None:
    assert [override.tensors for override in taken([CPU_MOE, CPU_MOE], tensors)] == [120, 0]


def test_a_tensor_outside_of_the_layers_is_taken_too(tensors: Sequence[Tensor]) -> None:
    (override,) = override_tensor("^output=CPU", tensors)
    assert (override.tensors, override.layers) == (1, ())


def test_cpu_moe_takes_the_experts_of_all_layers_and_nothing_else(tensors: Sequence[Tensor]) -> None:
    (override,) = taken([CPU_MOE], tensors)
    assert override.layers == tuple(range(40))
    assert override.tensors == 40 * 3
    assert untaken_layers([override], tensors) == ()


def test_n_cpu_moe_takes_the_experts_of_the_first_layers(tensors: Sequence[Tensor]) -> None:
    (override,) = taken(cpu_moe_of(12), tensors)
    assert layers_shown(override.layers) == "0–11"
    assert override.tensors == 12 * 3
    assert cpu_moe_of(0) == ()


def test_layers_of_which_only_other_tensors_are_taken_keep_their_experts(tensors: Sequence[Tensor]) -> None:
    overrides = override_tensor(r"blk\..\.attn_k=CPU", tensors)
    assert overrides[0].layers == tuple(range(10))
    assert untaken_layers(overrides, tensors) == tuple(range(40))


@pytest.mark.parametrize(
    ("layers", "shown"), [((), ""), ((7,), "7"), ((2, 1, 3, 2), "1–3"), ((0, 1, 5, 7, 8), "0–1, 5, 7–8")]
)
def test_layers_are_shown_as_runs(layers: tuple[int, ...], shown: str) -> None:
    assert layers_shown(layers) == shown


def test_a_value_is_cut_at_commas_and_then_at_the_first_equals_sign() -> None:
    assert rules_of("a=CPU,b=CUDA0=x") == (Rule("a", "CPU"), Rule("b", "CUDA0=x"))
    with pytest.raises(PatternError, match=r"'a\{2' of 'a\{2,3\}=CPU' lacks its buffer.*cut at each comma"):
        rules_of("a{2,3}=CPU")


@pytest.mark.parametrize("value", ["", "exps", "exps=", "exps=CPU,"])
def test_a_value_without_a_buffer_is_refused(value: str) -> None:
    with pytest.raises(PatternError, match="write PATTERN=BUFFER"):
        rules_of(value)


# What std::regex_search of libstdc++ gives.
@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("[[:digit:]]{2}", "blk.12.x", True),
        ("[[:digit:]]{2}", "blk.1.x", False),
        ("[^[:alpha:].]", "blk.x", False),
        (r"\d", "blk.٣", False),
        ("[a&&b]", "&", True),
        ("[[]", "a[b", True),
        ("[]]", "]", None),
        ("ffn_(?!up)", "ffn_up", False),
        (r"(a)\1", "aa", True),
        (r"\.", "a", False),
        (r"\Z", "", None),
        ("(?i)A", "a", None),
        ("(?P<n>a)", "a", None),
        ("(?<=a)b", "ab", None),
        ("a*+a", "aa", None),
        ("a{2}+", "aa", None),
        ("a{", "a{", None),
        ("(a", "a", None),
        ("[a", "a", None),
        ("*a", "a", None),
        ("a\\", "a", None),
        ("[[.a.]]", "a", None),
        ("[z-a]", "a", None),
        ("(" * 5000, "a", None),
    ],
)
def test_patterns_are_read_as_the_server_reads_them_or_refused(pattern: str, name: str, matches: bool | None) -> None:
    if matches is None:
        with pytest.raises(PatternError, match="the tensor pattern"):
            compiled(pattern)
    else:
        assert bool(compiled(pattern).search(name)) is matches


def test_a_pattern_that_cannot_be_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(PatternError, match=r"'\(\?i\)exps' has '\(\?i', which regular expressions read in different"):
        rules_of("(?i)exps=CPU")
