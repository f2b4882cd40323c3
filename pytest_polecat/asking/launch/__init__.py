"""Launchers: how a profile becomes a server that answers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_polecat.asking.launch.base import Launcher


def builtin_launchers(llama_server: str | None = None) -> "dict[str, Launcher]":
    """The launchers that come with polecat, by name; `llama_server` is the program of `binary`, if the user named one.

    Imported here: the lifeline of a server needs none of them.
    """
    from pytest_polecat.asking.launch.binary.launcher import BinaryLauncher
    from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
    from pytest_polecat.asking.launch.external import ExternalLauncher

    launchers: list[Launcher] = [BinaryLauncher(llama_server), EmbeddedLauncher(), ExternalLauncher()]
    return {launcher.name: launcher for launcher in launchers}
