"""Containers that were made and not yet started when their process was killed: nothing in them could notice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.asking.launch.helpers import until
from tests.sandbox.docker_look import containers

SUITE = """
import pytest


@pytest.fixture(autouse=True)
def killed_before_a_start(monkeypatch):
    import os
    import signal
    from docker.api.client import APIClient

    monkeypatch.setattr(APIClient, "start", lambda *_: os.kill(os.getpid(), signal.SIGKILL))


def test_code(killed_before_a_start, sandbox):
    sandbox.load("")
"""


def killed(folder: Path, host_image: str) -> int:
    """Run pytest until it kills itself: its process id."""
    (folder / "test_code.py").write_text(SUITE)
    options = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", f"--polecat-sandbox-image={host_image}"]
    process = subprocess.Popen([sys.executable, "-m", "pytest", *options, "."], cwd=folder, stdout=subprocess.DEVNULL)
    assert process.wait(60) == -signal.SIGKILL
    return process.pid


def test_a_container_that_was_not_yet_started_does_not_outlive_pytest(tmp_path: Path, host_image: str) -> None:
    pid = killed(tmp_path, host_image)
    assert until(lambda: not containers(pid), 15)
