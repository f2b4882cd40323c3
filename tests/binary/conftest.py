"""What the tests of the real llama-server share. $POLECAT_LLAMA_SERVER names it; `make test-binary` builds one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_polecat.asking.launch import builtin_launchers
from pytest_polecat.asking.launch.binary.program import VARIABLE, find_program, probe
from pytest_polecat.asking.launch.keeper import Servers
from pytest_polecat.records.profile import Profile
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import MARK, marked_processes, until
from tests.binary.helpers import Machine, make_weights
from tests.end_to_end.conftest import Bench
from tests.fake_server import FakeServer

Keep = Callable[..., Servers]


@pytest.fixture(scope="session", autouse=True)
def machine() -> Machine:
    """The program to test."""
    if not os.environ.get(VARIABLE):
        missing = f"{VARIABLE} names no llama-server: run make test-binary, which builds one"
        if os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    program = find_program(None, None)
    return Machine(program, probe(program))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Path:
    """The folder of the weights; nobody may change what is in it."""
    pytest.importorskip("gguf", reason="making weights needs the extra demo")
    folder = tmp_path_factory.mktemp("weights")
    make_weights(folder)
    return folder


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> Iterator[str]:
    """Marks everything that the test starts; no process may survive the test."""
    mark = secrets.token_hex(8)
    monkeypatch.setenv(MARK, mark)
    yield mark
    assert until(lambda: not marked_processes(mark)), f"left behind: {marked_processes(mark)}"


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    planned = RunDir.planned(tmp_path / "runs")
    planned.make()
    return planned


@pytest.fixture
def keep(weights: Path, run: RunDir) -> Iterator[Keep]:
    """Makes a keeper of these profiles' servers; it is stopped at the end."""
    kept: list[Servers] = []

    def make(*profiles: Profile) -> Servers:
        kept.append(Servers({each.name: each for each in profiles}, builtin_launchers(), weights, run, grace=0.3))
        return kept[-1]

    yield make
    for servers in kept:
        servers.stop()


@pytest.fixture
def plain(pytester: pytest.Pytester, fake_server: FakeServer, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder to run pytest in, with the stand-ins as its weights."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("POLECAT_MODELS_DIR", str(weights))
    return Bench(pytester, fake_server, xdist=False)


@pytest.fixture(params=["plain", "xdist"])
def bench(request: pytest.FixtureRequest, plain: Bench) -> Bench:
    """The same in both modes."""
    plain.xdist = request.param == "xdist"
    return plain
