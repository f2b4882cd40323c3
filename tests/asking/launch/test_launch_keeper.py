"""The keeper of servers: lazy, one loaded at a time, restarted once, and seen from a worker process."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pytest_polecat.asking.launch import builtin_launchers, keeper
from pytest_polecat.asking.launch.base import Launch, Launcher
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
from pytest_polecat.asking.launch.keeper import RemoteServers, Servers
from pytest_polecat.asking.launch.process import root_of
from pytest_polecat.asking.launch.state import Ask, ServerState, open_asks, read_state, write_ask, write_state
from pytest_polecat.errors import RecordingError, ServerError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Served
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import marked_processes, until
from tests.little_room import room_for

Keep = Callable[..., Servers]


@pytest.fixture
def keep(profile: Profile, other_model: Path, run: RunDir) -> Iterator[Keep]:
    """Makes a keeper of the profiles `tiny` and `other`, and those given; it is stopped at the end."""
    kept: list[Servers] = []

    def make(*more: Profile, launchers: Mapping[str, Launcher] | None = None) -> Servers:
        other = profile.model_copy(update={"name": "other", "model": str(other_model)})
        profiles = {each.name: each for each in (profile, other, *more)}
        kept.append(Servers(profiles, launchers or builtin_launchers(), None, run, grace=0.3))
        return kept[-1]

    yield make
    for servers in kept:
        servers.stop()


WORKER = """
import json, sys
from pathlib import Path
from pytest_polecat.asking.launch.keeper import RemoteServers
from pytest_polecat.errors import ServerError
from pytest_polecat.rundir import RunDir
servers = RemoteServers(RunDir(Path(sys.argv[1])))
for line in sys.stdin:
    try:
        served = getattr(servers, line.split()[0])(line.split()[1])
        print(json.dumps({"url": served.url}), flush=True)
    except ServerError as error:
        print(json.dumps({"error": str(error), "mode": error.mode}), flush=True)
"""


class Worker:
    """A child process that asks for servers, as an xdist worker does."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self, request: str) -> dict[str, str]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        said: dict[str, str] = json.loads(self.process.stdout.readline())
        return said


@pytest.fixture
def worker(run: RunDir) -> Iterator[Worker]:
    started = Worker(run)
    yield started
    started.process.communicate(timeout=15)


def answers(served: Served) -> bool:
    try:
        return httpx.get(root_of(served.url) + "/health").status_code == 200
    except httpx.TransportError:
        return False


def server_pid(mark: str) -> int:
    """The one server process."""
    (pid,) = [pid for pid in marked_processes(mark) if "embedded.server" in _arguments(pid)]
    return pid


def _arguments(pid: int) -> str:
    parts = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return " ".join(parts) if "lifeline.py" not in " ".join(parts) else ""


def crash(served: Served, mark: str, number: signal.Signals = signal.SIGABRT) -> None:
    """Kill the server as a crash would, and wait until its connection is dead."""
    os.kill(server_pid(mark), number)
    assert until(lambda: not answers(served))


def state(run: RunDir, name: str) -> str:
    told = read_state(run, name)
    return told.state if told else ""


def test_nothing_is_started_or_written_before_it_is_asked_for(profile: Profile, tmp_path: Path, marked: str) -> None:
    run = RunDir.planned(tmp_path / "none")
    with Servers({"tiny": profile}, builtin_launchers(), None, run):
        assert not marked_processes(marked)
    assert not (tmp_path / "none").exists()


def test_a_server_starts_answers_and_stops(keep: Keep, run: RunDir) -> None:
    servers = keep()
    served = servers.wait("tiny")
    assert answers(served)
    assert served.model == "tiny"
    assert read_state(run, "tiny") == ServerState(state="ready", served=served)
    servers.stop()
    assert not answers(served)
    assert read_state(run, "tiny") == ServerState(state="stopped", served=served)


def test_begin_does_not_block_and_wait_finds_what_it_began(keep: Keep, marked: str) -> None:
    servers = keep()
    servers.begin("tiny")
    servers.begin("tiny")
    first = servers.wait("tiny")
    assert first is servers.wait("tiny")
    assert server_pid(marked)


