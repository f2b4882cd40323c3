"""Where files are: those that come with polecat, and those that it keeps in the user's cache."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pytest_polecat.errors import PolecatError

_PACKAGE = Path(__file__).parent


def bundled(name: str) -> Path:
    """The bundled file or folder of this name, such as `suites`, `fixtures` or `fixtures/demo`.

    A wheel carries it inside the package; in a checkout it stands beside the package.
    """
    for base in (_PACKAGE / "_bundled", _PACKAGE.parent):
        path = base / name
        if path.exists():
            return path
    raise PolecatError(f"the bundled {name!r} is missing from this installation of pytest-polecat; install it again")


def cache_folders(name: str) -> Iterator[Path]:
    """The folders for kept files of this kind, best first; they may be missing, and may not be writable.

    `$XDG_CACHE_HOME/polecat/NAME` (`~/.cache/polecat/NAME`), then one in the folder for temporary files.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError):  # There may be no home.
        base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
        yield base / "polecat" / name
    yield Path(tempfile.gettempdir()) / f"polecat-{name}-{os.getuid()}"


def make_private(folder: Path) -> None:
    """Make a folder of `cache_folders` where it is missing. Raises `OSError`, also when it is somebody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In the folder for temporary files anyone can make a folder of any name.
    if not is_ours(folder):
        raise PermissionError(f"{folder} belongs to somebody else")


def is_ours(folder: Path) -> bool:
    """Whether a folder is there, and the user's own."""
    try:
        return folder.stat().st_uid == os.getuid()
    except OSError:
        return False
