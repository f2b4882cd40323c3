import json
import os
import re
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

import docker.errors
import pytest
from docker import DockerClient

from pytest_polecat import cli
from pytest_polecat.sandbox import daemon, image
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.labels import PREFIX, labels
from tests.asking.launch.helpers import until


@dataclass(frozen=True)
class Result:
    status: int
    out: list[str]
    err: list[str]


class Polecat(Protocol):
    def __call__(self, *arguments: str) -> Result: ...


@pytest.fixture
def polecat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Polecat:
    """`polecat sandbox`."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["polecat", "sandbox", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return Result(status, out.splitlines(), err.splitlines())

    return run


@pytest.fixture
def client(host_image: str) -> Iterator[DockerClient]:
    with closing(connect()) as client:
        yield client


# A daemon of the tests


@dataclass
class FakeDaemon:
    """What a daemon of the tests answers with, and what it was asked to remove."""

    containers: list[dict[str, Any]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Who hangs up on a daemon is no trouble of its."""


@contextmanager
def serving(path: Path, handler: type[socketserver.BaseRequestHandler]) -> Iterator[None]:
    with _Server(str(path), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the socket that the daemon is looked for at; nothing is there yet."""
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    return path


@pytest.fixture
def fake_daemon(address: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/version"):
                self.reply(200, {"ApiVersion": "1.41", "Version": "20.10.0"})
            elif self.path.endswith("/_ping"):
                self.reply(200, "OK")
            elif "/containers/json" in self.path:
                self.reply(200, fake.containers)
            else:
                self.reply(500, {"message": "no space left\non device: permission denied"})

        def do_DELETE(self) -> None:
            fake.removed.append(self.path.rpartition("/")[2].partition("?")[0])
            self.reply(204, "")

        def reply(self, status: int, body: Any) -> None:
            content = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def address_string(self) -> str:
            return ""

        def log_message(self, *args: object) -> None:
            pass

    with serving(address, Handler):
        yield fake


# build


def remove_image(client: DockerClient, name: str) -> None:
    """Docker still holds it for the moment in which the last container of it goes."""

    def removed() -> bool:
        try:
            client.images.remove(name)
        except docker.errors.APIError as error:
            return isinstance(error, docker.errors.ImageNotFound)
        return True

    assert until(removed)


def test_build_makes_the_image_of_the_dockerfile_and_then_finds_it(
    polecat: Polecat, client: DockerClient, host_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "recipe", f"FROM {host_image}\nLABEL test={os.getpid()}\n".encode)
    name = image.default_image()
    ready = f"{name} is there, and is used by default"
    try:
        assert polecat("build") == Result(0, [f"making {name}", ready], [])
        assert polecat("build") == Result(0, [ready], [])
        assert [line.partition(":")[0] for line in polecat("check").out] == ["engine", "image", "sandbox", "call"]
    finally:
        remove_image(client, name)


def test_build_without_a_registry_names_the_way_without_one(
    polecat: Polecat, client: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "recipe", lambda: b"FROM localhost:1/python:3\nUSER 1\n")
    result = polecat("build")
    assert result.status == 2
    [line] = result.err
    assert line.startswith("polecat: no registry gives localhost:1/python:3: ")
    assert line.endswith("polecat sandbox build --from-host")


def test_build_from_the_host_says_how_to_use_it(polecat: Polecat, client: DockerClient) -> None:
    result = polecat("build", "--from-host")
    assert result.status == 0
    [line] = result.out
    name = line.partition(" ")[0]
    assert line == f"{name} is there; use it with: pytest --polecat-sandbox-image={name}"
    assert client.images.get(name).tags


# check


def test_check_tells_each_step_and_leaves_nothing(client: DockerClient, host_image: str) -> None:
    command = [sys.executable, "-m", "pytest_polecat.cli", "sandbox", "check", "--image", host_image]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as check:
        out, _ = check.communicate(timeout=60)
    assert check.returncode == 0
    patterns = (
        r"engine: Docker \d+\.\S+",
        rf"image: {re.escape(host_image)}, sha256:[0-9a-f]{{64}}",
        r"sandbox: Python 3\.\d+\.\S+, runtime default, ready in \d+\.\d\d s",
        r"call: loaded and answered in \d+\.\d{3} s",
    )
    for pattern, line in zip(patterns, out.splitlines(), strict=True):
        assert re.fullmatch(pattern, line)
    assert until(lambda: not client.api.containers(all=True, filters={"label": f"{PREFIX}.pid={check.pid}"}))


def test_check_of_an_unknown_runtime_fails_with_dockers_reason(
    polecat: Polecat, client: DockerClient, host_image: str
) -> None:
    result = polecat("check", "--image", host_image, "--runtime", "nosuch")
    assert result.status == 1
    assert result.out[-1].startswith("failed: Docker could not start a sandbox: ")
    assert "nosuch" in result.out[-1]


def test_check_of_an_image_without_python_fails_with_the_containers_reason(
    polecat: Polecat, client: DockerClient, host_image: str
) -> None:
    name = f"polecat-test/empty:{os.getpid()}"
    client.api.import_image_from_data(bytes(10240), *name.split(":"))
    try:
        result = polecat("check", "--image", name)
        gone = until(lambda: not client.api.containers(all=True, filters={"ancestor": name}))
    finally:
        client.images.remove(name, force=True)
    assert result.status == 1
    assert result.out[-1].startswith("failed: Docker could not start a sandbox: ")
    assert "python3" in result.out[-1]
    assert gone


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        (None, "make it: polecat sandbox build"),
        ("polecat-test/nosuch:1", "fetch it: docker pull polecat-test/nosuch:1"),
    ],
)
def test_a_missing_image_is_told_with_its_mend(
    polecat: Polecat, client: DockerClient, monkeypatch: pytest.MonkeyPatch, name: str | None, mend: str
) -> None:
    monkeypatch.setattr(image, "recipe", lambda: b"FROM nothing\n")
    result = polecat("check", *(["--image", name] if name else []))
    assert result.status == 1
    assert result.out[1:] == [f"failed: Docker has no image {name or image.default_image()}; {mend}"]


# prune


def dead_owner() -> dict[str, str]:
    """The labels of a process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pid = ended.pid
    return {**labels(), f"{PREFIX}.pid": str(pid), f"{PREFIX}.started": "1"}


def test_prune_removes_what_dead_runs_left_and_nothing_else(
    polecat: Polecat, client: DockerClient, host_image: str
) -> None:
    owners = {
        "dead": dead_owner(),
        "before the boot": {**labels(), f"{PREFIX}.boot": "another"},
        "live": labels(),
        "of another machine": {**dead_owner(), f"{PREFIX}.host": "another"},
        "of somebody else": {"com.example.sandbox": "1"},
    }
    ids = {name: client.api.create_container(host_image, labels=owner)["Id"] for name, owner in owners.items()}
    try:
        result = polecat("prune")
        left = {each["Id"] for each in client.api.containers(all=True)}
        assert {name for name, number in ids.items() if number in left} == {
            "live",
            "of another machine",
            "of somebody else",
        }
        assert result.status == 0
        # Other runs on this machine sweep too.
        assert re.fullmatch(r"removed \d+ sandbox(es)? of dead runs", result.out[0])
    finally:
        for each in client.api.containers(all=True):
            if each["Id"] in ids.values():
                client.api.remove_container(each["Id"], force=True)


@pytest.mark.parametrize(
    ("dead", "told"),
    [(0, "removed 0 sandboxes"), (1, "removed 1 sandbox"), (2, "removed 2 sandboxes")],
)
def test_prune_says_how_many(polecat: Polecat, fake_daemon: FakeDaemon, dead: int, told: str) -> None:
    gone = [{"Id": f"dead{number}", "Labels": dead_owner()} for number in range(dead)]
    fake_daemon.containers = [{"Id": "live", "Labels": labels()}, *gone, {"Id": "bare", "Labels": None}]
    assert polecat("prune") == Result(0, [f"{told} of dead runs"], [])
    assert fake_daemon.removed == [each["Id"] for each in gone]


# Without Docker


def refusal(polecat: Polecat) -> str:
    """The one line that every command says."""
    told = polecat("check")
    assert (told.status, told.err) == (1, [])
    [line] = told.out
    problem = line.removeprefix("failed: ")
    for command in ("build", "prune"):
        assert polecat(command) == Result(2, [], [f"polecat: {problem}"])
    return problem


UNREACHED = "code questions need Docker, and it can't be reached: "


def test_without_a_socket_docker_is_to_be_installed(polecat: Polecat, address: Path) -> None:
    why = "there is no socket; install Docker Engine and start it (or set DOCKER_HOST)"
    assert refusal(polecat) == UNREACHED + why


def test_a_daemon_that_is_down_is_to_be_started(polecat: Polecat, address: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(address))
    why = "nobody listens at its socket; start the daemon: systemctl start docker"
    assert refusal(polecat) == UNREACHED + why


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's right to every file."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_socket_that_refuses_permission_names_the_group(
    polecat: Polecat, fake_daemon: FakeDaemon, address: Path
) -> None:
    polecat("prune")  # Everything is imported now: the other user may not read it.
    address.chmod(0)
    with unprivileged():
        why = "permission denied at its socket; add yourself to the group docker, and log in again"
        assert refusal(polecat) == UNREACHED + why


