"""A round of the soak: a run is killed at random moments and resumed until it is done, and nothing may show it."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_polecat.jsonl import read_log
from pytest_polecat.records.attempt import Key
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.results.summary import paired, summarise
from pytest_polecat.rundir import RunDir
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.labels import PREFIX
from tests.asking.launch.helpers import MARK, marked_processes, until
from tests.fake_server import FakeServer

TIMES = {"finished", "generation_ms", "worker"}
_ENDS_WITHIN = 180
_GONE_WITHIN = 15
_TRIES = 4
"""Sessions without a kill after the last one: a killed worker's question is broken, and the next session's."""


@dataclass(frozen=True)
class Calm:
    """An undisturbed run: seconds it took, its points, and its attempts without what the clock decides."""

    seconds: float
    points: float
    attempts: Mapping[Key, Any]


@dataclass(frozen=True)
class Kept:
    """What a dead session has left: its replies, whole lines of attempts, and how many requests there had been."""

    replies: Mapping[str, bytes]
    lines: bytes
    requests: int


@dataclass
class Ground:
    """A folder with a suite, and the profile that is asked in it; one round takes place in it.

    `image` is the sandboxes' where there are any. What pytest prints goes to `output.txt`.
    """

    folder: Path
    profile: str
    image: str | None
    server: FakeServer
    workers: bool = False
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    owners: set[int] = field(default_factory=set)
    kills: list[str] = field(default_factory=list)

    @property
    def run(self) -> RunDir:
        """The only run there is; one that was killed before it had an identity is none."""
        (run,) = RunDir.all(self.folder / "polecat-runs")
        return run

    @property
    def begun(self) -> bool:
        return bool(RunDir.all(self.folder / "polecat-runs"))

    @property
    def done(self) -> int:
        """Attempts that are finished."""
        return len(list(self.run.attempts())) if self.begun else 0

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text(errors="replace")

    def start(self) -> subprocess.Popen[bytes]:
        """Start pytest: a new run, or the one that was begun."""
        options = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--polecat-allow-unproven"]
        options += [f"--polecat-model={self.profile}", *(["--polecat-resume"] if self.begun else [])]
        options += [f"--polecat-sandbox-image={self.image}"] if self.image else []
        command = [sys.executable, "-m", "pytest", *options, *(["-n2"] if self.workers else []), "."]
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ended(self, process: subprocess.Popen[bytes], within: float) -> bool:
        """Whether it ended by then; meanwhile, take note of who might own containers."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self.owners.update(marked_processes(self.mark))
            try:
                process.wait(min(left, 0.2))
            except subprocess.TimeoutExpired:
                continue
            return True
        return False

    def to_the_end(self) -> int:
        """Run pytest undisturbed; its exit status."""
        process = self.start()
        assert self.ended(process, _ENDS_WITHIN), f"pytest hangs\n{self.output}"
        return process.returncode

    def left_behind(self) -> list[str]:
        """The processes and containers of this round that are there."""
        return [*(_named(pid) for pid in marked_processes(self.mark)), *self._containers()]

    def _containers(self) -> list[str]:
        if self.image is None:
            return []
        with closing(connect()) as client:
            found = client.api.containers(all=True, filters={"label": [f"{PREFIX}.sandbox"]})
        return [f"container {each['Id'][:12]}" for each in found if int(each["Labels"][f"{PREFIX}.pid"]) in self.owners]

    def kept(self) -> Kept:
        """What is kept of the run now."""
        if not self.begun:
            return Kept({}, b"", len(self.server.chats))
        replies = {file.name: file.read_bytes() for file in self.run.path.glob("replies/*.json")}
        lines = self.run.attempts_file.read_bytes() if self.run.attempts_file.exists() else b""
        return Kept(replies, lines[: lines.rfind(b"\n") + 1], len(self.server.chats))

    def calm(self) -> Calm:
        """Run it undisturbed."""
        start = time.monotonic()
        assert self.to_the_end() == 0, self.output
        return Calm(time.monotonic() - start, _points(self.run), _attempts(self.run))


