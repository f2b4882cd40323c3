import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_server import FakeServer

# Hundreds of processes are started: each would compile everything anew where nobody keeps what was compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "polecat-bytecode"))


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    """An OpenAI-compatible server with four slots that echoes; change its attributes or `script` its replies."""
    with FakeServer() as server:
        yield server