def test_many_threads_share_one_start(keep: Keep) -> None:
    servers = keep()
    with ThreadPoolExecutor(8) as pool:
        served = list(pool.map(servers.wait, ["tiny"] * 8))
    assert len({each.url for each in served}) == 1


def test_another_profile_takes_the_place_of_the_first(keep: Keep, run: RunDir, marked: str) -> None:
    servers = keep()
    first = servers.wait("tiny")
    second = servers.wait("other")
    assert (first.n_ctx, second.model) == (4096, "other")
    assert server_pid(marked)
    assert not answers(first)
    assert answers(second)
    assert (state(run, "tiny"), state(run, "other")) == ("unloaded", "ready")
    assert answers(servers.wait("tiny"))


def test_an_external_profile_takes_nobody_s_place(keep: Keep, profile: Profile, run: RunDir) -> None:
    servers = keep()
    loaded = servers.wait("tiny")
    outside = keep(Profile(name="far", url=loaded.url))
    launched = outside.wait("other")
    far = outside.wait("far")
    assert (far.launcher, far.url, far.model) == ("external", loaded.url, "tiny")
    assert answers(launched)
    assert outside.lost("far") == far


def test_an_external_server_that_is_gone_is_lost(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_polecat.asking.launch.reaching.REACH_WITHIN", 0.1)
    inside = keep()
    outside = keep(Profile(name="far", url=inside.wait("tiny").url))
    outside.wait("far")
    inside.stop()
    with pytest.raises(ServerError, match=r"profile 'far': .* can't be reached") as caught:
        outside.lost("far")
    assert caught.value.mode == "connection"


def test_a_failure_is_told_with_the_log_and_remembered(
    keep: Keep, profile: Profile, tmp_path: Path, run: RunDir
) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"this is no model, only text that goes on for a while")
    servers = keep(profile.model_copy(update={"name": "bad", "model": str(tmp_path / "bad.gguf")}))
    with pytest.raises(ServerError, match=r"profile 'bad': .* not GGUF.*\n    ") as first:
        servers.wait("bad")
    log = run.server_log("bad").read_bytes()
    with pytest.raises(ServerError) as second:
        servers.lost("bad")
    assert str(first.value) == str(second.value)
    assert run.server_log("bad").read_bytes() == log
    told = read_state(run, "bad")
    assert told == ServerState(state="failed", message=str(first.value), mode="server_crash")


def test_a_profile_that_can_t_be_launched_is_a_server_error(keep: Keep, profile: Profile) -> None:
    servers = keep(profile.model_copy(update={"name": "gone", "model": "/no/such.gguf"}))
    with pytest.raises(ServerError, match=r"`model` = '/no/such\.gguf' was not found"):
        servers.wait("gone")
    with pytest.raises(ServerError, match="there is no profile 'who' in this run; known are: tiny, other, gone"):
        servers.wait("who")


def test_a_living_server_that_is_called_lost_is_kept(keep: Keep, marked: str) -> None:
    servers = keep()
    served = servers.wait("tiny")
    pid = server_pid(marked)
    assert servers.lost("tiny") == served
    assert server_pid(marked) == pid


def test_a_server_that_died_is_restarted_once(keep: Keep, run: RunDir, marked: str) -> None:
    servers = keep()
    first = servers.wait("tiny")
    crash(first, marked)
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(servers.lost, ["tiny"] * 4))
    assert len({served.url for served in again}) == 1
    assert answers(again[0])
    told = read_state(run, "tiny")
    assert told
    assert (told.state, told.mode) == ("ready", "server_crash")
    assert told.message.startswith("restarted once, because profile 'tiny': the model server crashed (SIGABRT)")
    crash(again[0], marked, signal.SIGKILL)
    with pytest.raises(ServerError, match=r"(?s)was killed \(SIGKILL\).*it had been restarted once before") as caught:
        servers.lost("tiny")
    assert caught.value.mode == "server_oom"
    with pytest.raises(ServerError, match="was killed"):
        servers.wait("tiny")
    assert state(run, "tiny") == "failed"


