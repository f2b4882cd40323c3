"""The pytest plugin of this package. pytest imports it in every session, so it imports nothing heavy by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_polecat import Check


# Optional: with `-p no:polecat` nobody declares the hook, and pytest would refuse to start.
@pytest.hookimpl(optionalhook=True)
def pytest_polecat_checks() -> list[Check]:
    """Bring the check `matches`."""
    from polecat_suite_regex.matches import MATCHES

    return [MATCHES]
