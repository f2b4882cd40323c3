"""The profiles that answer without any model, and what a suite must show of itself under each.

`@reference` gives the reference answer, `@wrong` each known-wrong one, `@empty` nothing, `@echo` the prompt.
"""

from collections.abc import Iterator, Sequence

from pytest_polecat.questions.cases import CaseParam, Entry
from pytest_polecat.questions.tool_results import ended
from pytest_polecat.records.attempt import Attempt
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import DeclaredAnswer, Question
from pytest_polecat.records.reply import Reply

NAMES = ("@reference", "@wrong", "@empty", "@echo")

LAUNCHER = "none"
"""The launcher of the self-test profiles: nothing is started, nothing is asked."""


def profiles() -> dict[str, Profile]:
    """The self-test profiles by name."""
    return {name: Profile(name=name, launcher=LAUNCHER, parallel=4) for name in NAMES}


def variants(question: Question, profile: str) -> Sequence[int]:
    """The attempts that a profile makes at a question: one, but `@wrong` makes one for each wrong answer."""
    if profile == "@wrong":
        return range(1, len(question.wrong) + 1)
    return (0,)


def cases(entry: Entry) -> Iterator[CaseParam]:
    """Everything that a self-test asks of one question."""
    for profile, variant in _due(entry.question):
        yield CaseParam(entry, profile, 1, variant)


def due(question: Question) -> set[tuple[str, int]]:
    """The attempts that make up the self-test of a question: profiles and variants."""
    return set(_due(question))


def _due(question: Question) -> Iterator[tuple[str, int]]:
    for profile in NAMES:
        if profile == "@reference" and question.reference is None:
            continue
        for variant in variants(question, profile):
            yield profile, variant


def replies(question: Question, profile: str, variant: int) -> tuple[Reply, ...]:
    """What a self-test profile says in each turn that the conversation comes to; why it ended early is the last."""
    said: list[Reply] = []
    for turn in range(question.length):
        if end := ended(question, said):
            return (*said, end)
        said.append(_reply(question, profile, variant, turn))
    return tuple(said)


def _reply(question: Question, profile: str, variant: int, turn: int) -> Reply:
    if profile == "@echo":
        return Reply(content=question.conversation[turn].prompt or "", finish_reason="stop")
    declared = declared_answer(question, profile, variant)
    if declared is None:
        return Reply(finish_reason="stop")
    answer = declared.turns[turn]
    return Reply(
        content=answer.content,
        reasoning=answer.reasoning,
        tool_calls=answer.tool_calls,
        finish_reason="tool_calls" if answer.tool_calls else "stop",
    )


def declared_answer(question: Question, profile: str, variant: int) -> DeclaredAnswer | None:
    """The author's answer that stands behind an attempt of the self-test, if there is one."""
    if profile == "@reference":
        return question.reference
    if profile == "@wrong":
        return question.wrong[variant - 1]
    return None


def objection(attempt: Attempt, question: Question) -> str | None:
    """What is wrong with the suite if this attempt came out so; None if it came out as it must."""
    if attempt.outcome is Outcome.BROKEN:
        return f"grading broke instead of giving a verdict: {attempt.message}"
    if attempt.outcome is Outcome.SKIPPED:
        return f"grading skips {_answer_name(attempt)} instead of giving a verdict: {attempt.message}"
    if attempt.profile == "@reference":
        if attempt.outcome is Outcome.PASSED:
            return None
        return f"the reference answer earns {attempt.earned:g} of {attempt.points:g} points: {attempt.message}"
    declared = declared_answer(question, attempt.profile, attempt.variant)
    deserved = declared.points if declared else 0.0
    if attempt.outcome is Outcome.PASSED:
        return f"{_answer_name(attempt)} passes; tighten the checks"
    if abs(attempt.earned - deserved) > 1e-9:
        return (
            f"{_answer_name(attempt)} earns {attempt.earned:g} points and is declared to deserve {deserved:g}; "
            "tighten the checks, or declare its `points`"
        )
    return None


def unproven(question: Question, attempts: Sequence[Attempt]) -> list[str]:
    """Why a question's self-test proves too little, given all its attempts; empty if it proves enough.

    Every check must be failed by at least one declared wrong answer: a check that nothing fails may be a check that
    can't fail.
    """
    reasons = []
    if question.reference is None:
        reasons.append("it has no reference answer; add `reference`")
    if not question.wrong:
        reasons.append("it has no wrong answer; add `wrong`")
        return reasons
    failed: set[tuple[int, int]] = set()
    for attempt in attempts:
        if attempt.profile == "@wrong":
            said = replies(question, attempt.profile, attempt.variant)
            failed |= _failed_checks(attempt, turns=sum(reply.error is None for reply in said))
    for number, turn in enumerate(question.conversation, start=1):
        for position, check in enumerate(turn.checks):
            if (number, position) not in failed:
                reasons.append(f"no wrong answer fails its check `{check.name}`; add one that does")
    return reasons


def _failed_checks(attempt: Attempt, turns: int) -> set[tuple[int, int]]:
    """The checks of the first `turns` turns that failed: in one that never came about all do, which proves nothing."""
    failed = set()
    position: dict[int, int] = {}
    for finding in attempt.findings:
        index = position.get(finding.turn, 0)
        position[finding.turn] = index + 1
        if not finding.ok and finding.turn <= turns:
            failed.add((finding.turn, index))
    return failed


def _answer_name(attempt: Attempt) -> str:
    names = {"@reference": "the reference answer", "@empty": "an empty reply", "@echo": "an echo of the prompt"}
    return names.get(attempt.profile, f"wrong answer {attempt.variant}")
