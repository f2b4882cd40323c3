"""Docker's daemon: reached, asked the first things, and what it means when it refuses."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.labels import PREFIX, is_orphan

if TYPE_CHECKING:
    import docker

_HELLO_SECONDS = 10
"""For its first answer: one that hangs must not hang us."""

_SOME_VERSION = "1.41"

_SECONDS = 30
"""For each other answer: it may be busy with many containers."""


def connect() -> docker.DockerClient:
    """Reach the daemon, at `DOCKER_HOST` or its usual socket. Raises `SandboxError`."""
    import docker
    import docker.errors

    try:
        _knock()
        # Whatever is no client yet could not be closed: first one of any version, which asks for the daemon's.
        with contextlib.closing(docker.DockerClient.from_env(version=_SOME_VERSION, timeout=_HELLO_SECONDS)) as asking:
            version = str(asking.api.version(api_version=False)["ApiVersion"])
        return docker.DockerClient.from_env(version=version, timeout=_SECONDS)
    except (docker.errors.DockerException, OSError, ValueError, LookupError, TypeError) as error:
        raise SandboxError(f"code questions need Docker, and it can't be reached: {reason(error)}") from error


def _knock() -> None:
    """Connect and hang up: a socket that refuses is one of ours then, which is closed."""
    import docker.utils

    address: Any = docker.utils.parse_host(os.environ.get("DOCKER_HOST"))
    if address.startswith("http+unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(_HELLO_SECONDS)
            knocking.connect(address.removeprefix("http+unix://"))


def version_of(client: docker.DockerClient) -> str:
    """What it is, and its version; without the version where it does not tell."""
    import docker.errors

    with contextlib.suppress(docker.errors.DockerException, OSError):
        return f"Docker {client.version().get('Version', '')}".strip()
    return "Docker"


def find_image(client: docker.DockerClient, name: str) -> str | None:
    """The id of the image of this name, None where it has none. Raises `SandboxError` when it can't tell."""
    import docker.errors

    try:
        return str(client.images.get(name).id)
    except docker.errors.ImageNotFound:
        return None
    except (docker.errors.DockerException, OSError) as error:
        raise SandboxError(f"Docker can't tell of the image {name}: {reason(error)}") from error


def sweep(client: docker.DockerClient) -> int:
    """Remove the sandboxes that dead runs of this machine left; how many there were."""
    import docker.errors

    with contextlib.suppress(docker.errors.DockerException, OSError):
        found = client.api.containers(all=True, filters={"label": f"{PREFIX}.sandbox"})
        orphans = [each["Id"] for each in found if is_orphan(each.get("Labels") or {})]
        for number in orphans:
            with contextlib.suppress(docker.errors.APIError):
                client.api.remove_container(number, force=True)
        return len(orphans)
    return 0


def reason(error: BaseException) -> str:
    """The cause in a line, with its mend where it is a known one."""
    import docker.errors

    if isinstance(error, docker.errors.APIError) and error.explanation:
        return " ".join(str(error.explanation).split())[:300]
    text = " ".join(str(error).split())
    for signs, cause in _CAUSES:
        if any(sign in text for sign in signs):
            return cause
    return text[:300] or type(error).__name__


_CAUSES = (
    (
        ("Permission denied", "PermissionError"),
        "permission denied at its socket; add yourself to the group docker, and log in again",
    ),
    (
        ("FileNotFoundError", "No such file"),
        "there is no socket; install Docker Engine and start it (or set DOCKER_HOST)",
    ),
    (
        ("ConnectionRefusedError", "Connection refused"),
        "nobody listens at its socket; start the daemon: systemctl start docker",
    ),
    (
        ("timed out", "Connection aborted"),
        "the daemon does not answer; look at its log, or start it again: systemctl restart docker",
    ),
)
