import pytest

from pytest_polecat.errors import Missed, PolecatError, ServerError, SuiteError
from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.grading.grader import Grade, Grader
from pytest_polecat.grading.score import Score
from pytest_polecat.grading.verdict import Verdict, conclude
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.question import Question
from pytest_polecat.records.reply import AskError, Reply

GRADER = Grader(BUILTIN)


def grade(text: str, **fields: object) -> Grade:
    question = Question.model_validate({"id": "q", "prompt": "Say it.", **fields})
    return GRADER.grade(question, [Reply(content=text)])


def test_points_are_shared_equally_and_full_marks_are_exactly_the_points() -> None:
    checks = [{"includes": ["a"]}, {"includes": ["b"]}, {"includes": ["c"]}]
    assert grade("a b c", points=1, checks=checks).earned == 1
    assert grade("a b", points=1, checks=checks).earned == pytest.approx(2 / 3)
    assert [finding.ok for finding in grade("a b", checks=checks).findings] == [True, True, False]


def test_weights_share_the_points() -> None:
    checks = [{"includes": ["a"], "weight": 3}, {"includes": ["b"]}]
    assert grade("a", points=4, checks=checks).earned == 3
    assert grade("b", points=4, checks=checks).earned == 1


def test_half_an_answer_is_none_where_the_question_says_so() -> None:
    result = grade("a", points=4, all_or_nothing=True, checks=[{"includes": ["a"]}, {"includes": ["b"]}])
    assert result.earned == 0
    assert [finding.earned for finding in result.findings] == [0, 0]


@pytest.mark.parametrize("text", ["", "  \n", "Say it.", " say  IT. "])
def test_nothing_and_an_echo_fail_every_check_whatever_it_asks(text: str) -> None:
    result = grade(text, checks=[{"excludes": ["sun"]}, {"words": {"max": 20}}])
    assert result.earned == 0
    assert not any(finding.ok for finding in result.findings)


def test_a_turn_that_was_never_answered_fails_its_checks() -> None:
    turns = [{"prompt": "A?", "checks": [{"exact": "a"}]}, {"prompt": "B?", "checks": [{"exact": "b"}]}]
    question = Question.model_validate({"id": "q", "points": 2, "turns": turns})
    result = GRADER.grade(question, [Reply(content="a")])
    assert (result.earned, [finding.turn for finding in result.findings]) == (1, [1, 2])


def test_an_unknown_check_is_refused_with_the_nearest_name() -> None:
    question = Question.model_validate({"id": "q", "prompt": "?", "checks": [{"wrods": 2}]})
    with pytest.raises(SuiteError, match="there is no check `wrods`; did you mean `words`"):
        GRADER.expectation(question.checks[0])


def verdict(error: BaseException | None, *, score: Score | None = None, last: Reply | None = None) -> Verdict:
    return conclude(error, 3, score or Score(3), None, last or Reply(content="x", finish_reason="stop"))


@pytest.mark.parametrize(
    ("error", "outcome", "mode"),
    [
        (None, Outcome.PASSED, None),
        (AssertionError("no"), Outcome.MISSED, FailureMode.TEST_FAILURE),
        (pytest.fail.Exception("no"), Outcome.MISSED, FailureMode.TEST_FAILURE),
        (Missed("no"), Outcome.MISSED, FailureMode.WRONG_ANSWER),
        (Missed("no", mode="extraction_failed"), Outcome.MISSED, FailureMode.EXTRACTION_FAILED),
        (Missed("no", mode="of my own"), Outcome.MISSED, FailureMode.WRONG_ANSWER),
        (KeyError("x"), Outcome.BROKEN, FailureMode.SUITE_ERROR),
        (PolecatError("x"), Outcome.BROKEN, FailureMode.SUITE_ERROR),
        (ServerError("x", "server_oom"), Outcome.BROKEN, FailureMode.SERVER_OOM),
        (pytest.skip.Exception("not here"), Outcome.SKIPPED, None),
    ],
)
def test_the_models_fault_and_ours_are_told_apart(
    error: BaseException | None, outcome: Outcome, mode: FailureMode | None
) -> None:
    result = verdict(error)
    assert (result.outcome, result.mode) == (outcome, mode)


def test_awards_are_kept_when_the_body_fails_and_make_it_partial_when_it_passes() -> None:
    score = Score(3)
    score.award(1)
    score.award(1, when=False)
    assert verdict(AssertionError("no"), score=score).earned == 1
    assert verdict(None, score=score).outcome is Outcome.PARTIAL


def test_more_awards_than_points_are_a_fault_of_the_suite() -> None:
    score = Score(2)
    score.award(2)
    with pytest.raises(PolecatError, match="the question is worth 2"):
        score.award(1)


def test_a_body_that_refused_every_award_earns_nothing() -> None:
    score = Score(3)
    score.award(3, when=False)
    assert verdict(None, score=score).outcome is Outcome.MISSED


@pytest.mark.parametrize("error", [None, AssertionError("no"), IndexError("empty")])
def test_where_the_request_failed_there_is_nothing_to_grade(error: Exception | None) -> None:
    failed = Reply(error=AskError(mode=FailureMode.GENERATION_TIMEOUT, message="too slow"))
    result = verdict(error, last=failed)
    assert (result.outcome, result.mode, result.earned) == (Outcome.MISSED, FailureMode.GENERATION_TIMEOUT, 0)


def test_a_miss_of_a_reply_that_was_cut_off_is_booked_as_truncated() -> None:
    assert verdict(AssertionError("no"), last=Reply(content="x", finish_reason="length")).mode is FailureMode.TRUNCATED
    thought = Reply(reasoning="hm", finish_reason="length")
    assert verdict(AssertionError("no"), last=thought).mode is FailureMode.THINKING_EXHAUSTED
