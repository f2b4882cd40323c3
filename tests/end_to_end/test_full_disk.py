"""A disk that is full while a run is recorded: a clear stop, and a run that can be read and gone on with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Bench
from tests.end_to_end.test_engine import many
from tests.end_to_end.test_resume import final

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Path]:
    """The folder of runs on a file system of 400 KB."""
    folder = bench.folder / "polecat-runs"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_the_run_clearly_and_it_can_be_gone_on_with(bench: Bench, small_disk: Path) -> None:
    bench.suite(many(150))
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret != 0
    told = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    if not bench.xdist:
        assert "No space left on device" in told
        assert "make room, and go on with --polecat-resume" in told
    assert not list(small_disk.glob("*/replies/.*"))
    graded = len(list(bench.run.attempts()))
    kept = len(list(small_disk.glob("*/replies/*.json")))
    assert 0 < graded <= kept < 150

    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert len(bench.server.chats) <= 150 - kept + 1
    assert all(attempt is not None for attempt in final(bench.run).values())
    assert len(list(bench.run.attempts())) == 150
