"""Reading headers: what is there, what is missing, and what is hostile."""

import os
import struct
import tracemalloc
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.asking.weights import gguf as gguf_module
from pytest_polecat.asking.weights.gguf import GgufError, LongArray, parts_of, read_header, read_weights
from tests.asking.weights.gguf_files import key, mixture, raw, tensor, text, write_gguf

TOKENS = "tokenizer.ggml.tokens"
STRING, ARRAY, U32 = 8, 9, 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    metadata = {
        "general.name": "tiny",
        "llama.block_count": 3,
        "llama.rope.freq_base": 0.5,
        "tokenizer.ggml.add_bos_token": True,
        "llama.attention.head_count_kv": [2, 0, 2],
        TOKENS: [f"token {number}" for number in range(1000)],
    }
    return write_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf", mixture(3), metadata)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return failure(path)


def failure(path: Path, want: Collection[str] = ()) -> str:
    with pytest.raises(GgufError) as caught:
        read_header(path, want)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_the_metadata_is_read(whole: Path) -> None:
    header = read_header(whole)
    assert header.version == 3
    assert header.architecture == "llama"
    assert header.text("general.name") == "tiny"
    assert header.number(".block_count") == 3
    assert header.metadata["llama.rope.freq_base"] == 0.5
    assert header.metadata["tokenizer.ggml.add_bos_token"] is True
    assert header.metadata["llama.attention.head_count_kv"] == (2, 0, 2)


def test_a_long_array_is_read_only_when_asked_for(whole: Path) -> None:
    assert read_header(whole).metadata[TOKENS] == LongArray(element_type=STRING, length=1000)
    tokens = read_header(whole, want=(TOKENS,)).metadata[TOKENS]
    assert isinstance(tokens, tuple)
    assert tokens[999] == "token 999"


def test_the_tensors_fill_the_file_to_its_end(whole: Path) -> None:
    header = read_header(whole)
    assert header.size == whole.stat().st_size
    by_name = {tensor.name: tensor for tensor in header.tensors}
    assert by_name["blk.2.ffn_up_exps.weight"].shape == (32, 4, 2)
    assert by_name["blk.2.ffn_up_exps.weight"].size == 32 * 4 * 2 * 4
    last = max(header.tensors, key=lambda tensor: tensor.offset)
    assert sum(tensor.size for tensor in header.tensors) == last.offset + last.size


