"""One real server under its lifeline: ready, broken, stopped, and never left behind."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pytest_polecat.asking.launch.base import Launch, server_environment
from pytest_polecat.asking.launch.diagnosis import LaunchFailedError
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.process import ServerProcess, root_of
from pytest_polecat.records.profile import Profile
from tests.asking.launch.helpers import marked_processes, until

Start = Callable[[Launch], ServerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[ServerProcess] = []

    def begin(launch: Launch) -> ServerProcess:
        started.append(ServerProcess(launch, tmp_path / "server.log", "tiny", grace=0.3))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


@pytest.fixture
def launch(profile: Profile) -> Launch:
    return EmbeddedLauncher().prepare(profile, None, free_port())


def command(*argv: str, port: int = 9) -> Launch:
    env = server_environment(Profile(name="tiny"))
    return Launch(argv=argv, env=env, url=f"http://127.0.0.1:{port}/v1", shown=argv)


def failure(process: ServerProcess, timeout: float = 30) -> LaunchFailedError:
    with pytest.raises(LaunchFailedError) as caught:
        process.wait_ready(timeout)
    return caught.value


def test_a_server_becomes_ready_answers_and_stops(launch: Launch, start: Start) -> None:
    process = start(launch)
    process.wait_ready(30)
    assert process.poll() is None
    models = httpx.get(launch.url + "/models").json()
    assert models["data"][0]["id"] == "tiny"
    process.stop()
    assert process.poll() is not None
    with pytest.raises(httpx.ConnectError):
        httpx.get(launch.url + "/models")


def test_stopping_again_and_from_several_threads_does_nothing_more(launch: Launch, start: Start) -> None:
    process = start(launch)
    process.wait_ready(30)
    threads = [threading.Thread(target=process.stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    process.stop()
    assert process.poll() is not None


def test_a_server_stops_with_a_request_in_flight(launch: Launch, start: Start) -> None:
    process = start(launch)
    process.wait_ready(30)
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True, "ignore_eos": True, "n_predict": 4000}
    with httpx.stream("POST", launch.url + "/chat/completions", json=body, timeout=30) as response:
        chunks = response.iter_lines()
        assert next(chunks).startswith("data: ")
        process.stop()
        assert process.poll() is not None


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("text", b"this is no model, only text that goes on for a while", "was given a file that is not GGUF"),
        ("empty", b"", "was given a file that is not GGUF"),
        ("truncated", None, "was given weights that are cut short"),
    ],
)
def test_broken_weights_are_told_with_the_lines_of_the_log(
    name: str, content: bytes | None, sentence: str, profile: Profile, model: Path, tmp_path: Path, start: Start
) -> None:
    weights = tmp_path / f"{name}.gguf"
    whole = model.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2] if content is None else content)
    changed = profile.model_copy(update={"model": str(weights)})
    error = failure(start(EmbeddedLauncher().prepare(changed, None, free_port())))
    assert (error.kind, error.mode) == ("model", "server_crash")
    first, *lines = str(error).splitlines()
    assert first.startswith("profile 'tiny': the model server ")
    assert sentence in first
    assert lines
    assert all(line.startswith("    ") for line in lines)


def test_weights_that_vanish_before_the_start_are_told(
    profile: Profile, model: Path, tmp_path: Path, start: Start
) -> None:
    weights = tmp_path / "gone.gguf"
    weights.write_bytes(model.read_bytes())
    launch = EmbeddedLauncher().prepare(profile.model_copy(update={"model": str(weights)}), None, free_port())
    weights.unlink()
    assert "could not open" in str(failure(start(launch)))


def test_a_port_that_is_taken_is_told(profile: Profile, start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        launch = EmbeddedLauncher().prepare(profile, None, taken.getsockname()[1])
        assert failure(start(launch)).kind == "port"


def test_a_command_that_does_not_exist_is_told(start: Start) -> None:
    error = failure(start(command("/no/such/llama-server")))
    assert error.kind == "command"
    assert "could not be run: /no/such/llama-server: No such file or directory" in str(error)


def test_a_crash_while_loading_gives_its_signal(start: Start) -> None:
    error = failure(start(command("sh", "-c", "kill -SEGV $$")))
    assert (error.kind, error.mode) == ("crash", "server_crash")
    assert "crashed (SIGSEGV)" in str(error)


def test_a_server_that_never_gets_ready_runs_into_its_time(start: Start) -> None:
    error = failure(start(command("sleep", "1000", port=free_port())), timeout=0.1)
    assert (error.kind, error.mode) == ("timeout", "connection")


def test_only_the_log_of_this_start_is_diagnosed(tmp_path: Path, start: Start) -> None:
    (tmp_path / "server.log").write_text("0.0 E old: failed to allocate something\n")
    assert failure(start(command("sh", "-c", "exit 4"))).kind == "crash"
    assert (tmp_path / "server.log").read_text().startswith("0.0 E old")


def test_the_environment_is_exactly_the_one_given(start: Start, tmp_path: Path) -> None:
    launch = Launch(argv=("/bin/sh", "-c", "env; exit 1"), env={"ONLY": "this"}, url="http://127.0.0.1:9", shown=())
    process = start(launch)
    failure(process)
    names = {line.partition("=")[0] for line in process.log.splitlines()}
    assert names <= {"ONLY", "PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"}
    assert "ONLY=this" in process.log


def test_the_root_of_an_api_is_found() -> None:
    assert root_of("http://h:1/v1") == root_of("http://h:1/v1/") == root_of("http://h:1") == "http://h:1"


PARENT = """
import sys, time
from pathlib import Path
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.process import ServerProcess
from pytest_polecat.records.profile import Profile
profile = Profile(name="tiny", launcher="embedded", model=sys.argv[1])
process = ServerProcess(EmbeddedLauncher().prepare(profile, None, free_port()), Path(sys.argv[2]), "tiny", grace=0.3)
process.wait_ready(60)
print(process.launch.url, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_is_gone_when_its_parent_is_gone(
    number: signal.Signals, model: Path, tmp_path: Path, marked: str
) -> None:
    argv = [sys.executable, "-c", PARENT, str(model), str(tmp_path / "log")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert httpx.get(url + "/models").status_code == 200
        parent.send_signal(number)
        assert parent.wait(timeout=15) == -number
    assert until(lambda: not marked_processes(marked))
