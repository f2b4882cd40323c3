"""A sandbox that the engine loses in the middle of a question: one more try, and never the model's fault."""

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_polecat.records.attempt import Attempt
from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

SUITE = """
import contextlib
import os
import pathlib

import pytest
import pytest_polecat as polecat
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.labels import PREFIX

TRIES = dict.fromkeys(["once", "caught", "twice", "own", "command", "miss"], 0)
CODE = "import time\\ndef add(a, b): return a + b\\ndef wait(): time.sleep(60)"


@pytest.fixture
def table():
    return []


def lose(candidate, kind, times):
    '''The engine loses every sandbox of this process while the candidate is at work.'''
    TRIES[kind] += 1
    if TRIES[kind] > times:
        return
    with contextlib.closing(connect()) as client:
        for each in client.api.containers(filters={"label": f"{PREFIX}.pid={os.getpid()}"}):
            with contextlib.suppress(Exception):
                client.api.remove_container(each["Id"], force=True)
    candidate.wait()


@polecat.question(id="once", prompt="Say blue.", points=2)
def test_once(reply, sandbox, score):
    candidate = sandbox.load(CODE)
    score.award(1, note="loaded")
    lose(candidate, "once", 1)
    assert candidate.add(2, 3) == 5
    score.award(1)


@polecat.question(id="caught", prompt="Say blue.")
@pytest.mark.parametrize("number", [2])
def test_caught(reply, sandbox, number):
    candidate = sandbox.load(CODE)
    result = None
    with contextlib.suppress(Exception):
        lose(candidate, "caught", 1)
        result = candidate.add(number, 3)
    assert result == 5


@polecat.question(id="twice", prompt="Say blue.")
def test_twice(reply, sandbox):
    lose(sandbox.load(CODE), "twice", 2)


@polecat.question(id="own", prompt="Say blue.")
def test_own(reply, sandbox, table):
    lose(sandbox.load(CODE), "own", 1)


@polecat.question(id="miss", prompt="Say blue.")
def test_miss(reply, sandbox):
    lose(sandbox.load(CODE), "miss", 1)
    assert sandbox.load(CODE).add(2, 3) == 6


@polecat.question(id="model", prompt="Say blue.")
def test_model(reply, sandbox):
    code = "import os, signal\\ndef end():\\n    os.kill(-1, signal.SIGKILL)\\n    os.kill(os.getpid(), signal.SIGKILL)"
    sandbox.load(code).end()


@polecat.question(id="plain", prompt="Say blue.")
def test_plain(reply):
    assert reply.text == "blue"
"""


def told(attempt: Attempt) -> tuple[Outcome, FailureMode | None, bool]:
    return attempt.outcome, attempt.mode, "sandbox_retried" in attempt.flags


def test_a_lost_sandbox_costs_the_model_nothing(bench: Bench, host_image: str) -> None:
    bench.suite(SUITE, "test_losing.py")
    bench.server.replies = lambda _: "blue"
    result = bench.ask(f"--polecat-sandbox-image={host_image}")
    found = bench.attempts
    assert {name: told(attempt) for name, attempt in found.items()} == {
        "once": (Outcome.PASSED, None, True),
        "caught": (Outcome.PASSED, None, True),
        "twice": (Outcome.BROKEN, FailureMode.SANDBOX_ERROR, True),
        "own": (Outcome.BROKEN, FailureMode.SANDBOX_ERROR, False),
        "miss": (Outcome.MISSED, FailureMode.TEST_FAILURE, True),
        "model": (Outcome.MISSED, FailureMode.RUNTIME_ERROR, False),
        "plain": (Outcome.PASSED, None, False),
    }
    assert found["once"].earned == 2
    assert "so was the one of the second try" in found["twice"].message
    assert found["own"].message.endswith("may have changed what it takes from elsewhere: table")
    assert result.ret == 1


# Daemons in trouble

CODERS = """
import pytest_polecat as polecat

def question(name):
    @polecat.question(id=name, prompt="Say blue.")
    def test_code(reply, sandbox):
        assert sandbox.load("def add(a, b): return a + b").add(2, 3) == 5
    return test_code

test_one, test_two = question("one"), question("two")

@polecat.question(id="plain", prompt="Say blue.")
def test_plain(reply):
    assert reply.text == "blue"
"""


@pytest.fixture
def coders(bench: Bench) -> Bench:
    bench.suite(CODERS, "test_coding.py")
    bench.server.replies = lambda _: "blue"
    return bench


def check_that_the_others_go_on(coders: Bench, result: pytest.RunResult, why: str) -> None:
    attempts = coders.attempts
    assert result.ret == 1
    assert attempts["plain"].outcome is Outcome.PASSED
    for name in ("one", "two"):
        assert (attempts[name].outcome, attempts[name].mode) == (Outcome.BROKEN, FailureMode.SANDBOX_ERROR)
        assert why in attempts[name].message
        assert "\n" not in attempts[name].message
    if not coders.xdist:
        lines = [line for line in result.outlines if line.startswith("polecat: ") and why in line]
        assert len(lines) == 1


