"""What self-tests have proven, written down beside the suites, and what may be asked for that.

`SUITE.proof.json`, in the folder of the suite's files, names the proven questions. Each has a key, the hash of all that
its proof rests on: the question, the file it is graded by, and checks that other packages bring. A proof holds for as
long as the key is the same, and polecat's version is. Where the folder can't be written, the user's cache keeps it.
"""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

import pytest_polecat
from pytest_polecat.grading.checks import BUILTIN, Check
from pytest_polecat.records.base import StoredRecord
from pytest_polecat.records.question import Question, content_hash
from pytest_polecat.records.run import Run
from pytest_polecat.resources import cache_folders, make_private
from pytest_polecat.rundir import write_atomically

if TYPE_CHECKING:
    from pytest_polecat.results.proof import Judged

_SHOWN = 5


class ProofRecord(StoredRecord):
    """`SUITE.proof.json`: the key of each proven question by its id, and the version of polecat that proved them."""

    format: Literal["polecat.proof/1"] = "polecat.proof/1"
    suite: str
    polecat: str
    questions: dict[str, str] = {}


def proof_key(question: str, module: str, checks: Iterable[Check]) -> str:
    """The hash of all that a question's proof rests on: 16 hex digits.

    `question` is the content hash of its entry, `module` that of the file it is graded by, if that is Python. Of the
    checks that it uses, polecat's own are covered by polecat's version.
    """
    own = (check for check in checks if BUILTIN.get(check.name) is not check)
    return content_hash(question, module, sorted(map(_source, own)))


def _source(check: Check) -> str:
    modules = {check.expectation.__module__, check.verify.__module__}
    files = sorted(inspect.getsourcefile(sys.modules[name]) or "" for name in modules if name in sys.modules)
    return content_hash(check.name, *(Path(file).read_text(encoding="utf-8") for file in files if file))


class Proofs:
    """The records of what is proven, each read when first needed."""

    def __init__(self) -> None:
        self._records: dict[tuple[Path, str], list[ProofRecord]] = {}

    def doubt(self, suite: str, question: Question, file: str, key: str) -> str:
        """Why a question of a suite's file is not proven; empty if it is."""
        if question.reference is None or not question.wrong:
            lacking = "no reference answer" if question.reference is None else "no wrong answers"
            return f"has {lacking}, so nothing can prove it"
        folder = Path(file).parent
        if (folder, suite) not in self._records:
            read = (_read(place) for place in _places(folder, suite))
            self._records[folder, suite] = [record for record in read if record is not None]
        known = [record for record in self._records[folder, suite] if question.id in record.questions]
        if not known:
            return "never passed a self-test"
        fresh = [record for record in known if record.polecat == pytest_polecat.__version__]
        if not fresh:
            return f"proven for polecat {known[0].polecat} alone"
        return "" if any(record.questions[question.id] == key for record in fresh) else "changed since its self-test"


def keep(judged: Iterable[Judged]) -> list[str]:
    """Write down what a self-test found. Returns a sentence for each record that is new or can't be kept.

    What was not judged, such as questions that were not selected, stays as it was.
    """
    groups: dict[tuple[Path, str], list[Judged]] = defaultdict(list)
    for each in judged:
        groups[each.folder, each.suite].append(each)
    told = (_keep(folder, suite, members) for (folder, suite), members in sorted(groups.items()))
    return [sentence for sentence in told if sentence]


def _keep(folder: Path, suite: str, judged: list[Judged]) -> str:
    error: OSError | None = None
    for place in _places(folder, suite):
        before = _read(place)
        proven = dict(before.questions) if before and before.polecat == pytest_polecat.__version__ else {}
        for each in judged:
            if each.proven:
                proven[each.question] = each.key
            elif each.proven is False or proven.get(each.question) != each.key:
                proven.pop(each.question, None)
        after = ProofRecord(suite=suite, polecat=pytest_polecat.__version__, questions=dict(sorted(proven.items())))
        if after == before or not (proven or before):
            return ""
        try:
            if place.parent != folder:
                make_private(place.parent)
            write_atomically(place, after.model_dump_json(indent=1).encode() + b"\n")
        except OSError as caught:
            error = caught
        else:
            return f"what is proven of {suite} is written down in {place}"
    return f"what is proven of {suite} can't be written down: {error}"


def _places(folder: Path, suite: str) -> list[Path]:
    """Where the record of a suite may be, best first."""
    cache = next(iter(cache_folders("proofs")))
    return [folder / f"{suite}.proof.json", cache / f"{suite}-{content_hash(str(folder.resolve()))}.proof.json"]


def _read(place: Path) -> ProofRecord | None:
    try:
        return ProofRecord.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None


def refusal(questions: Iterable[Mapping[str, Any]], start: Path) -> str:
    """One line on the questions that are not proven, and the mend; empty if all are.

    `questions` are the lines of a run's `questions.jsonl`; the command that it names is meant for the folder `start`.
    """
    doubted = [line for line in questions if line.get("unproven")]
    if not doubted:
        return ""
    names = [f"{line['suite']}/{line['question']['id']} ({line['unproven']})" for line in doubted]
    folders: dict[Path, set[Path]] = defaultdict(set)
    for line in doubted:
        file = Path(line["file"])
        folders[file.parent].add(file)
    paths = [files.pop() if len(files) == 1 else folder for folder, files in sorted(folders.items())]
    command = shlex.join(["pytest", "--polecat-selftest", *(_from(path, start) for path in paths)])
    return (
        f"--polecat-model: not proven: {_named(names)}; prove what can be: {command}; "
        "or ask all the same: --polecat-allow-unproven"
    )


def _from(path: Path, start: Path) -> str:
    return os.path.relpath(path, start) if path.is_relative_to(start) else str(path)


def remarks(run: Run) -> list[str]:
    """A sentence for each suite of a run of which unproven questions were asked."""
    return [
        f"unproven: {len(suite.unproven)} of {suite.questions} questions of {suite.suite}: {_named(suite.unproven)}"
        for suite in run.suites.values()
        if suite.unproven
    ]


def _named(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
