"""A disk that is full while a run is recorded: a clear stop, and a run that can be read and gone on with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_polecat.sandbox.processes import VARIABLE
from tests.end_to_end.conftest import Bench
from tests.end_to_end.test_engine import many
from tests.end_to_end.test_resume import final

_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Path]:
    """The folder of runs on a file system of 400 KB."""
    folder = bench.folder / "polecat-runs"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def resized(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


@_root
def test_a_full_disk_stops_the_run_clearly_and_it_can_be_gone_on_with(bench: Bench, small_disk: Path) -> None:
    bench.suite(many(150))
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret != 0
    told = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    assert "No space left on device" in told
    assert "make room, and go on with --polecat-resume" in told
    assert {attempt.outcome for attempt in bench.run.attempts()} == {"passed"}
    assert not list(small_disk.glob("*/replies/.*"))
    graded = len(list(bench.run.attempts()))
    kept = len(list(small_disk.glob("*/replies/*.json")))
    assert 0 < graded <= kept < 150

    resized(small_disk, "8m")
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert len(bench.server.chats) <= 150 - kept + 1
    assert all(attempt is not None for attempt in final(bench.run).values())
    assert len(list(bench.run.attempts())) == 150


@_root
@pytest.mark.parametrize("size", ["4k", "40k", "96k"])
def test_a_run_that_finds_no_room_to_begin_in_is_refused_in_one_line(bench: Bench, small_disk: Path, size: str) -> None:
    resized(small_disk, size)
    bench.suite(many(150))
    result = bench.ask()
    told = result.stdout.lines + result.stderr.lines
    assert result.ret in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED}
    assert any("can't begin the run" in line and "No space left on device" in line for line in told)
    assert not any("Traceback" in line or "INTERNALERROR" in line for line in told)
    assert not [path for path in small_disk.iterdir() if path.is_dir()]


@_root
def test_a_replay_that_finds_no_room_stops_as_clearly(bench: Bench, small_disk: Path) -> None:
    bench.suite(many(150))
    bench.server.replies = lambda _: "fine"
    assert bench.ask("--polecat-runs=kept").ret == 0
    (kept,) = (bench.folder / "kept").glob("*/")
    result = bench.ask(f"--polecat-replay={kept}")
    told = result.stdout.str() + result.stderr.str()
    assert result.ret != 0
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    assert "No space left on device" in told
    assert 0 < len(list(bench.run.attempts())) < 150
    assert all(attempt.outcome == "passed" for attempt in bench.run.attempts())


FULL = """
import errno, os, pytest_polecat.{module} as module

def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

module.{name} = full
"""

CODE = """
import pytest_polecat as polecat

@polecat.question(id="code", prompt="Write add.")
def test_add(reply, sandbox):
    sandbox.load(reply.code("python"))
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("rundir", "RunDir.write_sandbox"),
        ("asking.launch.keeper", "write_state"),
    ],
)
def test_a_disk_that_fills_up_at_the_start_is_said_to_be_full(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    bench.suite(FULL.format(module=module, name=name), "conftest.py")
    bench.suite(CODE, "test_code.py")
    result = bench.ask("--polecat-sandbox=process")
    told = result.stdout.str() + result.stderr.str()
    assert result.ret in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED}
    assert "can't be written: No space left on device" in told or "can't be written: the controller could not" in told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    assert not [attempt for run in bench.runs for attempt in run.attempts()]
    assert not bench.server.chats


@_root
@pytest.mark.parametrize("inodes", [8, 9])
def test_a_disk_without_room_for_one_more_file_is_said_to_be_full(bench: Bench, small_disk: Path, inodes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,nr_inodes={inodes}", small_disk], check=True)
    bench.suite(many(5))
    result = bench.ask()
    told = result.stdout.str() + result.stderr.str()
    assert result.ret in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED}
    assert "No space left on device" in told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told


def test_a_resumption_that_finds_no_room_keeps_the_run(bench: Bench) -> None:
    bench.suite(many(5))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    attempts = bench.run.attempts_file.read_bytes()
    bench.suite(FULL.format(module="rundir", name="RunDir.write_run"), "conftest.py")
    result = bench.ask("--polecat-resume")
    assert result.ret in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED}
    assert "can't begin the run" in result.stdout.str() + result.stderr.str()
    assert bench.run.attempts_file.read_bytes() == attempts
    (bench.folder / "conftest.py").unlink()
    assert bench.ask("--polecat-resume").ret == 0
