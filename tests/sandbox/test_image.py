import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from pytest_polecat import Sandbox
from pytest_polecat.sandbox import image
from pytest_polecat.sandbox.daemon import connect, find_image
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.host_image import host_image as host_image_name
from pytest_polecat.sandbox.host_image import make_host_image
from pytest_polecat.sandbox.image import build_image, default_image, name_of, recipe, runner_hash
from pytest_polecat.sandbox.supervised import CANDIDATE, INSIDE, SUPERVISOR


@pytest.fixture
def client(host_image: str) -> Iterator[DockerClient]:
    with closing(connect()) as client:
        yield client


def labels(client: DockerClient, name: str) -> dict[str, str]:
    return dict(client.images.get(name).labels)


def test_the_name_changes_with_what_the_image_is_made_of() -> None:
    assert default_image() == name_of(recipe())
    assert name_of(recipe() + b"\n") != default_image()
    repository, _, tag = default_image().partition(":")
    assert repository == "pytest-polecat/python"
    assert len(tag) == 12
    assert int(tag, 16) > 0


def test_the_dockerfile_pins_what_it_starts_from_by_tag_and_digest() -> None:
    [base] = [line for line in recipe().decode().splitlines() if line.startswith("FROM ")]
    tag, _, digest = base.partition("@sha256:")
    assert tag.startswith("FROM python:3.")
    assert len(digest) == 64


def test_the_legacy_builder_makes_an_image_of_the_dockerfiles_steps(client: DockerClient, host_image: str) -> None:
    stdlib = sysconfig.get_path("stdlib")
    lines = recipe().decode().replace("/usr/local/lib/python3.13", stdlib).splitlines()
    local = [f"FROM {host_image}" if line.startswith("FROM ") else line for line in lines]
    # A mark of this process: workers must not remove each other's.
    name = build_image(client, "\n".join([*local, f"LABEL test={os.getpid()}", ""]).encode())
    try:
        assert labels(client, name)["org.pytest-polecat.image"] == "Dockerfile"
        assert labels(client, name)["org.pytest-polecat.runner"] == runner_hash()
        assert client.images.get(name).attrs["Config"]["User"] == "65534:65534"
    finally:
        client.images.remove(name)


def test_a_step_that_fails_is_told(client: DockerClient, host_image: str) -> None:
    with pytest.raises(SandboxError, match=r"could not build the image: .*returned a non-zero code: 3") as refused:
        build_image(client, f'FROM {host_image}\nRUN ["python3", "-c", "exit(3)"]\n'.encode())
    assert "--from-host" not in str(refused.value)


def test_without_a_registry_the_other_way_is_named(client: DockerClient) -> None:
    with pytest.raises(
        SandboxError, match=r"no registry gives localhost:1/python:3: .*polecat sandbox build --from-host"
    ):
        build_image(client, b"FROM localhost:1/python:3\nUSER 1\n")


def test_the_hosts_image_is_made_once(client: DockerClient) -> None:
    name = make_host_image(client)
    made = find_image(client, name)
    assert make_host_image(client) == name == host_image_name()
    assert find_image(client, name) == made
    assert labels(client, name)["org.pytest-polecat.image"] == "host"
    assert len(labels(client, name)["org.pytest-polecat.runner"]) == 64


PROBE = """
import asyncio, ctypes, decimal, json, sqlite3, sys, sysconfig, os, stat
compiled = [each.__cached__ for each in (asyncio, decimal, json) if os.path.exists(each.__cached__)]
set_uid = [
    os.path.join(folder, name)
    for folder, _, names in os.walk("/")
    if not folder.startswith("/proc")
    for name in names
    if os.lstat(os.path.join(folder, name)).st_mode & (stat.S_ISUID | stat.S_ISGID)
]
print(json.dumps({
    "version": sys.version,
    "executable": sys.executable,
    "compiled": len(compiled),
    "set_uid": set_uid,
    "shell": os.path.exists("/bin/sh"),
    "pip": os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "ensurepip")),
}))
"""


@pytest.fixture
def inside(sandbox: Sandbox) -> Any:
    finished = sandbox.run(["python3", "-I", "-S", "-c", PROBE])
    assert finished.status == 0, finished.stderr.decode()
    return json.loads(finished.stdout)


def test_the_hosts_image_has_this_python_and_its_compiled_library_and_nothing_else(
    inside: Any, host_image: str
) -> None:
    if not host_image.startswith("pytest-polecat/host-python:"):
        pytest.skip("another image was given")
    assert inside == {
        "version": sys.version,
        "executable": "/usr/bin/python3",
        "compiled": 3,
        "set_uid": [],
        "shell": False,
        "pip": False,
    }


def test_the_runners_hash_changes_with_the_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "a.py").write_text("1")
    monkeypatch.setattr(image, "_HERE", tmp_path)
    first = runner_hash()
    (folder / "a.py").write_text("2")
    assert runner_hash() != first


def test_the_runner_is_all_that_lies_in_its_folder() -> None:
    sent = [*SUPERVISOR, *CANDIDATE, "repository"]
    assert sorted(sent) == sorted(file.stem for file in INSIDE.iterdir() if file.is_file())
