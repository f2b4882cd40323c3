"""Docker Engine: reached, looked at for what is needed, and swept of what dead runs left."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_polecat.sandbox.containers import Container, refuses_mount
from pytest_polecat.sandbox.daemon import connect, find_image, reason, sweep, version_of
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.image import default_image
from pytest_polecat.sandbox.supervised import Limits


@dataclass(frozen=True)
class About:
    """What tells one sandbox from another: the image's id, the engine's version, the runtime.

    `isolated` is false where nothing keeps the code from the user's files, network and processes.
    """

    image: str
    engine: str
    runtime: str
    isolated: bool = True


class Engine:
    """Makes containers of one image. Raises `SandboxError`, one line with the mend, for whatever is not there."""

    def __init__(self, image: str, *, runtime: str | None = None, limits: Limits | None = None) -> None:
        self.image = image
        self.runtime = runtime
        self.limits = limits or Limits()
        self._hosts = True
        self._client = connect()
        try:
            self._image_id = self._image(image)
        except SandboxError:
            self._client.close()
            raise

    @property
    def about(self) -> About:
        """What goes into the record."""
        return About(image=self._image_id, engine=version_of(self._client), runtime=self.runtime or "default")

    def container(self) -> Container:
        """A container that is ready."""
        import docker.errors

        try:
            made = self._start()
        except (docker.errors.APIError, OSError) as error:
            raise SandboxError(f"Docker could not start a sandbox: {reason(error)}") from error
        try:
            made.wait_ready()
        except BaseException:
            made.remove()
            raise
        return made

    def _start(self) -> Container:
        """A container, without the name `localhost` where the engine has no way to this machine's files."""
        import docker.errors

        while True:
            hosts = self._hosts
            try:
                return Container(self._client, self._image_id, self.limits, self.runtime, hosts=hosts)
            except docker.errors.APIError as error:
                if not (hosts and refuses_mount(error)):
                    raise
                self._hosts = False

    def sweep(self) -> int:
        """Remove the sandboxes that dead runs of this machine left; how many there were."""
        return sweep(self._client)

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()

    def _image(self, name: str) -> str:
        found = find_image(self._client, name)
        if found is None:
            mend = "make it: polecat sandbox build" if name == default_image() else f"fetch it: docker pull {name}"
            raise SandboxError(f"Docker has no image {name}; {mend}")
        return found