def disturb(ground: Ground, calm: Calm, moments: random.Random) -> None:
    """Kill the run up to three times, resume it until it is done, and check it against an undisturbed one."""
    left: list[Kept] = []
    wanted = moments.randint(1, 3)
    while len(ground.kills) < wanted:
        process = ground.start()
        if _at_a_moment(ground, process, calm, moments):
            if ground.kills:
                break
            shutil.rmtree(ground.folder / "polecat-runs")
            continue
        _kill(ground, process, worker=ground.workers and moments.random() < 1 / 2)
        gone = until(lambda: not ground.left_behind(), _GONE_WITHIN)
        assert gone, f"{ground.left_behind()} outlived pytest after {ground.kills}\n{ground.output}"
        left.append(ground.kept())
    statuses: list[int] = []
    while not statuses or (statuses[-1] != 0 and len(statuses) < _TRIES):
        statuses.append(ground.to_the_end())
    assert statuses[-1] == 0, f"{statuses} after {ground.kills}\n{ground.output}"
    _check(ground, calm, left)


def _at_a_moment(ground: Ground, process: subprocess.Popen[bytes], calm: Calm, moments: random.Random) -> bool:
    """Wait for some moment of the time that the session should take; whether it ended before.

    Every other moment is one after the first attempt, since most of so short a session is its start.
    """
    before = ground.done
    expected = calm.seconds * (1 - before / len(calm.attempts) / 2)
    if moments.random() < 1 / 2:
        until(lambda: ground.done > before or process.poll() is not None, _ENDS_WITHIN)
        expected /= 2
    return ground.ended(process, moments.uniform(0, expected))


def _kill(ground: Ground, process: subprocess.Popen[bytes], *, worker: bool) -> None:
    """Kill pytest, or one of its workers and see it through to its end."""
    workers = [pid for pid in marked_processes(ground.mark) if b"exec(eval(sys.stdin" in _command(pid)]
    victim = workers[-1] if worker and workers else process.pid
    ground.kills.append(f"{'pytest' if victim == process.pid else 'worker'} after {ground.done}")
    os.kill(victim, signal.SIGKILL)
    assert ground.ended(process, _ENDS_WITHIN), f"pytest hangs after {ground.kills}\n{ground.output}"


def _check(ground: Ground, calm: Calm, left: list[Kept]) -> None:
    assert not ground.left_behind()
    run = ground.run
    _check_attempts(run, calm, broken=any("worker" in each for each in ground.kills))
    lines = run.attempts_file.read_bytes()
    for kept in left:
        assert lines.startswith(kept.lines), "attempts of a dead session were changed"
        for name, content in kept.replies.items():
            assert (run.path / "replies" / name).read_bytes() == content, f"the kept reply {name} was asked again"
        known = {_messages(request) for request in _requests(run, kept.replies)}
        again = {_messages(request.body) for request in ground.server.chats[kept.requests :]} & known
        assert not again, "questions were asked again although their replies were kept"


def _check_attempts(run: RunDir, calm: Calm, *, broken: bool) -> None:
    attempts = list(run.attempts())
    assert broken or not any(each.outcome is Outcome.BROKEN for each in attempts)
    counted = Counter(each.key for each in attempts if each.outcome is not Outcome.BROKEN)
    once = dict.fromkeys([case.key for case in run.cases()], 1)
    assert counted == once, f"not once each: {set(counted.items()) ^ set(once.items())}"
    attempted = _attempts(run)
    others = [(attempted.get(key), each) for key, each in calm.attempts.items() if attempted.get(key) != each]
    assert not others, f"{len(others)} attempts differ from those of an undisturbed run, the first: {others[0]}"
    assert _points(run) == calm.points
    assert run.read_run().status == "finished"


def _attempts(run: RunDir) -> dict[Key, Any]:
    return {case.key: each and each.model_dump(exclude=TIMES) for case, each in paired(run.cases(), run.attempts())}


def _points(run: RunDir) -> float:
    (summary,) = summarise(run.cases(), run.attempts(), deselected=0).values()
    assert summary.total.complete
    return summary.total.earned


def _requests(run: RunDir, names: Mapping[str, bytes]) -> list[Mapping[str, Any]]:
    return [line["request"] for name in names for line in read_log(run.path / "replies" / name)]


def _messages(body: Mapping[str, Any]) -> str:
    return str([(message["role"], message["content"]) for message in body["messages"]])


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _named(pid: int) -> str:
    return f"process {pid} {_command(pid)[:200]!r}"
