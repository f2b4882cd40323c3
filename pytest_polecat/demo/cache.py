"""The demo model's files: built once, kept in the user's cache."""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pytest_polecat.demo.model import build
from pytest_polecat.demo.spec import load
from pytest_polecat.errors import PolecatError
from pytest_polecat.resources import bundled, cache_folders, make_private

VARIANTS = {"demo": False, "demo-weak": True}
"""The models by name, and whether they give the weak replies."""

_CONTEXT = 131072
_UNUSED_DAYS = 30


def demo_model(name: str, replies: Path | None = None) -> Path:
    """The GGUF file of the demo model with this name (a key of `VARIANTS`), built if it isn't there yet.

    `replies` is the spec of the replies, a file or a folder of them, the bundled `fixtures/demo` unless given. The
    model's file lies in `$XDG_CACHE_HOME/polecat/demo` (`~/.cache/polecat/demo`), in the folder for temporary files if
    that can't be written. Its name has a hash of the spec and of the generator, so a file that is there is the right
    one, and of processes that need it at once one builds it. It is never touched after that: others may be reading and
    hashing it. Raises `PolecatError`.
    """
    replies = replies or bundled("fixtures/demo")
    spec = load(replies)
    file_name = f"{name}-{_fingerprint(replies)}.gguf"
    problem: OSError | None = None
    for folder in cache_folders("demo"):
        path = folder / file_name
        try:
            make_private(folder)
            _mark_used(path)
            if not path.is_file():
                with _alone(folder):
                    if not path.is_file():
                        with _replacing(path) as unfinished:
                            build(spec, unfinished, context=_CONTEXT, name=name, weak=VARIANTS[name])
                _remove_unused(folder)
        except OSError as error:
            problem = error
        else:
            return path
    raise PolecatError(f"the demo model can't be written: {problem}; set XDG_CACHE_HOME to a folder that can be")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Without another process that builds in this folder."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` when all went well."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    unfinished = Path(name)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _fingerprint(replies: Path) -> str:
    digest = hashlib.sha256()
    given = sorted(replies.glob("*.yaml")) if replies.is_dir() else [replies]
    for file in (*given, *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _used(path: Path) -> Path:
    """The file whose time says when a model was used last."""
    return path.with_name(f".{path.name}.used")


def _mark_used(path: Path) -> None:
    with suppress(OSError):  # A cache that can only be read is as good.
        _used(path).touch()


def _remove_unused(folder: Path) -> None:
    oldest = time.time() - _UNUSED_DAYS * 24 * 3600
    for file in (*folder.glob("*.gguf"), *folder.glob(".*.part")):
        used = _used(file)
        with suppress(OSError):
            if max((each.stat().st_mtime for each in (file, used) if each.exists()), default=oldest) < oldest:
                file.unlink()
                used.unlink(missing_ok=True)
