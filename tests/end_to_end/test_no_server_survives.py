"""However pytest ends, the model server ends with it: the real server, plain and under xdist."""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.asking.launch.helpers import MARK, marked_processes, until

pytest.importorskip("xllamacpp", reason="the embedded server needs xllamacpp: pip install 'pytest-polecat[demo]'")

SUITE = """
import pathlib, time
import pytest_polecat as polecat

@polecat.question(prompt="What is the capital of Iceland?")
def test_right(reply):
    assert "Reykjav" in reply.text

@polecat.question(prompt="Who knows?")
def test_wrong(reply):
    assert reply.text == "me"

@polecat.question(prompt="What is the capital of Iceland, again?")
def test_waits(reply):
    if pathlib.Path("wait").exists():
        pathlib.Path("waiting").touch()
        while True:
            time.sleep(0.1)

def test_plain_failure():
    assert not pathlib.Path("fail").exists()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_suite.py").write_text(SUITE)
    return tmp_path


@pytest.fixture(params=["plain", "xdist"])
def workers(request: pytest.FixtureRequest) -> list[str]:
    return [] if request.param == "plain" else ["-n2"]


def start(folder: Path, mark: str, *args: str) -> subprocess.Popen[str]:
    options = ["--polecat-model=demo", "--polecat-allow-unproven", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-m", "pytest", *options, *args, "."]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def servers(mark: str) -> list[int]:
    return [pid for pid in marked_processes(mark) if is_server(pid)]


def is_server(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"embedded.server" in command or b"lifeline" in command


@pytest.mark.parametrize(("args", "touch"), [([], None), ([], "fail"), (["-x"], "fail")], ids=["end", "failure", "x"])
def test_after_an_ordinary_end(folder: Path, workers: list[str], args: list[str], touch: str | None) -> None:
    mark = secrets.token_hex(8)
    if touch:
        (folder / touch).touch()
    pytest_process = start(folder, mark, *workers, *args)
    output, _ = pytest_process.communicate(timeout=90)
    assert "report:" in output, output
    assert pytest_process.returncode == (1 if touch and not (args and workers) else 2 if touch else 0), output
    assert not servers(mark)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda kind: kind.name)
def test_after_a_signal(folder: Path, workers: list[str], kind: signal.Signals) -> None:
    mark = secrets.token_hex(8)
    (folder / "wait").touch()
    pytest_process = start(folder, mark, *workers)
    try:
        assert until((folder / "waiting").exists, 60)
        assert servers(mark)
        if kind is signal.SIGINT:
            os.killpg(pytest_process.pid, kind)
        else:
            pytest_process.send_signal(kind)
        pytest_process.communicate(timeout=60)
        assert until(lambda: not servers(mark), 15)
    finally:
        for pid in marked_processes(mark):
            os.kill(pid, signal.SIGKILL)
