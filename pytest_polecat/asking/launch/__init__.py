"""Launchers: how a profile becomes a server that answers."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_polecat.asking.launch.base import Launcher


class Launchers(Mapping[str, "Launcher"]):
    """Launchers by name, each made when it is first asked for: most sessions need one, and the others take time."""

    def __init__(self, makers: Mapping[str, Callable[[], "Launcher"]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Launcher] = {}

    def __getitem__(self, name: str) -> "Launcher":
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def add(self, name: str, make: Callable[[], "Launcher"]) -> None:
        """Let this name stand for what `make` makes."""
        self._made.pop(name, None)
        self._makers[name] = make


def builtin_launchers(llama_server: str | None = None) -> Launchers:
    """The launchers that come with polecat; `llama_server` is the program of `binary`, if the user named one."""
    return Launchers(
        {
            "binary": lambda: _made("binary.launcher", "BinaryLauncher", llama_server),
            "embedded": lambda: _made("embedded.launcher", "EmbeddedLauncher"),
            "external": lambda: _made("external", "ExternalLauncher"),
        }
    )


def _made(module: str, name: str, *arguments: object) -> "Launcher":
    launcher: Launcher = getattr(import_module(f"{__name__}.{module}"), name)(*arguments)
    return launcher