def test_a_port_that_somebody_took_is_exchanged_for_another(keep: Keep) -> None:
    class Late(EmbeddedLauncher):
        """Is beaten to its port, twice."""

        ports: list[int] = []

        def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch:
            self.ports.append(port)
            return super().prepare(profile, models_dir, taken if len(self.ports) < 3 else port)

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        served = keep(launchers={"embedded": Late()}).wait("tiny")
    assert served.url == f"http://127.0.0.1:{Late.ports[-1]}/v1"


class Sleeper:
    """A server that never gets ready."""

    name = "sleeper"

    def check(self, profile: Profile, models_dir: Path | None) -> None:
        pass

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch:
        return Launch(argv=("sleep", "1000"), env=os.environ, url=f"http://127.0.0.1:{port}/v1", shown=())

    def files(self, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:
        return {}


SLEEPY = Profile(name="sleepy", launcher="sleeper")


def test_a_launcher_that_breaks_is_told_and_the_others_go_on(keep: Keep, worker: Worker) -> None:
    class Broken(Sleeper):
        def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch:
            raise KeyError("oops")

    servers = keep(SLEEPY, launchers={**builtin_launchers(), "sleeper": Broken()})
    servers.wait("tiny")
    told = worker.says("wait sleepy")["error"]
    assert told.startswith("profile 'sleepy': its launcher failed: KeyError: 'oops' (")
    assert worker.says("wait tiny") == {"url": servers.wait("tiny").url}


def test_stopping_ends_a_start_and_everybody_s_waiting(keep: Keep, run: RunDir, marked: str) -> None:
    servers = keep(SLEEPY, launchers={"sleeper": Sleeper()})
    errors: list[str] = []

    def wait(name: str) -> None:
        with pytest.raises(ServerError) as caught:
            servers.wait(name)
        errors.append(str(caught.value))

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("sleepy", "sleepy", "tiny")]
    for thread in threads:
        thread.start()
    assert until(lambda: len(marked_processes(marked)) == 2)
    servers.stop()
    for thread in threads:
        thread.join(15)
    assert len(errors) == 3
    assert all("was stopped, because the session ends" in error for error in errors)
    assert state(run, "sleepy") == "stopped"
    with pytest.raises(ServerError, match="because the session ends"):
        servers.wait("tiny")


def test_a_server_that_is_not_ready_in_time_fails(keep: Keep) -> None:
    hasty = SLEEPY.model_copy(update={"ready_timeout": 0.1})
    with pytest.raises(ServerError, match="was not ready in time; raise `ready_timeout`"):
        keep(hasty, launchers={"sleeper": Sleeper()}).wait("sleepy")


# Workers


def test_a_worker_waits_for_what_the_controller_began(keep: Keep, worker: Worker) -> None:
    servers = keep()
    servers.begin("tiny")
    assert worker.says("wait tiny") == {"url": servers.wait("tiny").url}


def test_a_worker_has_a_stopped_server_started_again(keep: Keep, worker: Worker) -> None:
    servers = keep()
    servers.wait("tiny")
    servers.wait("other")
    url = worker.says("wait tiny")["url"]
    assert url == servers.wait("tiny").url


def test_a_worker_has_a_dead_server_restarted_once(keep: Keep, worker: Worker, run: RunDir, marked: str) -> None:
    servers = keep()
    first = servers.wait("tiny")
    crash(first, marked)
    url = worker.says("lost tiny")["url"]
    second = servers.wait("tiny")
    assert second.url == url
    crash(second, marked)
    told = worker.says("lost tiny")
    assert "restarted once before" in told["error"]
    assert told["mode"] == "server_crash"
    assert worker.says("wait tiny") == told
    assert not list(open_asks(run))


def test_a_worker_learns_of_a_failed_start(keep: Keep, worker: Worker, profile: Profile) -> None:
    servers = keep(profile.model_copy(update={"name": "gone", "model": "/no/such.gguf"}))
    servers.begin("gone")
    assert "was not found" in worker.says("wait gone")["error"]


