"""What a run comes to: for each profile, by suite and by tier, in questions and in points."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum
from statistics import median
from typing import TypeVar

from pytest_polecat.records.attempt import Case, Graded, Key
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.results.statistics import Interval, wilson

_Counted = TypeVar("_Counted", bound=Graded)

Pair = tuple[Case, Graded | None]
"""A selected test item and what became of it; None: it never finished."""


@dataclass(frozen=True)
class Tally:
    """The numbers of a group of selected test items.

    `questions` are the distinct ones, less those that were skipped in every epoch: the denominator of the pass rate.
    `passed` … `not_run` count test items (question × epoch); they add up to what was selected. Points are averaged over
    the epochs of a question first, so that more epochs do not change the scale: `possible` is the denominator, `earned`
    is certain, `unscored` belongs to what is broken or not run and may be earned or not. `passes` and `unscored_passes`
    are the same in questions: the sums over questions of the share of epochs passed, and of those broken or not run.

    Token counts are sums over what is known, None where nothing is; `unknown_tokens` counts the graded items whose
    completion tokens are unknown. `generation_ms` is the median wall time of generation over the graded items that
    have one. Modes and flags are counted in test items, the most frequent first.
    """

    questions: int
    passed: int
    partial: int
    missed: int
    broken: int
    skipped: int
    not_run: int
    earned: float
    unscored: float
    possible: float
    passes: float
    unscored_passes: float
    modes: Mapping[str, int]
    flags: Mapping[str, int]
    prompt_tokens: int | None
    completion_tokens: int | None
    unknown_tokens: int
    generation_ms: float | None

    @property
    def attempts(self) -> int:
        """The test items in the denominator: all that were selected, less the skipped."""
        return self.passed + self.partial + self.missed + self.broken + self.not_run

    @property
    def complete(self) -> bool:
        """Whether every selected test item was graded, or skipped as not applicable."""
        return self.broken == 0 and self.not_run == 0

    @property
    def refusals(self) -> tuple[int, float] | None:
        """How many test items were missed since the model declined to answer, and their share of those graded.

        None if nothing was graded. A refusal that the question asks for passes, and is none.
        """
        graded = self.passed + self.partial + self.missed
        count = self.modes.get(FailureMode.REFUSAL, 0)
        return (count, count / graded) if graded else None

    @property
    def most(self) -> float:
        """The points if everything that is broken or not run were to earn all of its own."""
        return fsum((self.earned, self.unscored))

    @property
    def pass_rate(self) -> tuple[float, float] | None:
        """The share of questions passed, at least and at most (equal when complete); None without questions."""
        if not self.questions:
            return None
        return self.passes / self.questions, (self.passes + self.unscored_passes) / self.questions

    @property
    def interval(self) -> Interval | None:
        """The 95 % Wilson interval of the pass rate over questions.

        Incomplete: from the low end if all that is broken or not run were missed to the high end if it were passed.
        """
        low = wilson(self.passes, self.questions)
        high = wilson(self.passes + self.unscored_passes, self.questions)
        return Interval(low.low, high.high) if low and high else None


@dataclass(frozen=True)
class SuiteSummary:
    """One suite: all of it, and by tier."""

    total: Tally
    tiers: Mapping[int, Tally]


@dataclass(frozen=True)
class ProfileSummary:
    """One profile in a run.

    `skipped` counts the reasons. `broken` and `not_run` name what makes the run incomplete. `selected` and `deselected`
    are test items of the whole run, all profiles together.
    """

    profile: str
    total: Tally
    suites: Mapping[str, SuiteSummary]
    epochs: int
    skipped: Mapping[str, int]
    broken: tuple[Graded, ...]
    not_run: tuple[Case, ...]
    selected: int
    deselected: int

    @property
    def complete(self) -> bool:
        """Whether every selected test item was graded, or skipped as not applicable."""
        return self.total.complete

    @property
    def subset(self) -> bool:
        """Whether only part of the questions was selected."""
        return self.deselected > 0


def paired(cases: Sequence[Case], attempts: Iterable[_Counted]) -> list[tuple[Case, _Counted | None]]:
    """Each selected test item with its attempt.

    Attempts at what was not selected are left out: an earlier session of a resumed run may have asked more.
    """
    latest = latest_by_key(attempts)
    return [(case, latest.get(case.key)) for case in cases]


def latest_by_key(attempts: Iterable[_Counted]) -> dict[Key, _Counted]:
    """The attempts that count: of several at one case (reruns) the last."""
    return {attempt.key: attempt for attempt in attempts}


def summarise(cases: Sequence[Case], attempts: Iterable[Graded], *, deselected: int) -> dict[str, ProfileSummary]:
    """The summary of each profile, in the order of selection.

    The denominator is what was selected (`cases`) less what was skipped; a case without an attempt is `not run`.
    """
    profiles: dict[str, list[Pair]] = {}
    for pair in paired(cases, attempts):
        profiles.setdefault(pair[0].profile, []).append(pair)
    return {name: _profile(name, pairs, len(cases), deselected) for name, pairs in profiles.items()}


def _profile(name: str, pairs: list[Pair], selected: int, deselected: int) -> ProfileSummary:
    suites: dict[str, list[Pair]] = {}
    for pair in pairs:
        suites.setdefault(pair[0].suite, []).append(pair)
    finished = [attempt for _, attempt in pairs if attempt is not None]
    return ProfileSummary(
        profile=name,
        total=_tally(pairs),
        suites={suite: _suite(members) for suite, members in suites.items()},
        epochs=max(case.epoch for case, _ in pairs),
        skipped=_counted(a.message or "no reason given" for a in finished if a.outcome is Outcome.SKIPPED),
        broken=tuple(a for a in finished if a.outcome is Outcome.BROKEN),
        not_run=tuple(case for case, attempt in pairs if attempt is None),
        selected=selected,
        deselected=deselected,
    )


def _suite(pairs: list[Pair]) -> SuiteSummary:
    tiers = sorted({case.tier for case, _ in pairs})
    return SuiteSummary(
        _tally(pairs), {tier: _tally([pair for pair in pairs if pair[0].tier == tier]) for tier in tiers}
    )


@dataclass(frozen=True, slots=True)
class _QuestionScore:
    """One question, averaged over its epochs."""

    earned: float
    unscored: float
    possible: float
    passes: Fraction | int
    unscored_passes: Fraction | int


def _tally(pairs: Sequence[Pair]) -> Tally:
    outcomes = Counter(attempt.outcome if attempt else None for _, attempt in pairs)
    graded = [attempt for _, attempt in pairs if attempt is not None and _graded(attempt)]
    scores = _question_scores(pairs)
    times = [attempt.generation_ms for attempt in graded if attempt.generation_ms is not None]
    return Tally(
        questions=len(scores),
        passed=outcomes[Outcome.PASSED],
        partial=outcomes[Outcome.PARTIAL],
        missed=outcomes[Outcome.MISSED],
        broken=outcomes[Outcome.BROKEN],
        skipped=outcomes[Outcome.SKIPPED],
        not_run=outcomes[None],
        earned=fsum(score.earned for score in scores),
        unscored=fsum(score.unscored for score in scores),
        possible=fsum(score.possible for score in scores),
        passes=float(sum(score.passes for score in scores)),
        unscored_passes=float(sum(score.unscored_passes for score in scores)),
        modes=_counted(_mode(attempt) for _, attempt in pairs if attempt is not None and _failed(attempt)),
        flags=_counted(flag for attempt in graded for flag in attempt.flags),
        prompt_tokens=_sum(attempt.prompt_tokens for attempt in graded),
        completion_tokens=_sum(attempt.completion_tokens for attempt in graded),
        unknown_tokens=sum(attempt.completion_tokens is None for attempt in graded),
        generation_ms=median(times) if times else None,
    )


def _question_scores(pairs: Sequence[Pair]) -> list[_QuestionScore]:
    questions: dict[tuple[str, str, str, int], list[Pair]] = {}
    for case, attempt in pairs:
        if attempt is None or attempt.outcome is not Outcome.SKIPPED:
            questions.setdefault((case.suite, case.question, case.hash, case.variant), []).append((case, attempt))
    return [_question_score(epochs) for epochs in questions.values()]


def _question_score(epochs: Sequence[Pair]) -> _QuestionScore:
    if len(epochs) == 1:
        return _single_score(*epochs[0])
    n = len(epochs)
    graded = [attempt for _, attempt in epochs if attempt is not None and _graded(attempt)]
    unscored = [case.points for case, attempt in epochs if attempt is None or not _graded(attempt)]
    return _QuestionScore(
        earned=fsum(attempt.earned for attempt in graded) / n,
        unscored=fsum(unscored) / n,
        possible=fsum(case.points for case, _ in epochs) / n,
        passes=Fraction(sum(attempt.outcome is Outcome.PASSED for attempt in graded), n),
        unscored_passes=Fraction(len(unscored), n),
    )


def _single_score(case: Case, attempt: Graded | None) -> _QuestionScore:
    """The score of a question that was asked once, which most are: what the averages come to."""
    if attempt is None or not _graded(attempt):
        return _QuestionScore(0.0, case.points, case.points, 0, 1)
    return _QuestionScore(attempt.earned, 0.0, case.points, int(attempt.outcome is Outcome.PASSED), 0)


def _graded(attempt: Graded) -> bool:
    return attempt.outcome in (Outcome.PASSED, Outcome.PARTIAL, Outcome.MISSED)


def _failed(attempt: Graded) -> bool:
    return attempt.outcome in (Outcome.PARTIAL, Outcome.MISSED, Outcome.BROKEN)


def _mode(attempt: Graded) -> str:
    return attempt.mode.value if attempt.mode else "unclassified"


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def policy_line(summary: ProfileSummary, exit_status: int, *, name: bool = False, gate: str = "no gate") -> str:
    """The one line that says what the exit status rests on; `name` adds the profile's, for a run with several.

    `polecat: 14/25 points (56 %), no gate, exit 0`; incomplete: `polecat: 14–19/25 points, 5 broken, incomplete, …`.
    """
    return ", ".join((*verdict(summary, name=name), gate, f"exit {exit_status}"))


def verdict(summary: ProfileSummary, *, name: bool = False) -> list[str]:
    """The score in words: the points, and whatever stands against taking them for the whole."""
    tally = summary.total
    title = f"polecat ({summary.profile})" if name else "polecat"
    if not tally.possible:
        parts = [f"{title}: nothing to score, {tally.skipped} skipped"]
    elif tally.complete:
        parts = [f"{title}: {points(tally)} points ({percent(tally.earned / tally.possible)})"]
    else:
        parts = [f"{title}: {points(tally)} points"]
    if not tally.complete:
        unscored = {"broken": tally.broken, "not run": tally.not_run}
        parts += [f"{count} {label}" for label, count in unscored.items() if count] + ["incomplete"]
    if summary.subset:
        noun = "questions" if summary.selected == tally.questions + tally.skipped else "test items"
        parts.append(f"subset: {summary.selected} of {summary.selected + summary.deselected} {noun}")
    return parts


def points(tally: Tally) -> str:
    """`14/25`, or with its bounds when incomplete: `14–19/25`."""
    earned = number(tally.earned) if tally.complete else f"{number(tally.earned)}–{number(tally.most)}"
    return f"{earned}/{number(tally.possible)}"


def number(value: float, decimals: int = 2) -> str:
    """A number with at most so many decimals, none of them a needless zero: `14`, `2.5`, `0.33`."""
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """A share as per cent with at most one decimal; never rounded to 0 % or 100 % unless it is exactly that."""
    value = round(100 * share, 1)
    if 0 < share < 1:
        value = min(max(value, 0.1), 99.9)
    return f"{number(value, 1)} %"
