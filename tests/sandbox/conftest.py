import fcntl
import os
from contextlib import closing

import pytest

from pytest_polecat import Sandbox
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.host_image import make_host_image


@pytest.fixture(scope="session")
def host_image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image for sandboxes: the one that the user gave, else one of this machine's own Python.

    Without Docker the test is skipped, but never where tests are run for everybody (CI).
    """
    given = request.config.getoption("polecat_sandbox_image")
    if given:
        return str(given)
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder
    try:
        # The first worker makes it, the others find it.
        with closing(connect()) as client, (shared / "host-image.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            name = make_host_image(client)
    except SandboxError as error:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(str(error))
    request.config.option.polecat_sandbox_image = name
    return name


@pytest.fixture
def sandbox(host_image: str, sandbox: Sandbox) -> Sandbox:
    """The plugin's own, on that image."""
    return sandbox