def test_a_worker_is_told_when_the_session_ends(keep: Keep, worker: Worker) -> None:
    servers = keep(SLEEPY, launchers={**builtin_launchers(), "sleeper": Sleeper()})
    servers.wait("tiny")
    servers.begin("sleepy")
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(worker.says, "wait tiny")
        assert until(lambda: bool(list(open_asks(worker.run))))
        servers.stop()
        assert said.result(15)["error"].endswith("because the session ends")
    for request in ("wait tiny", "lost tiny", "wait other"):
        assert worker.says(request)["error"].endswith("because the session ends")


def test_a_worker_notices_that_the_controller_is_gone(run: RunDir, marked: str) -> None:
    controller = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]], stdin=subprocess.PIPE).stdin.write(b'x')\n"
        "time.sleep(1000)\n"
    )
    waiting = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pytest_polecat.asking.launch.keeper import RemoteServers\n"
        "from pytest_polecat.rundir import RunDir\n"
        "try:\n"
        "    RemoteServers(RunDir(Path(sys.argv[1]))).wait('tiny')\n"
        "except Exception as error:\n"
        "    Path(sys.argv[1], 'said').write_text(str(error))\n"
    )
    with subprocess.Popen([sys.executable, "-c", controller, waiting, str(run.path)]) as parent:
        assert until(lambda: bool(list(open_asks(run))))
        parent.kill()
    assert until(lambda: (run.path / "said").exists() and bool((run.path / "said").read_text()))
    assert (run.path / "said").read_text().endswith("the process that keeps the model servers is gone")


def test_a_worker_s_patience_ends(run: RunDir) -> None:
    with pytest.raises(ServerError, match=r"no word from the process .* for 0\.1 s"):
        RemoteServers(run, patience=0.1).wait("tiny")
    assert not list(open_asks(run))


def test_what_an_earlier_session_left_is_no_news(keep: Keep, run: RunDir) -> None:
    write_state(run, "tiny", ServerState(state="failed", message="old"))
    write_ask(run, Ask(profile="other"))
    (run.path / "servers" / "x.ask").write_text("{broken")
    servers = keep()
    assert answers(servers.wait("tiny"))
    assert state(run, "other") == ""
    assert not list(open_asks(run))


def test_a_request_that_can_not_be_read_is_dropped(keep: Keep, run: RunDir) -> None:
    servers = keep()
    servers.wait("tiny")
    (run.path / "servers" / "x.ask").write_text("{broken")
    assert until(lambda: not list(open_asks(run)))
    assert answers(servers.wait("tiny"))


CONTROLLER = """
import sys, time
from pathlib import Path
from pytest_polecat.asking.launch import builtin_launchers
from pytest_polecat.asking.launch.keeper import Servers
from pytest_polecat.records.profile import Profile
from pytest_polecat.rundir import RunDir
profile = Profile(name="tiny", launcher="embedded", model=sys.argv[1])
with Servers({"tiny": profile}, builtin_launchers(), None, RunDir(Path(sys.argv[2]))) as servers:
    print(servers.wait("tiny").url, flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_the_controller(number: signal.Signals, model: Path, run: RunDir, marked: str) -> None:
    argv = [sys.executable, "-c", CONTROLLER, str(model), str(run.path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as controller:
        assert controller.stdout
        assert controller.stdout.readline().startswith("http://")
        controller.send_signal(number)
        controller.wait(timeout=15)
    assert until(lambda: not marked_processes(marked))


def test_a_worker_that_finds_no_room_for_its_request_says_so(run: RunDir) -> None:
    with room_for(0), pytest.raises(RecordingError, match="can't be written: File too large"):
        RemoteServers(run).lost("tiny")


def test_a_server_that_is_lost_while_the_disk_is_full_is_not_told_to_be_ready(
    keep: Keep, run: RunDir, marked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    servers = keep()
    served = servers.wait("tiny")
    monkeypatch.setattr(keeper, "write_state", full)
    crash(served, marked)
    with pytest.raises(RecordingError, match="No space left on device"):
        servers.lost("tiny")
    assert read_state(run, "tiny") is None
