"""What a self-test proves of each suite."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_polecat.questions.selftest import due, objection, unproven
from pytest_polecat.records.attempt import Attempt
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.question import Question


@dataclass(frozen=True)
class Judged:
    """What a self-test says of one question: whether it is `proven`, None if it can't tell.

    `folder` is that of the question's file, `key` the hash of all that the proof rests on.
    """

    suite: str
    question: str
    folder: Path
    key: str
    proven: bool | None


@dataclass(frozen=True)
class Proof:
    """One suite's self-test: its size, and why questions are not proven (`question id: reason`).

    `families` counts questions that differ only in constants once.
    """

    suite: str
    questions: int
    families: int
    tiers: Mapping[int, int]
    points: float
    faults: tuple[str, ...]
    judged: tuple[Judged, ...]

    @property
    def proven(self) -> int:
        """How many questions are proven."""
        return sum(each.proven is True for each in self.judged)


def prove(questions: Iterable[Mapping[str, Any]], attempts: Iterable[Attempt]) -> list[Proof]:
    """Judge suites by the attempts of a self-test. `questions` are the lines of a run's `questions.jsonl`."""
    by_hash: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_hash[attempt.hash].append(attempt)
    suites: dict[str, list[tuple[Question, Mapping[str, Any]]]] = defaultdict(list)
    for line in questions:
        suites[line["suite"]].append((Question.model_validate(line["question"]), line))
    return [_proof(suite, members, by_hash) for suite, members in sorted(suites.items())]


def _proof(
    suite: str, members: list[tuple[Question, Mapping[str, Any]]], by_hash: Mapping[str, list[Attempt]]
) -> Proof:
    faults: list[str] = []
    judged = []
    for question, line in members:
        own = by_hash.get(line["hash"], [])
        reasons = _reasons(question, own)
        faults += [f"{question.id}: {reason}" for reason in reasons]
        judged.append(
            Judged(suite, question.id, Path(line["file"]).parent, line.get("proof", ""), _verdict(own, reasons))
        )
    return Proof(
        suite=suite,
        questions=len(members),
        families=len({question.family or question.id for question, _ in members}),
        tiers=Counter(question.tier for question, _ in members),
        points=sum(question.points for question, _ in members),
        faults=tuple(faults),
        judged=tuple(judged),
    )


def _reasons(question: Question, attempts: list[Attempt]) -> list[str]:
    reasons = [reason for attempt in attempts if (reason := objection(attempt, question))]
    if due(question) - {(attempt.profile, attempt.variant) for attempt in attempts}:
        return [*reasons, "only a part of its self-test was run; select the question as a whole"]
    return reasons + unproven(question, attempts)


def _verdict(attempts: list[Attempt], reasons: list[str]) -> bool | None:
    """Whether the question is proven. One that could not be graded here may well be proven elsewhere."""
    if not reasons:
        return True
    ungraded = any(attempt.outcome in (Outcome.BROKEN, Outcome.SKIPPED) for attempt in attempts)
    return None if ungraded or not attempts else False