def test_version_2_is_read(tmp_path: Path) -> None:
    file = tmp_path / "old.gguf"
    file.write_bytes(raw(version=2, keys=[key("general.architecture", STRING, text("llama"))]))
    assert read_header(file).architecture == "llama"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (b"GG", "is not a GGUF file"),
        (b"PK\x03\x04" + bytes(40), "is not a GGUF file: it begins with b'PK\\x03\\x04'"),
        (b"GGUF\x03\0\0\0", "its header has no end"),
        (raw(version=1), "is GGUF version 1; only 2 and 3 can be read"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is big-endian"),
        (raw(claims=(1 << 60, 0)), "claims 0 keys and 1152921504606846976 tensors"),
        (raw(claims=(0, 1 << 63)), "claims 9223372036854775808 keys"),
        (raw(claims=(0, 2), keys=[key("a", U32, bytes(4))]), "its header has no end"),
        (raw(keys=[key("a", U32, bytes(4))] * 2), "the key 'a' is there twice"),
        (raw(keys=[key("", U32, bytes(4))]), "a key is empty"),
        (raw(keys=[key("a", 77, bytes(4))]), "'a' has the type 77"),
        (raw(keys=[struct.pack("<Q", 2**64 - 8)]), "its header has no end"),
        (raw(keys=[key("a", STRING, struct.pack("<Q", 1 << 62))]), "its header has no end"),
        (raw(keys=[key("a", ARRAY, struct.pack("<IQ", STRING, 1 << 62))]), "'a' claims 4611686018427387904 elements"),
        (raw(keys=[key("a", ARRAY, struct.pack("<IQ", STRING, 600) + bytes(600))]), "its header has no end"),
        (raw(keys=[key("a", ARRAY, struct.pack("<IQ", U32, 600) + bytes(600))]), "its header has no end"),
        (raw(keys=[key("a", ARRAY, struct.pack("<IQIQ", ARRAY, 1, ARRAY, 1) * 99)]), "'a' has the type 9"),
        (raw(keys=[key("general.alignment", U32, struct.pack("<I", 3))]), "general.alignment = 3"),
        (raw(keys=[key("general.alignment", STRING, text("x"))]), "general.alignment = 'x'"),
        (raw(tensors=[tensor("t", [2]), tensor("t", [2], offset=32)]) + bytes(128), "tensor 't' is there twice"),
        (raw(tensors=[tensor("a\nb" * 999, [2])] * 2) + bytes(128), "tensor 'a\\nba\\nb"),
        (raw(tensors=[tensor("t", [1] * 9)]) + bytes(128), "tensor 't' has 9 dimensions"),
        (raw(tensors=[tensor("t", [2**63] * 4)]) + bytes(128), "tensor 't' reaches past the end"),
        (raw(tensors=[tensor("t", [2], offset=2**63)]) + bytes(128), "tensor 't' reaches past the end"),
        (raw(tensors=[tensor("t", [64]), tensor("u", [2], offset=32)]) + bytes(512), "tensor 't' overlaps the next"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_fault(tmp_path: Path, content: bytes, fault: str) -> None:
    assert fault in refused(tmp_path / "broken.gguf", content)


def test_a_download_that_stopped_is_refused_with_the_first_tensor_that_is_missing(whole: Path, tmp_path: Path) -> None:
    message = refused(tmp_path / "cut.gguf", whole.read_bytes()[:-100])
    assert "tensor 'blk.2.ffn_gate_inp.weight' reaches past the end of the file; download it again" in message


def test_bytes_that_are_no_text_are_shown_as_escapes(tmp_path: Path) -> None:
    file = tmp_path / "odd.gguf"
    file.write_bytes(raw(keys=[key("general.name", STRING, text(b"na\xffme"))]))
    assert read_header(file).text("general.name") == "na\\xffme"


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "weights.gguf"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(GgufError, match=r"weights\.gguf (can't be read|is not a file)"):
        read_header(path)


def test_a_header_is_looked_for_at_the_beginning_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_module, "_HEADER_AT_MOST", 1 << 16)
    file = tmp_path / "sparse.gguf"
    with file.open("wb") as out:
        out.write(raw(keys=[key("a", ARRAY, struct.pack("<IQ", STRING, 1 << 34))]))
        out.truncate(1 << 36)
    assert "its header has no end" in failure(file)


def test_what_a_header_claims_costs_no_memory(tmp_path: Path) -> None:
    claims = [
        key("a", STRING, struct.pack("<Q", 1 << 35)),
        key("a", ARRAY, struct.pack("<IQ", STRING, 1 << 35) + text("x") * 100 + b"\xff" * 8),
        key("a", ARRAY, struct.pack("<IQ", U32, 1 << 35)),
    ]
    for claim in claims:
        file = tmp_path / "claims.gguf"
        with file.open("wb") as out:
            out.write(raw(keys=[claim]))
            out.truncate(1 << 36)
        tracemalloc.start()
        try:
            assert "its header has no end" in failure(file, want=("a",))
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


@settings(max_examples=300, deadline=None, database=None)
@given(data=st.data())
def test_no_damage_ends_in_anything_but_an_answer_or_a_clear_error(data: st.DataObject, whole: Path) -> None:
    content = bytearray(whole.read_bytes()[:3000] + whole.read_bytes()[-3000:])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = whole.with_name("damaged.gguf")
    file.write_bytes(content[: data.draw(st.integers(4, len(content)))])
    try:
        read_header(file, want=(TOKENS,))
    except GgufError as error:
        assert str(file) in str(error)  # noqa: PT017


@pytest.fixture
def split(tmp_path: Path) -> list[Path]:
    write_gguf(tmp_path / "big.gguf", mixture(2), {"general.name": "big"}, parts_of=7)
    parts = sorted(tmp_path.glob("big-*.gguf"))
    assert [part.name for part in parts] == [f"big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    return parts


def test_all_parts_of_split_weights_are_read_as_one(split: list[Path]) -> None:
    assert parts_of(split[0]) == tuple(split)
    header = read_weights(split[0])
    assert {tensor.name for tensor in header.tensors} == set(mixture(2))
    assert header.size == sum(part.stat().st_size for part in split)
    assert header.parts == tuple(split)
    assert header.text("general.name") == "big"


def test_weights_in_one_file_are_their_only_part(whole: Path) -> None:
    assert parts_of(whole) == (whole,)
    assert read_weights(whole) == read_header(whole)


def test_a_missing_part_is_named(split: list[Path]) -> None:
    split[1].unlink()
    with pytest.raises(GgufError, match=r"part 2 of 3 is missing; put big-00002-of-00003\.gguf beside it"):
        read_weights(split[0])


def test_another_part_than_the_first_is_refused(split: list[Path]) -> None:
    with pytest.raises(GgufError, match=r"not the first of its 3 parts; name big-00001-of-00003\.gguf"):
        parts_of(split[2])


def test_a_part_by_another_name_is_refused(split: list[Path]) -> None:
    with pytest.raises(GgufError, match=r"give it back its name, NAME-00001-of-00003\.gguf"):
        parts_of(split[0].rename(split[0].with_name("mine.gguf")))


def test_parts_of_different_weights_are_refused(split: list[Path]) -> None:
    split[1].write_bytes(split[2].read_bytes())
    with pytest.raises(GgufError, match=r"big-00002-of-00003\.gguf is not part 2"):
        read_weights(split[0])
