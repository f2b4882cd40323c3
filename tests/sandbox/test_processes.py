"""Code in a mere process: the same calls and the same ends as in a container, and nothing is left of it."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_polecat import Sandbox
from pytest_polecat.sandbox.errors import CandidateError, EndedError, ProtocolError, SandboxError, TimeLimitError
from pytest_polecat.sandbox.inside.kernel import kill_below
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.processes import VARIABLE, Process, ProcessEngine
from tests.asking.launch.helpers import until

CODE = """
import ctypes, os, struct, subprocess, sys, time
class Jobs:
    def __init__(self): self.done = []
    def run(self, job): self.done.append(job()); return self.done
class Refused(KeyError): pass
def add(a, b): return a + b
def refuse(): raise Refused("no")
def grow(items): items.append(3)
def count(): yield from range(3)
def say(): print("hello"); print("oops", file=sys.stderr)
def around(): return dict(os.environ), os.getcwd()
def eat():
    x = []
    while True: x.append(bytearray(10**7))
def loop():
    while True: pass
def leave(): os._exit(3)
def crash(): ctypes.string_at(0)
def babble(): os.write(3, struct.pack(">I", 4) + b"what"); time.sleep(100)
def fill():
    with open("big", "wb") as file:
        while True: file.write(bytes(1 << 20))
def orphan():
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    return started.pid
def end_the_supervisor(): os.kill(os.getppid(), 9); time.sleep(100)
def stop_the_supervisor(): os.kill(os.getppid(), 19); return 1
"""


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Process]]:
    """The sandboxes that the test had; in the end, neither their processes nor their folders are left."""
    monkeypatch.setenv(VARIABLE, "1")
    had: list[Process] = []
    yield had
    for each in had:
        assert not Path(f"/proc/{each.id}").exists()
        assert not each.folder.exists()


@pytest.fixture
def sandbox(taken: list[Process]) -> Iterator[Sandbox]:
    pool = Pool(ProcessEngine(), 1)

    def take() -> Process:
        container = pool.take()
        assert isinstance(container, Process)
        taken.append(container)
        return container

    sandbox = Sandbox(take, pool.discard)
    yield sandbox
    sandbox.close()
    pool.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_it_is_called_as_in_a_container(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE)
    assert candidate.add(2, 3) == 5
    assert candidate.add((1,), (None, 2.5)) == (1, None, 2.5)
    assert candidate.Jobs().run(lambda: "made outside") == ["made outside"]
    items = [1, 2]
    candidate.grow(items)
    assert items == [1, 2, 3]
    assert list(candidate.count()) == [0, 1, 2]
    with pytest.raises(candidate.Refused):
        candidate.refuse()
    candidate.say()
    assert (candidate.stdout, candidate.stderr) == ("hello\n", "oops\n")


def test_nothing_of_our_environment_is_there(
    sandbox: Sandbox, taken: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    environment, folder = sandbox.load(CODE).around()
    assert set(environment) == {"HOME", "LANG", "PATH", "TMPDIR"}
    assert folder == str(taken[0].folder / "work")


@pytest.mark.parametrize(
    ("name", "kind", "mode", "message"),
    [
        ("loop", TimeLimitError, "sandbox_timeout", "a call took longer than 2 s"),
        ("eat", MemoryError, "sandbox_oom", "^$"),
        ("leave", EndedError, "runtime_error", "exit status 3"),
        ("crash", EndedError, "runtime_error", "signal 11"),
        ("babble", ProtocolError, "runtime_error", "no JSON"),
        ("fill", OSError, "runtime_error", "File too large"),
        ("end_the_supervisor", EndedError, "runtime_error", "signal 9"),
    ],
)
def test_each_end_is_booked_as_what_it_is(
    sandbox: Sandbox, name: str, kind: type[Exception], mode: str, message: str
) -> None:
    candidate = sandbox.load(CODE, call_timeout=2 if name == "loop" else 20)
    with pytest.raises(kind, match=message) as ended:
        getattr(candidate, name)()
    assert isinstance(ended.value, CandidateError)
    assert ended.value.mode == mode


def test_what_it_started_ends_with_it(sandbox: Sandbox) -> None:
    pid = sandbox.load(CODE).orphan()
    assert alive(pid)
    sandbox.close()
    assert until(lambda: not alive(pid))


def test_a_supervisor_that_was_stopped_ends_all_the_same(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE, call_timeout=1)
    pid = candidate.orphan()
    with pytest.raises(TimeLimitError):
        candidate.stop_the_supervisor()
    sandbox.close()
    assert until(lambda: not alive(pid))


def test_commands_run_with_limits_too(sandbox: Sandbox) -> None:
    done = sandbox.run(["python3", "double.py"], files={"double.py": "print(2 * int(input()))"}, stdin="21\n")
    assert (done.status, done.stdout, done.stderr, done.limited) == (0, b"42\n", b"", None)
    endless = sandbox.run(
        ["python3", "-uc", "import os\nprint(1)\nif os.fork() == 0: os.setsid()\nwhile 1: pass"], timeout=1
    )
    assert (endless.limited, endless.status, endless.stdout) == ("time", -9, b"1\n")


def test_only_descendants_are_killed() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
    parent = f"import subprocess, sys; print(subprocess.Popen({sleep}).pid, flush=True); sys.stdin.read()"
    with (
        subprocess.Popen(sleep) as beside,
        subprocess.Popen([sys.executable, "-c", parent], stdin=-1, stdout=-1, text=True) as above,
    ):
        assert above.stdout is not None
        below = int(above.stdout.readline())
        assert kill_below(above.pid)
        assert until(lambda: not alive(below))
        assert not kill_below(above.pid)
        assert (above.poll(), beside.poll()) == (None, None)
        above.communicate()
        beside.kill()
    assert (above.returncode, beside.returncode) == (0, -signal.SIGKILL)


def test_without_the_variable_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SandboxError, match=re.escape(f"set {VARIABLE}=1")):
        ProcessEngine()
    monkeypatch.setenv(VARIABLE, "0")
    with pytest.raises(SandboxError, match="runs as your user on your machine"):
        ProcessEngine()


def test_one_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(SandboxError, match="a sandbox did not start"):
        ProcessEngine().container()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(SandboxError, match="a sandbox could not be started"):
        ProcessEngine().container()
