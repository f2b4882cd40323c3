"""Why a draft does not fit its target."""

from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.asking.weights.drafts import draft_problems
from pytest_polecat.asking.weights.gguf import GgufError
from tests.asking.weights.gguf_files import write_gguf

TOKENS = [f"t{number}" for number in range(700)]


def vocabulary(path: Path, tokens: list[str] = TOKENS, model: str = "gpt2", **more: Any) -> Path:
    metadata = {"model": model, "pre": "qwen2", "tokens": tokens, **more}
    return write_gguf(path, {"x": (2, 2)}, {f"tokenizer.ggml.{key}": value for key, value in metadata.items()})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return vocabulary(tmp_path / "target.gguf")


def problems(target: Path, **draft: Any) -> tuple[str, ...]:
    return draft_problems(target, vocabulary(target.with_name("draft.gguf"), **draft))


def test_the_same_vocabulary_fits(target: Path) -> None:
    assert problems(target) == ()


def test_a_vocabulary_that_is_longer_by_128_fits_and_by_129_does_not(target: Path) -> None:
    assert problems(target, tokens=[*TOKENS, *(f"more {number}" for number in range(128))]) == ()
    (problem,) = problems(target, tokens=[*TOKENS, *(f"more {number}" for number in range(129))])
    assert problem == "the target's vocabulary has 700 tokens, the draft's 829: more than 128 apart"


def test_the_first_five_tokens_may_differ(target: Path) -> None:
    assert problems(target, tokens=[*"abcde", *TOKENS[5:]]) == ()
    (problem,) = problems(target, tokens=[*"abcdef", *TOKENS[6:]])
    assert problem == "token 5 is 't5' in the target's vocabulary, 'f' in the draft's"


def test_texts_are_compared_up_to_their_first_null_character(target: Path) -> None:
    assert problems(target, tokens=[*TOKENS[:9], "t9\0more", *TOKENS[10:]]) == ()


def test_another_type_of_vocabulary_is_the_only_problem_told(target: Path) -> None:
    assert problems(target, tokens=["x"] * 9, model="llama") == (
        "the target's vocabulary is of type BPE, the draft's of type SPM",
    )


def test_another_first_token_is_told_with_both_texts(tmp_path: Path) -> None:
    target = vocabulary(tmp_path / "target.gguf", add_bos_token=True, bos_token_id=650)
    assert problems(target, add_bos_token=True, bos_token_id=650) == ()
    # The default of such vocabularies is 11.
    assert problems(target, add_bos_token=True) == (
        "the target begins every prompt with the BOS token 650 ('t650'), the draft with 11 ('t11')",
    )
    assert problems(target) == ("the target begins every prompt with the BOS token 650 ('t650'), the draft with none",)


def test_a_first_token_that_is_not_added_may_differ(target: Path) -> None:
    assert problems(target, add_bos_token=False, bos_token_id=3) == ()


def test_another_last_token_is_told(tmp_path: Path) -> None:
    target = vocabulary(tmp_path / "target.gguf", add_eos_token=True, eos_token_id=6)
    assert problems(target, add_eos_token=True, eos_token_id=7) == (
        "the target ends every prompt with the EOS token 6 ('t6'), the draft with 7 ('t7')",
    )


def test_defaults_of_the_engine_stand_in_for_what_a_header_leaves_out(target: Path) -> None:
    (problem,) = problems(target, pre="llama-bpe")
    assert problem == "the target begins every prompt with the BOS token none, the draft with 11 ('t11')"


def test_an_id_beyond_the_vocabulary_is_no_id(tmp_path: Path) -> None:
    target = vocabulary(tmp_path / "target.gguf", model="t5", add_bos_token=True, bos_token_id=9999)
    assert problems(target, model="t5", add_bos_token=True, bos_token_id=2) == (
        "the target begins every prompt with the BOS token none that exists, the draft with 2 ('t2')",
    )


def test_a_file_without_a_vocabulary_is_refused(target: Path) -> None:
    bare = write_gguf(target.with_name("bare.gguf"), {"x": (2, 2)})
    with pytest.raises(GgufError, match=r"bare\.gguf has no vocabulary"):
        draft_problems(target, bare)
