"""One server process under a lifeline: start it, wait until it answers, stop it for certain."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from pytest_polecat.asking.launch import lifeline
from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.launch.diagnosis import LaunchFailedError, diagnose
from pytest_polecat.errors import ServerError

_LOG_SHARE = 256 * 1024
_ANSWER_SECONDS = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25


class ServerProcess:
    """A running server. It dies with this process, however that dies; every method may be called from any thread."""

    def __init__(self, launch: Launch, log_file: Path, profile_name: str, grace: float = lifeline.GRACE) -> None:
        """Start the server; its output is appended to `log_file`. `grace`: seconds between the steps of `stop`."""
        self.launch = launch
        self.profile_name = profile_name
        self._log_file = log_file
        self._grace = grace
        self._stopping = threading.Lock()
        # Isolated and without site-packages: the lifeline must not depend on the server's environment.
        command = [sys.executable, "-I", "-S", lifeline.__file__, "--grace", str(grace), *launch.argv]
        try:
            with log_file.open("ab") as log:
                self._log_start = log.tell()
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=launch.env, start_new_session=True
                )
        except OSError as error:
            raise ServerError(
                f"profile {profile_name!r}: the model server could not be started: {error}; "
                "check the run folder and the profile's command"
            ) from error

    def poll(self) -> int | None:
        """The server's exit status (negative: the signal that ended it), None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """The end of what this server logged, 256 KiB at most."""
        with self._log_file.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(self._log_start, size - _LOG_SHARE))
            return log.read().decode(errors="replace")

    def failure(self) -> LaunchFailedError:
        """The diagnosis: why the server ended, or, if it still runs, that it was not ready in time."""
        return diagnose(self.poll(), self.log, self.profile_name)

    def wait_ready(self, timeout: float) -> None:
        """Block until `/health` says that the model is loaded; `timeout` in seconds.

        Raises `LaunchFailedError` with the diagnosis when the process ends first, or the time runs out.
        """
        health = root_of(self.launch.url) + "/health"
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        with httpx.Client(trust_env=False, timeout=_ANSWER_SECONDS) as client:
            while True:
                healthy = _is_healthy(client, health)
                if self.poll() is not None or (not healthy and time.monotonic() >= deadline):
                    raise self.failure()
                if healthy:
                    return
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)

    def stop(self) -> None:
        """End the server by escalation; returns when it is gone. Again: nothing happens."""
        with self._stopping:
            if self._process.stdin and not self._process.stdin.closed:
                self._process.stdin.close()
            try:
                self._process.wait(lifeline.bound(self._grace) + 1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def root_of(url: str) -> str:
    """The server's root for the base URL of its API: `http://host:1/v1` -> `http://host:1`."""
    return url.rstrip("/").removesuffix("/v1")


def _is_healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
