"""The sandboxes of a session: one pool, made when the first test needs it, cleared away at the end."""

from __future__ import annotations

from contextlib import closing

import pytest

from pytest_polecat.records.run import SandboxRun
from pytest_polecat.sandbox.daemon import connect, find_image
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.host_image import host_image
from pytest_polecat.sandbox.image import default_image, runner_hash
from pytest_polecat.sandbox.pool import Pool
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
    image = config.getoption("polecat_sandbox_image") or _image()
    engine = Engine(image, runtime=config.getoption("polecat_sandbox_runtime"))
    if run := config.stash.get(RUN, None):
        about = engine.about
        told = SandboxRun(image=about.image, engine=about.engine, runtime=about.runtime, runner=runner_hash())
        run.write_sandbox(told)
    pool = Pool(engine, config.stash.get(SLOTS, 1) + 1)
    config.add_cleanup(pool.close)
    return pool


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
