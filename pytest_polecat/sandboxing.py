"""The sandboxes of a session: one pool, made when the first test needs it, cleared away at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing

import pytest

from pytest_polecat.errors import RecordingError
from pytest_polecat.records.run import SandboxRun
from pytest_polecat.sandbox.daemon import connect, find_image
from pytest_polecat.sandbox.engine import About, Engine
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.host_image import host_image
from pytest_polecat.sandbox.image import default_image, runner_hash
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.processes import LABEL, ProcessEngine, refusal
from pytest_polecat.sandbox.reaper import Reaper
from pytest_polecat.sandbox.sandbox import Sandbox
from pytest_polecat.startup import RUN, SLOTS

_POOL = pytest.StashKey[Pool | SandboxError]()


def open_sandbox(config: pytest.Config) -> Sandbox:
    """A sandbox of one's own. Raises `SandboxError`."""
    pool = pool_of(config)
    return Sandbox(pool.take, pool.discard)


def pool_of(config: pytest.Config) -> Pool:
    """The session's pool; what kept it from being made is told again each time."""
    known = config.stash.get(_POOL, None)
    if known is None:
        try:
            known = _make(config)
        except SandboxError as error:
            known = error
        config.stash[_POOL] = known
    if isinstance(known, SandboxError):
        raise SandboxError(str(known))
    return known


def _make(config: pytest.Config) -> Pool:
    engine = _engine(config)
    if run := config.stash.get(RUN, None):
        try:
            run.write_sandbox(_record(engine.about))
        except OSError as error:
            raise RecordingError.of(run.path, error) from error
    if isinstance(engine, Engine):
        config.add_cleanup(Reaper().close)
    pool = Pool(engine, config.stash.get(SLOTS, 1) + 1)
    config.add_cleanup(pool.close)
    config.pluginmanager.register(_Interrupted(pool), "polecat-interrupted")
    return pool


class _Interrupted:
    """Ends the sandboxes at once at Ctrl-C: it may take pytest seconds to report, and to come to the cleanup."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """The session is over."""
        self._pool.hang_up()


def _engine(config: pytest.Config) -> Engine | ProcessEngine:
    if config.getoption("polecat_sandbox") == "process":
        return ProcessEngine()
    image = config.getoption("polecat_sandbox_image") or _image()
    return Engine(image, runtime=config.getoption("polecat_sandbox_runtime"))


def _record(about: About) -> SandboxRun:
    return SandboxRun(
        image=about.image,
        engine=about.engine,
        runtime=about.runtime,
        runner=runner_hash(),
        isolated=about.isolated,
    )


def _image() -> str:
    """The image that is there: the usual one, else the one of this machine's own Python."""
    with closing(connect()) as client:
        found = next((name for name in (default_image(), host_image()) if find_image(client, name)), None)
    if found is None:
        raise SandboxError(
            "Docker has no image for code questions; make it: polecat sandbox build "
            "(where no registry answers: polecat sandbox build --from-host)"
        )
    return found


def allow_process(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> None:
    """Let code run in a mere process, if the user said so twice; then it is said loudly. Else a usage error."""
    if why := refusal(environment):
        raise pytest.UsageError(why)
    for name in ("image", "runtime"):
        if config.getoption(f"polecat_sandbox_{name}"):
            raise pytest.UsageError(
                f"--polecat-sandbox-{name} is for containers; drop it, or --polecat-sandbox=process"
            )
    config.pluginmanager.register(UnsafeLabel(), "polecat-unsafe")


class UnsafeLabel:
    """Says at both ends of a session that code was not isolated, however quiet the session is."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Above everything."""
        if reporter := session.config.pluginmanager.get_plugin("terminalreporter"):
            self._say(reporter)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Below everything."""
        self._say(terminalreporter)

    def _say(self, reporter: pytest.TerminalReporter) -> None:
        reporter.ensure_newline()
        reporter.write_line(f"polecat: {LABEL}", red=True, bold=True)