def test_a_daemon_that_hangs_is_not_waited_for(
    polecat: Polecat, address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_HELLO_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(address))
        silent.listen(8)
        why = "the daemon does not answer; look at its log, or start it again: systemctl restart docker"
        assert refusal(polecat) == UNREACHED + why


def test_a_daemon_that_hangs_up_is_told(polecat: Polecat, address: Path) -> None:
    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with serving(address, HangUp):
        why = "the daemon does not answer; look at its log, or start it again: systemctl restart docker"
        assert refusal(polecat) == UNREACHED + why


def test_something_else_at_the_socket_is_told(polecat: Polecat, address: Path) -> None:
    class Greeter(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(b"220 welcome\r\n\r\n")

    with serving(address, Greeter):
        assert refusal(polecat).startswith(UNREACHED)


@pytest.mark.parametrize("value", ["nonsense", "ftp://example.org", "tcp://"])
def test_a_docker_host_that_is_none_is_told(polecat: Polecat, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", value)
    assert refusal(polecat).startswith(UNREACHED)


def test_a_daemon_in_trouble_is_quoted_in_one_line(polecat: Polecat, fake_daemon: FakeDaemon) -> None:
    result = polecat("check", "--image", "any")
    assert result == Result(
        1,
        [
            "engine: Docker 20.10.0",
            "failed: Docker can't tell of the image any: no space left on device: permission denied",
        ],
        [],
    )
