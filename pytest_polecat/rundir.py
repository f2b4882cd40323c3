"""The folder of a run, and who may write what in it.

run.json          identity; written by the controller, replaced atomically
questions.jsonl   the selected questions, once each; written by whoever collected, all write the same
selected.jsonl    the selected test items (`Case`), in order; likewise
*.new             what was collected, before the controller has begun the run with it
attempts.jsonl    append-only; one writer, the controller's ledger
lock              held by the controller, so that nobody else writes here
replies/KEY.json  one kept reply each, as received; written by whoever asked, atomically
servers/NAME.*    state and log of each profile's server; written by the controller
workers/NAME.json what an xdist worker is doing, for the progress line; written by the worker
report*.html      pages, made from all of the above
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from pytest_polecat.errors import PolecatError
from pytest_polecat.jsonl import json_line, line_count, read_jsonl, read_log, whole_lines
from pytest_polecat.records.activity import Activity
from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.base import lean
from pytest_polecat.records.run import Run, SandboxRun

_NUMBERS = count()


class RunDir:
    """The paths in a run's folder, and reading and writing them safely."""

    def __init__(self, path: Path, *, ours: bool = False) -> None:
        """`ours`: this process has made the folder, for a run that did not begin yet."""
        self.path = path
        self._lock: TextIO | None = None
        self._ours = ours

    @classmethod
    def found(cls, runs: Path, name: str) -> "RunDir":
        """The run of this name under `runs`, or in the folder of this path. Raises `PolecatError`."""
        for path in (runs / name, Path(name)):
            if (path / "run.json").is_file():
                return cls(path)
        raise PolecatError(f"there is no run {name!r}, neither in {runs} nor as a path to a folder with a run.json")

    @classmethod
    def all(cls, runs: Path) -> "list[RunDir]":
        """Every run under `runs`, the newest first."""
        return [cls(file.parent) for file in sorted(runs.glob("*/run.json"), reverse=True)]

    @classmethod
    def planned(cls, runs: Path) -> "RunDir":
        """A new run folder under `runs`, not made yet; its name sorts by time: `20261121-143005-c7f2`.

        The last part is the fraction of the second: runs that begin in the same one sort as well.
        """
        now = datetime.now(tz=UTC)
        return cls(runs / f"{now:%Y%m%d-%H%M%S}-{now.microsecond * 0x10000 // 1_000_000:04x}")

    def claim(self) -> None:
        """Make the folder of a planned run, as one that nobody else has: under another name if this one is taken.

        Raises `PolecatError`.
        """
        with self.beginning():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while not self._ours:
                try:
                    self.path.mkdir()
                    self._ours = True
                except FileExistsError:
                    self.path = self.planned(self.path.parent).path

    def make(self) -> None:
        """Make what stands in the folder from the start; whoever needs it first does. Raises `PolecatError`."""
        with self.beginning():
            (self.path / "replies").mkdir(parents=True, exist_ok=True)
            (self.path / "servers").mkdir(exist_ok=True)
            ignore = self.path.parent / ".gitignore"
            if not ignore.exists():
                write_atomically(ignore, b"*\n")

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Explain what keeps a run from beginning: what is an `OSError` within is a `PolecatError` outside."""
        try:
            yield
        except OSError as error:
            raise PolecatError(
                f"can't begin the run {self.path}: {error.strerror}; mend that, or begin one in another folder with "
                "--polecat-runs=DIR"
            ) from error

    @property
    def id(self) -> str:
        """The run's name: that of its folder."""
        return self.path.name

    @property
    def attempts_file(self) -> Path:
        """The lines of the ledger."""
        return self.path / "attempts.jsonl"

    @property
    def selected_file(self) -> Path:
        """The selected test items, one on a line."""
        return self.path / "selected.jsonl"

    @property
    def questions_file(self) -> Path:
        """The selected questions, one on a line."""
        return self.path / "questions.jsonl"

    def server_log(self, profile: str) -> Path:
        """Where the log of a profile's server is kept."""
        return self.path / "servers" / f"{file_name(profile)}.log"

    def server_state(self, profile: str) -> Path:
        """Where the controller says how a profile's server is doing."""
        return self.path / "servers" / f"{file_name(profile)}.json"

    def report(self, profile: str | None = None) -> Path:
        """The HTML page; with several models in a run, each has its own."""
        return self.path / (f"report-{file_name(profile)}.html" if profile else "report.html")

    def reply_file(self, key: str) -> str:
        """Where the kept reply with this key is. A text: `Path` keeps the parts of tens of thousands of paths."""
        return f"{self.path}/replies/{key}.json"

    def read_run(self) -> Run:
        """The identity of the run."""
        file = self.path / "run.json"
        try:
            return Run.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            raise PolecatError(f"{self.path} is not a run: it holds no run.json") from None
        except OSError as error:
            raise PolecatError(f"{file} can't be read: {error.strerror}") from error
        except ValidationError as error:
            raise PolecatError(f"{file} can't be read: {error.errors()[0]['msg']}") from error

    def write_run(self, run: Run) -> None:
        """Replace the identity of the run."""
        write_atomically(self.path / "run.json", run.model_dump_json(indent=2).encode())

    def write_sandbox(self, sandbox: SandboxRun) -> None:
        """Note what code runs in; every worker notes the same."""
        write_atomically(self.path / "sandbox.json", sandbox.model_dump_json(indent=2).encode())

    def sandbox(self) -> SandboxRun | None:
        """What code ran in, None if none did."""
        try:
            return SandboxRun.model_validate_json((self.path / "sandbox.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def tell_activity(self, worker: str, activity: Activity) -> None:
        """Say what a worker is doing; who can't write it down does not."""
        with suppress(OSError):
            folder = self.path / "workers"
            folder.mkdir(exist_ok=True)
            write_atomically(folder / f"{worker}.json", activity.model_dump_json().encode())

    def activity(self) -> Activity:
        """What all workers together are doing."""
        told = []
        for file in (self.path / "workers").glob("*.json"):
            with suppress(OSError, ValidationError):
                told.append(Activity.model_validate_json(file.read_bytes()))
        return Activity(in_flight=sum(each.in_flight for each in told), tokens=sum(each.tokens for each in told))

    def attempts(self, until: int | None = None) -> Iterator[Attempt]:
        """The attempts in the order in which they were finished; a damaged line is left out: that item is not decided.

        Only those in the first `until` bytes of the file, if that is given. Raises `PolecatError` if one can't be read.
        """
        return map(self._attempt, read_log(self.attempts_file, until))

    def verdicts(self, until: int | None = None) -> Iterator[Attempt]:
        """The attempts likewise, without their findings: tens of thousands fit into memory."""
        for line in read_log(self.attempts_file, until):
            line.pop("findings", None)
            yield lean(self._attempt(line))

    def _attempt(self, line: dict[str, Any]) -> Attempt:
        try:
            return Attempt.model_validate(line)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise PolecatError(
                f"{self.attempts_file}: the attempt at {line.get('nodeid', 'an unknown item')} is damaged or of "
                f"another version of polecat: {where}: {problem['msg']}; begin a new run"
            ) from None

    def damage(self) -> list[str]:
        """What can't be read of the files that may be read in part: a sentence for each that has damaged lines."""
        lost = {self.attempts_file: "what they said does not count", self.questions_file: "the page lacks them"}
        counts = {}
        for file in lost:
            size = file.stat().st_size if file.exists() else 0  # more may be written meanwhile
            counts[file] = line_count(file, size) - sum(1 for _ in read_log(file, size))
        return [f"{file}: lines that are damaged: {counts[file]}; {lost[file]}" for file in lost if counts[file]]

    def take(self) -> None:
        """Become the one who writes here, for as long as this object lives, and drop a torn last attempt.

        Raises `PolecatError` when another process is.
        """
        if self._lock is not None:
            return
        with self.beginning():
            self._lock = (self.path / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise PolecatError(f"another pytest is writing the run {self.path}; wait for it, or end it") from None
        with self.beginning():
            self._mend_attempts()

    def release(self) -> None:
        """Let others write here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Remove the folder, if this process has made it: nothing came of the run, or nobody wants to keep it."""
        if self._ours:
            shutil.rmtree(self.path, ignore_errors=True)

    def _mend_attempts(self) -> None:
        if self.attempts_file.exists():
            with self.attempts_file.open("r+b") as attempts:
                attempts.truncate(whole_lines(attempts))

    def cases(self) -> list[Case]:
        """The selected test items, in order."""
        return [Case.model_validate(line) for line in read_jsonl(self.selected_file)]

    def questions(self) -> dict[str, dict[str, Any]]:
        """The selected questions by content hash: `{"hash", "suite", "question"}` with the question's record."""
        return {line["hash"]: line for line in self.question_lines()}

    def question_lines(self) -> Iterator[dict[str, Any]]:
        """The selected questions one after the other, as `questions` has them."""
        return read_jsonl(self.questions_file)

    def selection(self) -> dict[str, Any]:
        """How the selection came about: `{"deselected": N}`, the items that limits, `-k` and the like left out."""
        try:
            selection: dict[str, Any] = json.loads((self.path / "selection.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return selection

    def write_selection(self, cases: Iterable[Case], questions: Iterable[dict[str, Any]], deselected: int) -> None:
        """Write down what could be asked, for `adopt_selection`. Every xdist worker collects the same, so any may.

        Raises `PolecatError`.
        """
        contents = (
            json_line({"deselected": deselected}),
            b"".join(json_line(question) for question in questions),
            b"".join(json_line(case.model_dump(mode="json", exclude_defaults=True)) for case in cases),
        )
        with self.beginning():
            for file, content in zip(self._of_selection, contents, strict=True):
                write_atomically(self._proposed(file), content)

    def has_proposal(self) -> bool:
        """Whether a selection is written down that is not the run's yet."""
        return self._proposed(self.selected_file).exists()

    def proposed_questions(self) -> Iterator[dict[str, Any]]:
        """The questions of that selection, as `questions` has them."""
        return read_jsonl(self._proposed(self.questions_file))

    def adopt_selection(self) -> None:
        """Make it the run's: from now on it is what the run is about. Raises `OSError`."""
        for file in self._of_selection:
            self._proposed(file).replace(file)

    def drop_selection(self) -> None:
        """Forget the selection that is not the run's."""
        for file in self._of_selection:
            with suppress(OSError):
                self._proposed(file).unlink(missing_ok=True)

    @property
    def _of_selection(self) -> tuple[Path, ...]:
        return self.path / "selection.json", self.questions_file, self.selected_file

    def _proposed(self, file: Path) -> Path:
        return file.with_name(f"{file.name}.new")


def read_bytes(file: str) -> bytes:
    """The content of a file."""
    with open(file, "rb") as content:  # noqa: PTH123 - a text, see `RunDir.reply_file`
        return content.read()


def write_atomically(file: Path | str, data: bytes | Iterable[bytes]) -> None:
    """Replace a file in one step, so that a reader sees the old content or the new, never half of it."""
    target = os.fspath(file)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.{next(_NUMBERS)}")  # noqa: PTH118 - thousands are written
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as out:  # noqa: PTH123 - a file that is open already
            out.writelines([data] if isinstance(data, bytes) else data)
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def file_name(name: str) -> str:
    """A profile's name as a file name: everything unusual becomes a dash."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", name)
