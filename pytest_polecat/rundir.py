"""The folder of a run, and who may write what in it.

run.json          identity; written by the controller, replaced atomically
questions.jsonl   the selected questions, once each; written by whoever collected, all write the same
selected.jsonl    the selected test items (`Case`), in order; likewise
attempts.jsonl    append-only; one writer, the controller's ledger
replies/KEY.json  one kept reply each, as received; written by whoever asked, atomically
servers/NAME.*    state and log of each profile's server; written by the controller
report*.html      pages, made from all of the above
"""

import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_polecat.errors import PolecatError
from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.run import Run, SandboxRun


class RunDir:
    """The paths in a run's folder, and reading and writing them safely."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def planned(cls, runs: Path) -> "RunDir":
        """A new run folder under `runs`, not made yet; its name sorts by time: `20261121-143005-x7f2`."""
        stamp = datetime.now(tz=UTC).strftime("%Y%m%d-%H%M%S")
        return cls(runs / f"{stamp}-{secrets.token_hex(2)}")

    def make_place(self) -> None:
        """Make the folder that the run will stand in, so that one that can't be is found out early."""
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)

    def make(self) -> None:
        """Make the folder; whoever needs it first does."""
        with self._explained():
            (self.path / "replies").mkdir(parents=True, exist_ok=True)
            (self.path / "servers").mkdir(exist_ok=True)
            ignore = self.path.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PolecatError(
                f"can't make the run folder {self.path}: {error.strerror}; choose another with --polecat-runs=DIR"
            ) from error

    @property
    def id(self) -> str:
        """The run's name: that of its folder."""
        return self.path.name

    @property
    def attempts_file(self) -> Path:
        """The lines of the ledger."""
        return self.path / "attempts.jsonl"

    def server_log(self, profile: str) -> Path:
        """Where the log of a profile's server is kept."""
        return self.path / "servers" / f"{file_name(profile)}.log"

    def server_state(self, profile: str) -> Path:
        """Where the controller says how a profile's server is doing."""
        return self.path / "servers" / f"{file_name(profile)}.json"

    def report(self, profile: str | None = None) -> Path:
        """The HTML page; with several models in a run, each has its own."""
        return self.path / (f"report-{file_name(profile)}.html" if profile else "report.html")

    def reply_file(self, key: str) -> Path:
        """Where the kept reply with this key is."""
        return self.path / "replies" / f"{key}.json"

    def read_run(self) -> Run:
        """The identity of the run."""
        file = self.path / "run.json"
        try:
            return Run.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            raise PolecatError(f"{self.path} is not a run: it holds no run.json") from None
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

    def attempts(self) -> Iterator[Attempt]:
        """The attempts, in the order in which they were finished; a torn last line is left out."""
        for line in read_jsonl(self.attempts_file):
            yield Attempt.model_validate(line)

    def cases(self) -> list[Case]:
        """The selected test items, in order."""
        return [Case.model_validate(line) for line in read_jsonl(self.path / "selected.jsonl")]

    def questions(self) -> dict[str, dict[str, Any]]:
        """The selected questions by content hash: `{"hash", "suite", "question"}` with the question's record."""
        return {line["hash"]: line for line in read_jsonl(self.path / "questions.jsonl")}

    def selection(self) -> dict[str, Any]:
        """How the selection came about: `{"deselected": N}`, the items that limits, `-k` and the like left out."""
        try:
            selection: dict[str, Any] = json.loads((self.path / "selection.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return selection

    def write_selection(self, cases: Iterable[Case], questions: Iterable[dict[str, Any]], deselected: int) -> None:
        """Write down what is going to be asked. Every xdist worker collects the same, so any may write it."""
        write_atomically(self.path / "selection.json", json_line({"deselected": deselected}))
        write_atomically(self.path / "questions.jsonl", b"".join(json_line(question) for question in questions))
        write_atomically(
            self.path / "selected.jsonl",
            b"".join(json_line(case.model_dump(mode="json", exclude_defaults=True)) for case in cases),
        )


def json_line(value: object) -> bytes:
    """One line of JSON. ASCII only, so that nothing a model wrote (a lone surrogate) can break the file."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def read_jsonl(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file; none if it does not exist; an unfinished last line is left out."""
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n") and line.strip():
                yield json.loads(line)


def write_atomically(file: Path, data: bytes) -> None:
    """Replace a file in one step, so that a reader sees the old content or the new, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def file_name(name: str) -> str:
    """A profile's name as a file name: everything unusual becomes a dash."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", name)
