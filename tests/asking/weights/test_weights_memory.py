"""Memory needed, as far as a header tells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.asking.weights.gguf import Header, read_weights
from pytest_polecat.asking.weights.memory import estimate, host_memory_free
from pytest_polecat.asking.weights.overrides import CPU_MOE, cpu_moe_of, rules_of
from pytest_polecat.errors import PolecatError
from tests.asking.weights.gguf_files import mixture, write_gguf

EMBEDDING = 8 * 32 * 4
LAYER = 4 * 32 * 32 * 4 + 3 * 2 * 4 * 32 * 4 + 2 * 32 * 4
EXPERTS = 3 * 2 * 4 * 32 * 4
TOKEN = 2 * (16 + 16) * 2
"""The bytes of one token in the cache of one layer, in f16."""

DIMENSIONS = {
    "llama.block_count": 4,
    "llama.context_length": 4096,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
}


def header(folder: Path, shapes: Mapping[str, tuple[int, ...]] | None = None, **more: Any) -> Header:
    metadata = DIMENSIONS | {f"llama.{key.replace('__', '.')}": value for key, value in more.items()}
    return read_weights(write_gguf(folder / "m.gguf", mixture(4) if shapes is None else shapes, metadata))


def test_with_all_layers_offloaded_only_the_embedding_stays_on_the_host(tmp_path: Path) -> None:
    needed = estimate(header(tmp_path), ctx_size=1024)
    assert (needed.device_weights, needed.host_weights) == (4 * LAYER + EMBEDDING, EMBEDDING)
    assert (needed.device_cache, needed.host_cache) == (4 * 1024 * TOKEN, 0)
    assert needed.device == needed.device_weights + needed.device_cache
    assert needed.host == EMBEDDING


@pytest.mark.parametrize(("offloaded", "layers"), [(1, 0), (2, 1), (4, 3), (5, 4), (99, 4)])
def test_the_output_is_offloaded_first_and_then_layers_from_the_last(
    tmp_path: Path, offloaded: int, layers: int
) -> None:
    needed = estimate(header(tmp_path), gpu_layers=offloaded, ctx_size=256)
    assert needed.device_weights == layers * LAYER + EMBEDDING
    assert needed.device_cache == layers * 256 * TOKEN
    assert needed.host_cache == (4 - layers) * 256 * TOKEN


def test_nothing_is_offloaded_with_no_layers(tmp_path: Path) -> None:
    needed = estimate(header(tmp_path), gpu_layers=0, ctx_size=256)
    assert needed.device == 0
    assert needed.host_weights == 4 * LAYER + 2 * EMBEDDING


def test_an_embedding_that_is_the_output_too_is_loaded_twice(tmp_path: Path) -> None:
    shapes = {name: shape for name, shape in mixture(4).items() if name != "output.weight"}
    weights = header(tmp_path, shapes)
    needed = estimate(weights)
    assert (needed.device_weights, needed.host_weights) == (4 * LAYER + EMBEDDING, EMBEDDING)
    assert estimate(weights, gpu_layers=0).host_weights == 4 * LAYER + EMBEDDING


def test_overridden_tensors_move_to_the_host_and_their_cache_stays(tmp_path: Path) -> None:
    weights = header(tmp_path)
    plain, moved = estimate(weights), estimate(weights, overrides=[CPU_MOE])
    assert plain.device_weights - moved.device_weights == moved.host_weights - plain.host_weights == 4 * EXPERTS
    assert moved.device_cache == plain.device_cache
    half = estimate(weights, overrides=cpu_moe_of(2))
    assert plain.device_weights - half.device_weights == 2 * EXPERTS
    back = estimate(weights, overrides=rules_of(r"blk\.0\..*exps=CUDA0,exps=CPU"))
    assert plain.device_weights - back.device_weights == 3 * EXPERTS


@pytest.mark.parametrize(
    ("ctx_size", "parallel", "unified", "tokens"),
    [
        (1000, 1, False, 1024),
        (1024, 3, False, 3 * 512),
        (1024, 4, True, 1024),
        (None, 1, False, 4096),
        (None, 2, False, 2 * 4096),
        (None, 4, True, 4096),
        (188000, 1, False, 188160),
    ],
)
def test_slots_round_up_to_256_tokens(
    tmp_path: Path, ctx_size: int | None, parallel: int, unified: bool, tokens: int
) -> None:
    needed = estimate(header(tmp_path), ctx_size=ctx_size, parallel=parallel, unified=unified)
    assert needed.device_cache == 4 * tokens * TOKEN


@pytest.mark.parametrize(
    ("keys", "values", "bytes_of_32"),
    [
        ("f32", "f32", 256),
        ("bf16", "f16", 128),
        ("q8_0", "q8_0", 68),
        ("q8_0", "q4_0", 52),
        ("q5_1", "iq4_nl", 42),
        ("q5_0", "q4_1", 42),
    ],
)
def test_the_types_of_the_cache_decide_its_size(tmp_path: Path, keys: str, values: str, bytes_of_32: int) -> None:
    needed = estimate(header(tmp_path), ctx_size=256, cache_type_k=keys, cache_type_v=values)
    assert needed.device_cache == 4 * 256 * bytes_of_32


def test_an_unknown_cache_type_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(PolecatError, match="no cache type 'q6_k'; write one of f32, f16"):
        estimate(header(tmp_path), cache_type_k="q6_k")


def test_the_cache_can_be_kept_on_the_host(tmp_path: Path) -> None:
    needed = estimate(header(tmp_path), ctx_size=256, offload_cache=False)
    assert (needed.device_cache, needed.host_cache) == (0, 4 * 256 * TOKEN)


def test_heads_may_differ_by_layer_and_their_length_may_be_given(tmp_path: Path) -> None:
    weights = header(
        tmp_path, attention__head_count_kv=[2, 0, 2, 1], attention__key_length=32, attention__value_length=8
    )
    assert estimate(weights, ctx_size=256).device_cache == 256 * 5 * (32 + 8) * 2


def test_recurrent_layers_have_no_cache_of_keys_and_values(tmp_path: Path) -> None:
    shapes = {
        "blk.0.attn_qkv.weight": (32, 32),
        "blk.0.ssm_out.weight": (32, 32),
        "blk.1.attn_qkv.weight": (32, 32),
        "blk.2.ssm_in.weight": (32, 32),
        "blk.3.attn_k.weight": (32, 32),
        "blk.3.ssm_in.weight": (32, 32),
    }
    needed = estimate(header(tmp_path, shapes), ctx_size=256)
    assert needed.device_cache == 2 * 256 * TOKEN
    assert "not counted: the state of recurrent layers" in needed.notes


def test_layers_that_share_the_cache_of_others_have_none(tmp_path: Path) -> None:
    assert estimate(header(tmp_path, attention__shared_kv_layers=3), ctx_size=256).device_cache == 256 * TOKEN


def test_latent_attention_keeps_one_compressed_vector(tmp_path: Path) -> None:
    shapes = {f"blk.{layer}.attn_kv_a_mqa.weight": (32, 32) for layer in range(4)}
    dimensions = {"attention__kv_lora_rank": 512, "rope__dimension_count": 64, "attention__key_length_mla": 192}
    assert estimate(header(tmp_path, shapes, **dimensions), ctx_size=256).device_cache == 4 * 256 * 576 * 2


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    notes = estimate(header(tmp_path)).notes
    assert [note.split(":")[0] for note in notes] == ["not counted"]
    notes = estimate(header(tmp_path, attention__sliding_window=128, nextn_predict_layers=1)).notes
    assert [note.split(":")[0] for note in notes] == ["at most", "at most", "not counted"]


def test_the_free_memory_of_this_machine_is_read() -> None:
    free = host_memory_free()
    assert free is None or free > 1 << 20
