"""Launchers: how a profile becomes a server that answers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_polecat.asking.launch.base import Launcher


def builtin_launchers() -> "dict[str, Launcher]":
    """The launchers that come with polecat, by name. Imported here: the lifeline of a server needs none of them."""
    from pytest_polecat.asking.launch.embedded import EmbeddedLauncher
    from pytest_polecat.asking.launch.external import ExternalLauncher

    launchers: list[Launcher] = [EmbeddedLauncher(), ExternalLauncher()]
    return {launcher.name: launcher for launcher in launchers}
