"""The record of weights."""

from pathlib import Path

import gguf
import pytest

from pytest_polecat.asking.weights.metadata import describe_weights, quant_in
from pytest_polecat.asking.weights.overrides import CPU_MOE
from tests.asking.launch.helpers import CHATML, write_random_model
from tests.asking.weights.gguf_files import mixture, write_gguf

METADATA = {
    "general.name": "Tiny A1B",
    "general.file_type": int(gguf.LlamaFileType.MOSTLY_Q4_K_M),
    "llama.block_count": 2,
    "llama.expert_count": 2,
    "llama.expert_used_count": 1,
    "llama.context_length": 4096,
    "tokenizer.chat_template": CHATML,
}


def test_weights_are_described_by_their_header(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", mixture(2), METADATA)
    weights = describe_weights(file, [CPU_MOE])
    assert weights.path == str(file)
    assert weights.size == file.stat().st_size
    assert (weights.name, weights.architecture, weights.quant) == ("Tiny A1B", "llama", "Q4_K_M")
    assert (weights.layers, weights.experts, weights.experts_used, weights.context) == (2, 2, 1, 4096)
    assert weights.parameters == 2 * 8 * 32 + 2 * (4 * 32 * 32 + 3 * 2 * 4 * 32 + 2 * 32)
    assert weights.template_hash == "25857c0add5e9d08"
    assert weights.mtp is False
    assert weights.parts == 1
    assert weights.sha256 is None
    assert [override.layers for override in weights.overrides] == [(0, 1)]


def test_what_the_header_leaves_out_stays_unknown(tmp_path: Path) -> None:
    weights = describe_weights(write_gguf(tmp_path / "bare.gguf", {"x": (2, 2)}))
    assert (weights.name, weights.quant, weights.layers, weights.experts, weights.template_hash) == (None,) * 5


def test_a_model_that_serves_is_described(tmp_path: Path) -> None:
    weights = describe_weights(write_random_model(tmp_path / "random.gguf"))
    assert (weights.name, weights.architecture, weights.context, weights.layers) == ("random", "llama", 65536, 1)


def test_layers_for_multi_token_prediction_are_seen(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "mtp.gguf", {**mixture(1), "blk.1.nextn.eh_proj.weight": (32, 64)}, METADATA)
    assert describe_weights(file).mtp is True


def test_split_weights_are_described_as_a_whole(tmp_path: Path) -> None:
    whole = describe_weights(write_gguf(tmp_path / "one.gguf", mixture(2), METADATA))
    write_gguf(tmp_path / "Tiny-UD-Q4_K_XL.gguf", mixture(2), METADATA, parts_of=8)
    parts = sorted(tmp_path.glob("Tiny-*.gguf"))
    weights = describe_weights(parts[0])
    assert len(parts) == weights.parts == 3
    assert weights.parameters == whole.parameters
    assert weights.size == sum(part.stat().st_size for part in parts)
    assert weights.quant == "UD-Q4_K_XL"


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("Qwen3.6-35B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Qwen3.5-9B-IQ4_NL.gguf", "IQ4_NL"),
        ("Qwen3.5-27B-UD-IQ2_M-00001-of-00002.gguf", "UD-IQ2_M"),
        ("model.q8_0.gguf", "Q8_0"),
        ("gpt-oss-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("x-IQ3_XXS.gguf", "IQ3_XXS"),
        ("x.i1-Q6_K.gguf", "Q6_K"),
        ("x-Q2_K_L.gguf", "Q2_K_L"),
        ("mmproj-F16.gguf", "F16"),
        ("x-BF16.gguf", "BF16"),
        ("x-TQ1_0.gguf", "TQ1_0"),
        ("Q-7b.gguf", None),
        ("x-XQ4_0Y.gguf", None),
        ("model.gguf", None),
    ],
)
def test_the_quantisation_is_read_from_the_name(name: str, quant: str | None) -> None:
    assert quant_in(name) == quant
