"""The verdict on a repository that ran its own tests: drawn from reports which the candidate may have forged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_polecat.sandbox.errors import ProtocolError
from pytest_polecat.sandbox.mirrors import printable
from pytest_polecat.sandbox.reports import Ended, Reports
from pytest_polecat.sandbox.supervised import Finished

_NAMED = 5
_SKIPPED = ("skipped", "xfailed", "xpassed")


@dataclass(frozen=True)
class Demand:
    """Ids of tests: those expected to pass, those with altered copies, the canaries, drawn ones that must pass."""

    expected: tuple[str, ...]
    guarded: frozenset[str]
    must_fail: frozenset[str]
    must_pass: frozenset[str]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class Round:
    """One run of the tests: which of them were altered, how the process ended, and what it told."""

    altered: frozenset[str]
    finished: Finished
    reports: Reports

    def ended(self, test: str) -> Ended | None:
        """How a test ended; None if nothing was told."""
        return self.reports.tests.get(test)


@dataclass(frozen=True)
class RepositoryResult:
    """What came of a repository's tests. Ids are pytest's: `tests/test_queue.py::TestQueue::test_order`.

    `failed` gives a reason for each id; `skipped` are expected failures too. `missing` were expected and never ended,
    `unexpected` ran although nobody asked, `doubled` ended twice. `canaries_held` says that every test which had to
    fail did, `unguarded` are the ids that no altered copy stands behind. `left_out` gives, for each of the candidate's
    files that was not used, why. `stdout` and `stderr` are those of the first run, `seconds` those of both; `limited`
    says what cut them short: `time`, `memory` or `output`.
    """

    passed: bool
    message: str
    failed: Mapping[str, str]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    doubled: tuple[str, ...]
    canaries_held: bool
    unguarded: tuple[str, ...]
    left_out: Mapping[str, str]
    stdout: str
    stderr: str
    seconds: float
    limited: str | None
    tamper_evident: bool = field(default=True, init=False)


class TamperingError(ProtocolError):
    """What was told of the tests can't be true: the candidate forged it. `result` has the details."""

    def __init__(self, message: str, result: RepositoryResult) -> None:
        super().__init__(message)
        self.result = result


def judge(demand: Demand, rounds: Sequence[Round]) -> RepositoryResult:
    """The verdict. Raises `TamperingError` where the reports contradict what is known."""
    failed, skipped, missing = _not_passed(demand, rounds)
    asked = {*demand.expected, *demand.must_fail, *demand.must_pass}
    unexpected = _unique(test for each in rounds for test in each.reports.tests if test not in asked)
    doubled = _unique(test for each in rounds for test in each.reports.doubled)
    sound = set(demand.expected) - {*failed, *skipped, *missing}
    loose = list(_loose(demand, rounds, sound))
    lies = [
        *_unique(lie for each in rounds for lie in each.reports.forged),
        *_told("ran although nobody asked", unexpected),
        *_told("ended twice", doubled),
        *_told("passed, which can't be", [test for test, ended in loose if ended and ended.status == "passed"]),
    ]
    limited = next((each.finished.limited for each in rounds if each.finished.limited), None)
    whole = len(rounds) == 2 and all(each.reports.ended for each in rounds) and not limited
    problems = _unique(text for each in rounds for text in each.reports.problems)
    passed = bool(sound) and sound == set(demand.expected) and not (loose or lies or problems) and whole
    reasons = [
        *_told("failed", [f"{test} ({why})" for test, why in failed.items()]),
        *_told("skipped", skipped),
        *_told("did not end", missing),
        *problems[:_NAMED],
        *(["the tests' process ended before they had all run"] if not whole and not limited else []),
        *([f"the tests were cut short: {limited}"] if limited else []),
        *_told("did not do what it must", [] if failed or missing else [test for test, _ in loose]),
        *_told("left out", [f"{path} ({why})" for path, why in demand.left_out.items()]),
    ]
    message = "" if passed else "; ".join(["forged reports of tests: " + "; ".join(lies)] if lies else reasons)
    result = RepositoryResult(
        passed=passed,
        message=message,
        failed=failed,
        skipped=skipped,
        missing=missing,
        unexpected=unexpected,
        doubled=doubled,
        canaries_held=not loose,
        unguarded=tuple(test for test in demand.expected if test not in demand.guarded),
        left_out=demand.left_out,
        stdout=rounds[0].reports.printed,
        stderr=rounds[0].finished.stderr.decode(errors="replace"),
        seconds=sum(each.finished.seconds for each in rounds),
        limited=limited,
    )
    if lies:
        raise TamperingError(message, result)
    return result


def _not_passed(demand: Demand, rounds: Sequence[Round]) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """The expected tests that failed, with reasons, were skipped, or never ended, where they were left as they are."""
    failed, skipped, missing = {}, [], []
    for test in demand.expected:
        ends = [each.ended(test) for each in rounds if test not in each.altered]
        told = [end for end in ends if end is not None]
        if not told or len(told) < len(ends):
            missing.append(test)
        elif any(end.status in _SKIPPED for end in told):
            skipped.append(test)
        elif bad := [end for end in told if end.status != "passed"]:
            failed[test] = bad[0].why
    return failed, tuple(skipped), tuple(missing)


def _loose(demand: Demand, rounds: Sequence[Round], sound: set[str]) -> Iterator[tuple[str, Ended | None]]:
    """The canaries that did not fail, and the altered copies of tests that passed; drawn ones that failed.

    An altered copy of a test which failed may pass: the code is wrong, not a liar.
    """
    for each in rounds:
        for test in (*sorted(demand.must_fail), *sorted(each.altered & sound)):
            ended = each.ended(test)
            if ended is None or ended.status != "failed":
                yield test, ended
        for test in sorted(demand.must_pass):
            ended = each.ended(test)
            if ended is None or ended.status != "passed":
                yield test, None


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def _told(what: str, tests: Sequence[str]) -> list[str]:
    """A sentence on some tests: the first of them, and how many more there are."""
    if not tests:
        return []
    more = f" and {len(tests) - _NAMED} more" if len(tests) > _NAMED else ""
    return [f"{what}: {', '.join(printable(each, 300) for each in tests[:_NAMED])}{more}"]
