"""One profile, one hash: whoever runs it, wherever the weights are, but not whatever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.binary.helpers import SUITE, Identity
from tests.end_to_end.conftest import Bench


def test_the_same_weights_give_the_same_hash_wherever_they_are(
    plain: Bench, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.suite(SUITE)
    plain.profile("tiny", 'model = "small.gguf"\nargs = {ctx-size = 4096, threads = 1}')
    whole = (weights / "small.gguf").read_bytes()
    copied, changed = tmp_path / "copied", tmp_path / "changed"
    # The last bits of a number of the last matrix.
    for folder, content in ((copied, whole), (changed, whole[:-4] + bytes([whole[-4] ^ 1]) + whole[-3:])):
        folder.mkdir()
        (folder / "small.gguf").write_bytes(content)
    found = []
    for folder in (weights, copied, changed):
        monkeypatch.setenv("POLECAT_MODELS_DIR", str(folder))
        assert plain.ask(model="tiny").ret == 0
        newest = max(plain.runs, key=lambda run: (run.path / "run.json").stat().st_mtime_ns)
        found.append(Identity.of(newest, "tiny"))
    first, copy, other = found
    assert first.run.hash == copy.run.hash != other.run.hash
    assert first.weights.sha256 == copy.weights.sha256 != other.weights.sha256
    assert copy.weights.path == str(copied / "small.gguf")
