"""The image that candidates run in.

It holds Python and nothing of polecat's: the runner, which talks with the host, is sent into each container.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_polecat.sandbox.daemon import reason
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.labels import PREFIX

if TYPE_CHECKING:
    import docker

REPOSITORY = "pytest-polecat/python"

_HERE = Path(__file__).parent
_STEP_SECONDS = 600


def recipe() -> bytes:
    """The Dockerfile that comes with polecat."""
    return (_HERE / "Dockerfile").read_bytes()


def name_of(made_of: bytes) -> str:
    """The name of the image of a Dockerfile: its tag is the Dockerfile's hash, so that a stale one is never used."""
    return f"{REPOSITORY}:{hashlib.sha256(made_of).hexdigest()[:12]}"


def default_image() -> str:
    """The name of the image that `polecat sandbox build` makes."""
    return name_of(recipe())


def runner_hash() -> str:
    """The SHA-256 of what runs inside a sandbox beside the candidate, in hex."""
    digest = hashlib.sha256()
    for file in sorted((_HERE / "inside").glob("*.py")):
        source = file.read_bytes()
        digest.update(f"{file.name} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def image_labels(origin: str) -> dict[str, str]:
    """The labels of an image: what it was made from, and the runner that polecat had then."""
    return {f"{PREFIX}.image": origin, f"{PREFIX}.runner": runner_hash()}


def build_image(client: docker.DockerClient, made_of: bytes | None = None) -> str:
    """Make the image of a Dockerfile, the one that comes with polecat unless given: its name.

    Docker fetches what the Dockerfile starts from where it lacks it; nothing else is fetched. Raises `SandboxError`.
    """
    import docker.errors

    made_of = recipe() if made_of is None else made_of
    name = name_of(made_of)
    log: list[str] = []
    try:
        # Unlike the client's other call for it, this one tells how far it came.
        for line in client.api.build(
            fileobj=BytesIO(made_of),
            tag=name,
            labels=image_labels("Dockerfile"),
            network_mode="none",
            timeout=_STEP_SECONDS,
            rm=True,
            forcerm=True,
            decode=True,
        ):
            if "error" in line:
                raise SandboxError(_refusal(made_of, str(line["error"]), log))
            log.append(str(line.get("stream", "")))
    except (docker.errors.DockerException, OSError) as error:
        raise SandboxError(f"Docker could not build the image: {reason(error)}") from error
    return name


def _refusal(made_of: bytes, error: str, log: list[str]) -> str:
    """Why there is no image: no registry gives what it starts from, or a step failed."""
    why = " ".join(error.split())[:300]
    if any(line.startswith("Step 2/") for line in log):
        return f"Docker could not build the image: {why}"
    base = next((line.split()[1] for line in made_of.decode().splitlines() if line.startswith("FROM ")), "its base")
    return (
        f"no registry gives {base}: {why}; without one, make an image of this machine's own Python: "
        "polecat sandbox build --from-host"
    )