def test_an_image_that_docker_lacks_is_told_and_the_others_go_on(coders: Bench, host_image: str) -> None:
    assert host_image
    result = coders.ask("--polecat-sandbox-image=polecat-test/nosuch:1")
    check_that_the_others_go_on(coders, result, "fetch it: docker pull polecat-test/nosuch:1")


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Docker is looked for; nothing is there yet."""
    with tempfile.TemporaryDirectory() as short:  # as the address of a socket has to be
        monkeypatch.setenv("DOCKER_HOST", f"unix://{short}/docker.sock")
        yield Path(short) / "docker.sock"


def test_a_daemon_that_is_down_is_told_and_the_others_go_on(coders: Bench, address: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(address))
    check_that_the_others_go_on(coders, coders.ask(), "start the daemon: systemctl start docker")


def test_a_daemon_that_hangs_is_told_and_the_others_go_on(coders: Bench, address: Path) -> None:
    coders.suite("from pytest_polecat.sandbox import daemon\ndaemon._HELLO_SECONDS = 0.3\n", "conftest.py")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(address))
        silent.listen(64)
        result = coders.ask()
    check_that_the_others_go_on(coders, result, "the daemon does not answer")


AS_NOBODY = """
import os
from pytest_polecat.sandbox import daemon

def knock(own=daemon._knock):
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)  # root is refused nothing
    try:
        own()
    finally:
        os.seteuid(user)

daemon._knock = knock
"""


def test_a_socket_that_refuses_permission_is_told_and_the_others_go_on(coders: Bench, address: Path) -> None:
    coders.suite(AS_NOBODY, "conftest.py")
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(address))
        closed.listen(8)
        address.chmod(0)
        check_that_the_others_go_on(coders, coders.ask(), "permission denied at its socket")


class Gate:
    """A way to the real daemon that a file closes: then the talks break off, and nobody listens any more.

    Another file freezes it: then nothing that is said arrives.
    """

    def __init__(self, address: Path, closing: Path, frozen: Path) -> None:
        self.closing = closing
        self.frozen = frozen
        self.address = address
        self.over = threading.Event()
        self.open: list[socket.socket] = []
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(address))
        self.door.listen(64)
        self.door.settimeout(0.02)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while not self.over.is_set() and not self.closing.exists():
            with contextlib.suppress(TimeoutError):
                ours, _ = self.door.accept()
                theirs = socket.socket(socket.AF_UNIX)
                theirs.connect("/var/run/docker.sock")
                self.open += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()
        self.door.close()
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                while self.frozen.exists() and not self.over.is_set():
                    self.over.wait(0.02)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def gate(folder: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as short:  # as the address of a socket has to be
        made = Gate(Path(short) / "docker.sock", folder / "dead", folder / "frozen")
        try:
            yield f"unix://{made.address}"
        finally:
            made.over.set()
            made.thread.join()
            for each in made.open:
                each.close()


DYING = CODERS.replace(
    """assert sandbox.load(""",
    """import pathlib
        candidate = sandbox.load("import time\\ndef wait(): time.sleep(60)")
        pathlib.Path("dead").touch()
        candidate.wait()
        assert sandbox.load(""",
)


def test_a_daemon_that_dies_in_the_middle_is_told_and_the_others_go_on(
    coders: Bench, host_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.environ.get("DOCKER_HOST") or not Path("/var/run/docker.sock").exists():
        pytest.skip("Docker is elsewhere")
    coders.suite(DYING, "test_coding.py")
    with gate(coders.folder) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        result = coders.ask(f"--polecat-sandbox-image={host_image}")
    attempts = coders.attempts
    assert result.ret == 1
    assert attempts["plain"].outcome is Outcome.PASSED
    for name in ("one", "two"):
        assert (attempts[name].outcome, attempts[name].mode) == (Outcome.BROKEN, FailureMode.SANDBOX_ERROR)
        assert "start the daemon" in attempts[name].message or "went away" in attempts[name].message


FREEZING = DYING.replace('"dead"', '"frozen"').replace('time.sleep(60)")', 'time.sleep(60)", call_timeout=3)')
IN_A_HURRY = """
from pytest_polecat.sandbox import daemon, pool
daemon._SECONDS = pool._PATIENCE = 2
"""


def test_a_daemon_that_freezes_in_the_middle_is_told_and_the_others_go_on(
    coders: Bench, host_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.environ.get("DOCKER_HOST") or not Path("/var/run/docker.sock").exists():
        pytest.skip("Docker is elsewhere")
    coders.suite(FREEZING, "test_coding.py")
    coders.suite(IN_A_HURRY, "conftest.py")
    with gate(coders.folder) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        result = coders.ask(f"--polecat-sandbox-image={host_image}")
    attempts = coders.attempts
    assert result.ret == 1
    assert attempts["plain"].outcome is Outcome.PASSED
    for name in ("one", "two"):
        assert (attempts[name].outcome, attempts[name].mode) == (Outcome.BROKEN, FailureMode.SANDBOX_ERROR)
        assert "look at the daemon's log" in attempts[name].message or "does not answer" in attempts[name].message
