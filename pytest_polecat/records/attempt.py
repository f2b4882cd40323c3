"""The record of one question, asked once and graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from pytest_polecat.records.base import StoredRecord
from pytest_polecat.records.outcome import FailureMode, Outcome


class Finding(StoredRecord):
    """What one check found, as a sentence for the report, with the points it earned of those it could.

    `turn` counts from 1.
    """

    check: str
    ok: bool
    message: str
    points: float = 0
    earned: float = 0
    turn: int = 1
    mode: FailureMode | None = None


Place = tuple[str, str, str, int, int]
"""Profile, suite, question, epoch and variant."""

Key = tuple[str, str, str, int, int, str, str, str, int]
"""A place, and the hashes of the question, its grader and the model there, and the seed."""


class Case(StoredRecord):
    """One test item that asks a question: what is to be attempted, known before anything runs.

    `hash` is the question's content hash; `reference` names its text in the run's `questions.jsonl`. `profile` is the
    profile's name (`@reference`, `@wrong`, … in a self-test, where `variant` numbers the wrong answers from 1), `model`
    its hash, which covers the weights. `grader` is the hash of the Python file whose test grades it, empty where only
    checks do. `seed` is that of this epoch.
    """

    nodeid: str
    suite: str
    question: str
    hash: str
    profile: str
    model: str = ""
    grader: str = ""
    seed: int = 0
    epoch: int = 1
    variant: int = 0
    tier: int = 1
    points: float = 1

    @property
    def key(self) -> Key:
        """What a result is keyed by: never the node id, which changes with the file's place.

        Another question, grader, profile, weights file or seed is another key.
        """
        return (*self.place, self.hash, self.grader, self.model, self.seed)

    @property
    def place(self) -> Place:
        """The key without what may change while it stays the same question of the same profile."""
        return (self.profile, self.suite, self.question, self.epoch, self.variant)


class Attempt(Case):
    """One question × epoch × profile: the line in a run's `attempts.jsonl`, and what rides on pytest's report.

    `flags` are remarks that cost nothing (`truncated`: right although cut); `replies` are the keys of the kept replies,
    one for each turn; `generation_ms` is their wall time, token counts are sums over the turns (None: unknown).
    `extra` is what third parties added through the hook `pytest_polecat_record`.
    """

    format: Literal["polecat.attempt/1"] = "polecat.attempt/1"
    outcome: Outcome
    earned: float = 0
    mode: FailureMode | None = None
    message: str = ""
    findings: tuple[Finding, ...] = ()
    flags: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    generation_ms: float | None = None
    finished: str = ""
    worker: str = ""
    extra: dict[str, JsonValue] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """What is counted of an attempt at a case. Tens of thousands are kept, in a quarter of the room."""

    case: Case
    outcome: Outcome
    earned: float
    mode: FailureMode | None
    message: str
    flags: tuple[str, ...]
    prompt_tokens: int | None
    completion_tokens: int | None
    generation_ms: float | None

    @classmethod
    def of(cls, case: Case, record: Mapping[str, Any]) -> Result:
        """That of an attempt's record, as it is written down."""
        return cls(
            case=case,
            outcome=Outcome(record["outcome"]),
            earned=record.get("earned", 0.0),
            mode=FailureMode(record["mode"]) if record.get("mode") else None,
            message=record.get("message", ""),
            flags=tuple(record.get("flags", ())),
            prompt_tokens=record.get("prompt_tokens"),
            completion_tokens=record.get("completion_tokens"),
            generation_ms=record.get("generation_ms"),
        )

    @property
    def key(self) -> Key:
        """The case's."""
        return self.case.key

    @property
    def nodeid(self) -> str:
        """The case's."""
        return self.case.nodeid


Graded = Attempt | Result
"""What can be counted."""
