"""What a self-test proves of each suite."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_polecat.questions.selftest import objection, unproven
from pytest_polecat.records.attempt import Attempt
from pytest_polecat.records.question import Question


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
    proven: int


def prove(questions: Iterable[Mapping[str, Any]], attempts: Iterable[Attempt]) -> list[Proof]:
    """Judge suites by the attempts of a self-test. `questions` are the lines of a run's `questions.jsonl`."""
    by_hash: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_hash[attempt.hash].append(attempt)
    suites: dict[str, list[tuple[Question, str]]] = defaultdict(list)
    for line in questions:
        suites[line["suite"]].append((Question.model_validate(line["question"]), line["hash"]))
    return [_proof(suite, members, by_hash) for suite, members in sorted(suites.items())]


def _proof(suite: str, members: list[tuple[Question, str]], by_hash: Mapping[str, list[Attempt]]) -> Proof:
    faults: list[str] = []
    proven = 0
    for question, digest in members:
        own = by_hash.get(digest, [])
        reasons = [reason for attempt in own if (reason := objection(attempt, question))]
        reasons += unproven(question, own)
        faults += [f"{question.id}: {reason}" for reason in reasons]
        proven += not reasons
    return Proof(
        suite=suite,
        questions=len(members),
        families=len({question.family or question.id for question, _ in members}),
        tiers=Counter(question.tier for question, _ in members),
        points=sum(question.points for question, _ in members),
        faults=tuple(faults),
        proven=proven,
    )
