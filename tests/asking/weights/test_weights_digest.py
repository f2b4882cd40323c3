"""The hash of weights, and how long it is believed."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_polecat.asking.weights import digest as digest_module
from pytest_polecat.asking.weights.digest import cached_sha256, sha256_of
from pytest_polecat.errors import PolecatError

LATER = 2_000_000_000_000_000_000


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / "cache" / "polecat" / "weights" / "sha256.json"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "weights.gguf"
    file.write_bytes(os.urandom(100_000))
    return file


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Path]]:
    """What was hashed in earnest."""
    done: list[Sequence[Path]] = []
    compute = digest_module._computed

    def spy(files: Sequence[Path]) -> str:
        done.append(files)
        return compute(files)

    monkeypatch.setattr(digest_module, "_computed", spy)
    return done


def real(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def test_a_file_is_hashed_once(weights: Path, computed: list[Sequence[Path]]) -> None:
    assert cached_sha256(weights) is None
    assert sha256_of(weights) == sha256_of(weights) == cached_sha256(weights) == real(weights)
    assert len(computed) == 1


def test_all_parts_are_hashed_one_after_another(weights: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.gguf"
    second.write_bytes(b"more")
    assert sha256_of([weights, second]) == cached_sha256([weights, second]) == real(weights, second)
    assert cached_sha256(weights) is None
    assert cached_sha256([second, weights]) is None


def test_a_file_that_was_touched_is_hashed_anew(weights: Path, computed: list[Sequence[Path]]) -> None:
    sha256_of(weights)
    os.utime(weights, ns=(LATER, LATER))
    assert cached_sha256(weights) is None
    sha256_of(weights)
    assert len(computed) == 2


def test_other_content_has_another_hash(weights: Path) -> None:
    before = sha256_of(weights)
    weights.write_bytes(weights.read_bytes() + b"!")
    assert sha256_of(weights) == real(weights) != before


def test_a_file_that_changes_while_it_is_read_is_refused_and_not_kept(
    weights: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    compute = digest_module._computed

    def compute_and_change(files: Sequence[Path]) -> str:
        found = compute(files)
        os.utime(weights, ns=(LATER, LATER))
        return found

    monkeypatch.setattr(digest_module, "_computed", compute_and_change)
    with pytest.raises(PolecatError, match=r"weights\.gguf was changed while it was read; wait until it is complete"):
        sha256_of(weights)
    assert not cache.exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"a": 1}', "[" * 10_000, b"\xff\xfe", '{"PATH": {"files": 1}}']
)
def test_a_damaged_cache_is_replaced(weights: Path, cache: Path, content: str | bytes) -> None:
    cache.parent.mkdir(parents=True)
    text = content.replace("PATH", str(weights)) if isinstance(content, str) else content
    cache.write_bytes(text.encode() if isinstance(text, str) else text)
    assert sha256_of(weights) == cached_sha256(weights) == real(weights)


def test_a_cache_that_cannot_be_written_costs_only_time(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[Sequence[Path]]
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "cache"))
    assert sha256_of(weights) == sha256_of(weights) == real(weights)
    assert len(computed) == 2


def test_processes_that_hash_at_once_leave_a_cache_that_can_be_read(tmp_path: Path, cache: Path) -> None:
    files = [tmp_path / f"{number}.gguf" for number in range(3)]
    for file in files:
        file.write_bytes(os.urandom(1000))
    code = (
        "import sys; from pathlib import Path; from pytest_polecat.asking.weights.digest import sha256_of\n"
        "print(*[sha256_of(Path(file)) for file in sys.argv[1:]])"
    )
    command = [sys.executable, "-c", code, *map(str, files)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = [process.communicate()[0].split() for process in running]
    assert printed == [[real(file) for file in files]] * 3
    assert [file.name for file in cache.parent.iterdir()] == ["sha256.json"]
    assert cached_sha256(files[2]) == real(files[2])


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert cached_sha256(tmp_path / "none.gguf") is None
    with pytest.raises(PolecatError, match=r"none\.gguf can't be read: No such file"):
        sha256_of(tmp_path / "none.gguf")
