from collections.abc import Iterator

import pytest

from tests.fake_server import FakeServer


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    """An OpenAI-compatible server with four slots that echoes; change its attributes or `script` its replies."""
    with FakeServer() as server:
        yield server
