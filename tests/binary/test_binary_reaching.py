"""Servers that the user runs: a plain llama-server with a key, and its router of many models."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pytest_polecat.asking.launch.base import without_hidden_settings
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.reaching import describe_external
from pytest_polecat.asking.presets.ini_export import export_ini
from pytest_polecat.asking.profiles import load
from pytest_polecat.errors import ServerError
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import until
from tests.binary.helpers import DENSE, MISSION, SUITE, Identity, Machine
from tests.end_to_end.conftest import Bench

Serve = Callable[..., str]

KEY = "sk-a-secret-of-the-users-own"


@pytest.fixture
def serve(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Runs the program as a user would, and tells its URL once it answers."""
    started: list[subprocess.Popen[bytes]] = []
    # It keeps a list of what it downloaded there.
    monkeypatch.setenv("LLAMA_CACHE", str(tmp_path / "cache"))

    def begin(*words: str) -> str:
        root = f"http://127.0.0.1:{free_port()}"
        argv = [*machine.build.argv, "--host", "127.0.0.1", "--port", root.rpartition(":")[2], *words]
        with (tmp_path / "server.log").open("ab") as log:
            environment = without_hidden_settings(os.environ)
            started.append(subprocess.Popen(argv, stdout=log, stderr=log, env=environment))
        assert until(lambda: healthy(root), 30), (tmp_path / "server.log").read_text()
        return f"{root}/v1"

    yield begin
    for process in started:
        process.terminate()
    for process in started:
        process.wait(20)


def healthy(root: str) -> bool:
    try:
        return httpx.get(f"{root}/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def router(serve: Serve, weights: Path, tmp_path: Path) -> str:
    presets = tmp_path / "presets.ini"
    presets.write_text(
        f"[sea]\nmodel = {weights / 'small.gguf'}\nctx-size = 4096\nparallel = 2\nthreads = 1\n\n"
        f"[broken]\nmodel = {weights / 'truncated.gguf'}\n"
    )
    return serve("--models-preset", str(presets))


def external(url: str, model: str | None = None) -> Profile:
    return Profile(name="theirs", url=url, model=model, ready_timeout=30)


def test_a_model_behind_a_router_is_loaded_asked_and_recognised(
    plain: Bench, router: str, weights: Path, machine: Machine
) -> None:
    plain.suite(SUITE)
    plain.profile("theirs", f'url = "{router}"\nmodel = "sea"\nparallel = 2')
    assert plain.ask(model="theirs").ret == 0
    served = plain.run.read_run().profiles["theirs"].served
    assert served is not None
    assert (served.model, served.model_path) == ("sea", str(weights / "small.gguf"))
    assert (served.slots, served.n_ctx, served.build) == (2, 2048, machine.build.name)


def test_what_is_wrong_behind_a_router_is_told(router: str) -> None:
    with pytest.raises(ServerError, match=r"the router at http.* has no model 'see'; set `model` to one of: sea") as no:
        describe_external(external(router, "see"))
    assert no.value.mode == "connection"
    with pytest.raises(ServerError, match=r"serves several models; set `model` to one of: .*sea"):
        describe_external(external(router))
    with pytest.raises(ServerError, match=r"at its first request, .*model name=broken failed to load") as failed:
        describe_external(external(router, "broken"))
    assert failed.value.mode == "connection"


def test_a_folder_of_weights_behind_a_router_is_reached(serve: Serve, weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "small.gguf").symlink_to(weights / "small.gguf")
    served = describe_external(external(serve("--models-dir", str(folder), "-c", "4096", "-t", "1"), "small"))
    assert served.model == "small"
    assert served.n_ctx == 4096
    assert served.speculative is False


def test_a_key_is_used_and_never_written_down(
    bench: Bench, serve: Serve, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve("-m", str(weights / "small.gguf"), "-c", "4096", "-np", "1", "-t", "1", "--api-key", KEY)
    monkeypatch.setenv("THEIR_KEY", KEY)
    bench.suite(SUITE)
    bench.profile("theirs", f'url = "{url}"\nkey_env = "THEIR_KEY"')
    result = bench.ask(model="theirs")
    result.stdout.fnmatch_lines(["*polecat: 2/2 points (100 %)*"])
    served = bench.run.read_run().profiles["theirs"].served
    assert served is not None
    assert (served.slots, served.n_ctx) == (1, 4096)
    assert KEY not in result.stdout.str() + result.stderr.str()
    assert_nowhere(KEY, bench.run)


def assert_nowhere(secret: str, run: RunDir) -> None:
    files = [file for file in run.path.rglob("*") if file.is_file()]
    assert {"run.json", "report.html", "attempts.jsonl"} <= {file.name for file in files}
    assert any(file.parent.name == "replies" for file in files)
    assert not [file for file in files if secret.encode() in file.read_bytes()]


def test_a_key_that_is_refused_is_told_and_never_written_down(
    plain: Bench, serve: Serve, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve("-m", str(weights / "small.gguf"), "-c", "4096", "-np", "1", "-t", "1", "--api-key", KEY)
    wrong = KEY[::-1]
    monkeypatch.setenv("THEIR_KEY", wrong)
    plain.suite(SUITE)
    plain.profile("theirs", f'url = "{url}"\nkey_env = "THEIR_KEY"')
    result = plain.ask(model="theirs")
    assert result.ret == 1
    for attempt in plain.attempts.values():
        assert (attempt.outcome, attempt.mode) == (Outcome.BROKEN, FailureMode.CONNECTION)
        assert "refuses the API key (HTTP 401); set `key_env`" in attempt.message
    assert wrong not in result.stdout.str() + result.stderr.str()
    assert not [file for file in plain.run.path.rglob("*.*") if file.is_file() and wrong in file.read_text()]


def test_a_key_among_the_servers_own_flags_is_never_written_down(plain: Bench) -> None:
    plain.suite(SUITE)
    plain.profile("tiny", f'command = "llama-server -m small.gguf -c 4096 -t 1 --api-key {KEY}"')
    plain.ask(model="tiny")
    assert Identity.of(plain.run, "tiny").served.slots == 1
    assert_nowhere(KEY, plain.run)


def test_exported_profiles_are_presets_that_the_router_takes(serve: Serve, weights: Path, tmp_path: Path) -> None:
    book = load(MISSION)
    chosen = ["9b-iq4nl", "35b-a3b-regex", "35b-a3b-cmoe", "35b-a3b-mtp"]
    text, _ = export_ini([book.get(name) for name in chosen], weights)
    presets = tmp_path / "presets.ini"
    presets.write_text(text)
    url = serve("--models-preset", str(presets))
    listed = httpx.get(f"{url}/models", trust_env=False).json()["data"]
    assert set(chosen) <= {model["id"] for model in listed}
    served = describe_external(external(url, "9b-iq4nl"))
    assert (served.model_path, served.n_ctx, served.slots) == (str(weights / DENSE), 262144, 1)
