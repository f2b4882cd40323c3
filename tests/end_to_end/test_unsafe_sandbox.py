"""`--polecat-sandbox=process`: asked for twice, said loudly, graded from outside, and nothing is left of it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.sandbox.processes import LABEL, VARIABLE
from tests.asking.launch.helpers import until
from tests.end_to_end.conftest import Bench
from tests.fake_answers import Body

UNSAFE = "--polecat-sandbox=process"

SUITE = """
import pytest_polecat as polecat


def question(kind):
    @polecat.question(id=kind, prompt=f"Write add(a, b) that is {kind}.", points=2)
    def test_add(reply, sandbox):
        add = sandbox.load(reply.code("python"), call_timeout=2 if kind == "loops" else 20).add
        assert add(2, 3) == 5

    return test_add


for kind in ("right", "wrong", "loops", "eats", "crashes", "forges"):
    globals()[f"test_{kind}"] = question(kind)
"""

CODE = {
    "right": "def add(a, b):\n    return a + b",
    "wrong": "def add(a, b):\n    return a - b",
    "loops": "def add(a, b):\n    while True:\n        pass",
    "eats": "def add(a, b):\n    kept = []\n    while True:\n        kept.append(bytearray(10**7))",
    "crashes": "import ctypes\ndef add(a, b):\n    ctypes.string_at(0)",
    "forges": "class Any:\n    def __eq__(self, other):\n        return True\ndef add(a, b):\n    return Any()",
}

EXPECTED = {
    "right": (Outcome.PASSED, None),
    "wrong": (Outcome.MISSED, FailureMode.TEST_FAILURE),
    "loops": (Outcome.MISSED, FailureMode.SANDBOX_TIMEOUT),
    "eats": (Outcome.MISSED, FailureMode.SANDBOX_OOM),
    "crashes": (Outcome.MISSED, FailureMode.RUNTIME_ERROR),
    "forges": (Outcome.MISSED, FailureMode.WRONG_ANSWER),
}


@pytest.fixture
def coders(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.delenv(VARIABLE, raising=False)
    # A sandbox that is no container must do without Docker.
    monkeypatch.setenv("DOCKER_HOST", f"unix://{bench.folder}/nobody.sock")
    bench.suite(SUITE, "test_adding.py")

    def reply(body: Body) -> str:
        kind = str(body["messages"][-1]["content"]).rsplit(" ", 1)[-1].rstrip(".")
        return f"```python\n{CODE[kind]}\n```"

    bench.server.replies = reply
    return bench


def test_whatever_code_does_is_booked_and_the_danger_is_said(coders: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    result = coders.ask(UNSAFE, "-q")
    assert {name: (each.outcome, each.mode) for name, each in coders.attempts.items()} == EXPECTED
    assert result.ret == 0
    told = [number for number, line in enumerate(result.outlines) if line == f"polecat: {LABEL}"]
    assert len(told) == 2
    assert told[0] == 0
    sandbox = coders.run.read_run().sandbox
    assert sandbox is not None
    assert (sandbox.engine, sandbox.image, sandbox.isolated) == ("process", "", False)
    page = coders.run.report().read_text(encoding="utf-8")
    assert "UNSAFE sandbox: process, not isolated" in page


def test_without_the_variable_it_is_refused_with_what_one_risks(coders: Bench) -> None:
    result = coders.ask(UNSAFE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    [line] = [line for line in result.errlines if line]
    assert f"set {VARIABLE}=1" in line
    assert "code that a model wrote runs as your user on your machine" in line
    assert coders.runs == []


@pytest.mark.parametrize("option", ["image=x", "runtime=runsc"])
def test_what_concerns_containers_is_refused_beside_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    result = pytester.runpytest_subprocess(UNSAFE, f"--polecat-sandbox-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--polecat-sandbox-{option.partition('=')[0]} is for containers*"])


MAIN = """
import signal, sys, pytest
# Whoever runs in the background may have been told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""
BUSY = """
import pathlib, time
CODE = '''
import os, subprocess, sys
def start():
    sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
    return os.getppid(), os.getpid(), subprocess.Popen(sleep, start_new_session=True).pid
def loop():
    while True: pass
'''
def test_it(sandbox):
    candidate = sandbox.load(CODE, call_timeout=300)
    pids = candidate.start()
    pathlib.Path("pids.part").write_text(" ".join(map(str, pids)))
    pathlib.Path("pids.part").rename("pids")
    {then}
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("then", ["time.sleep(300)", "candidate.loop()"], ids=["idle", "busy"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_is_left_of_a_pytest_that_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, then: str
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    (tmp_path / "test_busy.py").write_text(BUSY.replace("{then}", then))
    command = [sys.executable, "-c", MAIN, "-q", "-p", "no:cacheprovider", UNSAFE, "test_busy.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        assert until((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(map(alive, pids))
        process.send_signal(number)
        deadline = time.monotonic() + 2
        while any(map(alive, pids)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.wait(60)
    assert until(lambda: not list(scratch.glob("polecat-sandbox-*")))
