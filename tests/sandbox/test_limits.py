import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_polecat import Sandbox
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.sandbox.errors import CandidateError, EndedError, MemoryLimitError, ProtocolError, TimeLimitError
from tests.sandbox.docker_look import containers, gone

CODE = """
import ctypes, os, struct, time
def eat():
    x = []
    while True: x.append(bytearray(10**7))
def loop():
    while True: pass
def nap(): time.sleep(0.4)
def leave(): os._exit(3)
def crash(): ctypes.string_at(0)
def flood(): print("x" * (3 << 20)); return 1
def fill():
    with open("big", "wb") as file:
        while True: file.write(bytes(1 << 20))
def crowd():
    for n in range(1000):
        if os.fork() == 0: time.sleep(100)
def announce(): os.write(3, b"\\xff" * 8); time.sleep(100)
def babble(): os.write(3, struct.pack(">I", 4) + b"what"); time.sleep(100)
def interrupt(): os.kill(1, 2); return 1
def rank(): return os.nice(0)
def push(): os.nice(-1)
"""


@pytest.mark.parametrize(
    ("name", "kind", "mode", "message"),
    [
        ("loop", TimeLimitError, "sandbox_timeout", "a call took longer than 2 s"),
        ("eat", MemoryLimitError, "sandbox_oom", "more than 512 MiB of memory"),
        ("leave", EndedError, "runtime_error", "exit status 3"),
        ("crash", EndedError, "runtime_error", "signal 11"),
        ("announce", ProtocolError, "runtime_error", "a message of 4294967295 bytes"),
        ("babble", ProtocolError, "runtime_error", "no JSON"),
        ("fill", OSError, "runtime_error", "No space left"),
        ("crowd", BlockingIOError, "runtime_error", "temporarily unavailable"),
    ],
)
def test_each_end_is_booked_as_what_it_is(
    sandbox: Sandbox, name: str, kind: type[Exception], mode: str, message: str
) -> None:
    candidate = sandbox.load(CODE, call_timeout=2 if name == "loop" else 20)
    with pytest.raises(kind, match=message) as ended:
        getattr(candidate, name)()
    assert isinstance(ended.value, CandidateError)
    assert FailureMode(ended.value.mode) is FailureMode(mode)
    if kind not in (OSError, BlockingIOError):
        with pytest.raises(kind, match=message):
            candidate.nap()


def test_all_calls_together_have_a_deadline_too(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE, timeout=1.5)
    with pytest.raises(TimeLimitError, match=r"all calls together took longer than 1\.5 s"):
        [candidate.nap() for _ in range(20)]


def test_output_is_cut_and_marked(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE)
    assert candidate.flood() == 1
    assert len(candidate.stdout) == 1 << 20
    assert candidate.output_cut


def test_a_signal_does_not_end_process_1(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE)
    assert candidate.interrupt() == 1
    assert candidate.interrupt() == 1


def test_no_crowd_starves_the_supervisor(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE)
    assert candidate.rank() == 19
    with pytest.raises(PermissionError):
        candidate.push()
    done = sandbox.run(["python3", "-c", "import os; print(os.nice(0))"])
    assert done.stdout == b"19\n"


MAIN = """
import signal, sys, pytest
# Whoever runs in the background may have been told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""
SUITE = """
import pathlib, time
def test_it(sandbox):
    candidate = sandbox.load("def loop():\\n    while True: pass\\ndef add(a, b): return a + b", call_timeout=300)
    assert candidate.add(1, 2) == 3
    pathlib.Path("{ready}").touch()
    {then}
"""


def start(folder: Path, image: str, then: str) -> "subprocess.Popen[bytes]":
    """A pytest of its own with a sandbox, once it has called its candidate."""
    ready = folder / "ready"
    folder.mkdir()
    (folder / "test_suite.py").write_text(SUITE.format(ready=ready, then=then))
    options = ["-q", "-p", "no:cacheprovider", f"--polecat-sandbox-image={image}", "test_suite.py"]
    process = subprocess.Popen([sys.executable, "-c", MAIN, *options], cwd=folder, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("then", ["time.sleep(300)", "candidate.loop()"], ids=["idle", "busy"])
@pytest.mark.parametrize("signal", [9, 15, 2], ids=["killed", "terminated", "interrupted"])
def test_nothing_is_left_of_a_pytest_that_is_ended(host_image: str, tmp_path: Path, signal: int, then: str) -> None:
    with start(tmp_path / "run", host_image, then) as process:
        ids = containers(process.pid)
        assert ids
        process.send_signal(signal)
        # Pytest itself may take longer, to report.
        assert gone(ids, within=2)
        process.wait(60)
        assert not containers(process.pid)


def test_two_runs_at_once_leave_each_others_sandboxes_alone(host_image: str, tmp_path: Path) -> None:
    with start(tmp_path / "one", host_image, "time.sleep(300)") as one:
        ids = containers(one.pid)
        with start(tmp_path / "two", host_image, "candidate.add(1, 1)") as two:
            assert two.wait(60) == 0
        assert ids <= containers(one.pid)
        one.kill()
        one.wait(20)
        assert gone(ids, within=2)
