"""An image made of this machine's own Python, for where no registry answers.

It holds the interpreter, its standard library, compiled, and the shared libraries that they need, all at the paths that
they have here, and `/usr/bin/python3`. No shell, no packages, nothing set-uid. The machine has to run Linux, and Docker
containers of the same kind.
"""

from __future__ import annotations

import hashlib
import io
import os
import py_compile
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_polecat.sandbox.daemon import find_image, reason
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.image import image_labels

if TYPE_CHECKING:
    import docker

REPOSITORY = "pytest-polecat/host-python"

_COMMAND = "/usr/bin/python3"
_LEFT_OUT = frozenset(
    ("__pycache__", "dist-packages", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tests", "tkinter")
)
_PASSWD = b"root:x:0:0::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n"
_FOLDERS = {"tmp": 0o1777, "work": 0o755, "proc": 0o755, "sys": 0o755, "dev": 0o755}
_LIBRARY = re.compile(r"(/\S+) \(0x")


def host_image() -> str:
    """The name of the image of the Python that runs this: its tag is a hash of what it would be made of."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode())
    for file in [_interpreter(), *_library()]:
        stat = file.stat()
        digest.update(f"{file} {stat.st_size} {stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def make_host_image(client: docker.DockerClient) -> str:
    """Make that image where Docker lacks it: its name. Raises `SandboxError`."""
    import docker.errors

    if sys.platform != "linux":
        raise SandboxError("the image of a machine's own Python needs Linux; make the usual one: polecat sandbox build")
    name = host_image()
    if find_image(client, name):
        return name
    repository, _, tag = name.partition(":")
    labels = [f"LABEL {key}={value}" for key, value in image_labels("host").items()]
    changes = [*labels, "WORKDIR /work", "USER 65534:65534", 'CMD ["python3"]']
    with tempfile.TemporaryFile() as archive:
        _write_archive(archive)
        archive.seek(0)
        try:
            client.api.import_image_from_data(archive, repository, tag, changes=changes)
        except (docker.errors.DockerException, OSError) as error:
            raise SandboxError(f"Docker did not take the image of this machine's Python: {reason(error)}") from error
    if not find_image(client, name):
        raise SandboxError("Docker did not take the image of this machine's Python; look at the daemon's log")
    return name


def _interpreter() -> Path:
    # In a virtual environment it is a link to this one.
    return Path(os.path.realpath(sys.executable))


def _library() -> list[Path]:
    """The files of the standard library that run here, in order."""
    roots = {
        # Some systems keep what is compiled apart; a virtual environment would name its own folder for it.
        Path(os.path.realpath(sysconfig.get_path(name, vars={"platbase": sys.base_exec_prefix})))
        for name in ("stdlib", "platstdlib")
    }
    return sorted({file for root in roots for file in _files(root)})


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")]
        for name in names:
            file = Path(folder, name)
            if file.is_file():
                yield file


def _needed_by(files: list[Path]) -> set[Path]:
    """The shared libraries that these files need, and the loader, as the loader itself finds them."""
    done = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False)
    found = {Path(path) for path in _LIBRARY.findall(done.stdout)}
    if not found:
        raise SandboxError(f"ldd can't tell which libraries {files[0]} needs: {done.stderr.strip()[:200]}")
    return found


def _write_archive(archive: IO[bytes]) -> None:
    """The image's files as a tar archive."""
    interpreter, library = _interpreter(), _library()
    programs = [interpreter, *(file for file in library if file.suffix == ".so")]
    with tarfile.open(fileobj=archive, mode="w") as tar, tempfile.TemporaryDirectory() as scratch:
        for folder, mode in _FOLDERS.items():
            _add_folder(tar, folder, mode)
        _add(tar, "etc/passwd", _PASSWD)
        for file in sorted({*programs, *library, *_needed_by(programs)}):
            _add(tar, str(file), file.read_bytes(), file.stat())
            if file.suffix == ".py":
                kept = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
                _add(tar, str(kept), _compiled(file, kept, Path(scratch, "compiled.pyc")))
        if str(interpreter) != _COMMAND:
            _add_link(tar, _COMMAND, str(interpreter))


def _compiled(source: Path, kept: Path, scratch: Path) -> bytes:
    """A module's bytecode: what is kept beside it, or made now. Nobody could keep it on a read-only file system."""
    if kept.is_file():
        return kept.read_bytes()
    py_compile.compile(str(source), str(scratch), str(source), doraise=True)
    return scratch.read_bytes()


def _add(tar: tarfile.TarFile, path: str, content: bytes, stat: os.stat_result | None = None) -> None:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size = len(content)
    # Bytecode holds for a source of this time only.
    entry.mtime = int(stat.st_mtime) if stat else 0
    entry.mode = 0o755 if stat and stat.st_mode & 0o100 else 0o644
    tar.addfile(entry, io.BytesIO(content))


def _add_folder(tar: tarfile.TarFile, path: str, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _add_link(tar: tarfile.TarFile, path: str, target: str) -> None:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)
