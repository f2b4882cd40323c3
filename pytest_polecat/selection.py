"""What a session is about: the cases that its items stand for, and what of them an earlier session has finished."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.grading.checks import Check
from pytest_polecat.questions import selftest
from pytest_polecat.questions.cases import CaseParam, Entry
from pytest_polecat.questions.collecting import ENTRIES, case_of
from pytest_polecat.records.attempt import Case
from pytest_polecat.records.base import lean
from pytest_polecat.results.proven import Proofs, proof_key
from pytest_polecat.results.resuming import Earlier
from pytest_polecat.rundir import RunDir


class CaseBook:
    """Knows what item stands for what `Case`, and what is proven of its question.

    `models` are the hashes of the profiles, `seed` is that of epoch 1, `checks` are the checks that there are.
    """

    def __init__(self, models: Mapping[str, str], seed: int, checks: Mapping[str, Check]) -> None:
        self._models = models
        self._seed = seed
        self._checks = checks
        self._proofs = Proofs()
        self._graders: dict[Path, str] = {}

    def of(self, item: pytest.Item) -> Case | None:
        """The case of an item that asks a question of a model; None for other items."""
        param = case_of(item)
        if param is None or param.entry is None or param.profile is None:
            return None
        return self._case(item, param, param.entry, param.profile)

    def proof(self, item: pytest.Item, entry: Entry, *, needed: bool) -> dict[str, str]:
        """The key of what would prove the question, and under `unproven` why it is not, if proof is needed."""
        checks = (self._checks[spec.name] for spec in entry.question.all_checks if spec.name in self._checks)
        key = proof_key(entry.hash, self._grader(item), checks)
        doubt = self._proofs.doubt(entry.header.suite, entry.question, entry.file, key) if needed else ""
        return {"proof": key, "unproven": doubt} if doubt else {"proof": key}

    def _case(self, item: pytest.Item, param: CaseParam, entry: Entry, profile: str) -> Case:
        case = Case(
            nodeid=item.nodeid,
            suite=entry.header.suite,
            question=entry.question.id,
            hash=entry.hash,
            profile=profile,
            model=self._models.get(profile, ""),
            grader=self._grader(item),
            seed=self._seed + param.epoch - 1,
            epoch=param.epoch,
            variant=param.variant,
            tier=entry.question.tier,
            points=entry.question.points,
        )
        return lean(case)

    def _grader(self, item: pytest.Item) -> str:
        if isinstance(item, pytest.Function) and hasattr(item.module, ENTRIES):
            return ""
        if item.path not in self._graders:
            self._graders[item.path] = hashlib.sha256(item.path.read_bytes()).hexdigest()[:16]
        return self._graders[item.path]


class Selection:
    """The items that a session was asked for, their cases in order, and what an earlier session left to do."""

    def __init__(self, items: Sequence[pytest.Item], book: CaseBook, earlier: Earlier) -> None:
        self.earlier = earlier
        self._book = book
        self.items = [item for item in items if case_of(item) is not None]
        self.cases = {item: case for item in self.items if (case := book.of(item)) is not None}
        self.asks = any((param := case_of(item)) and param.profile for item in self.items)
        self.finished = [item for item, case in self.cases.items() if earlier.finished(case)]

    def write(self, run: RunDir, generated: int) -> None:
        """Write the selection down; `generated` counts all items with a case, before anything was left out."""
        run.write_selection(self.cases.values(), self._questions(), deselected=generated - len(self.items))

    def _questions(self) -> list[dict[str, Any]]:
        lines: dict[str, dict[str, Any]] = {}
        for item in self.items:
            case = case_of(item)
            if case is None or case.entry is None or case.entry.hash in lines:
                continue
            entry = case.entry
            lines[entry.hash] = {
                "hash": entry.hash,
                "suite": entry.header.suite,
                "version": entry.header.version,
                "licence": entry.header.licence,
                "file": entry.file,
                "system": entry.header.system,
                "question": entry.question.model_dump(mode="json", exclude_defaults=True),
                **self._book.proof(item, entry, needed=case.profile not in selftest.NAMES),
            }
        return list(lines.values())
