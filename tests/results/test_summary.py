from typing import Any

import pytest

from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.results.statistics import wilson
from pytest_polecat.results.summary import ProfileSummary, number, percent, points, policy_line, summarise


def case(question: str, **fields: Any) -> Case:
    given = {"nodeid": f"suite.yaml::test[{question}]", "suite": "s", "hash": f"h-{question}", "profile": "m", **fields}
    return Case(question=question, **given)


def attempt(of: Case, outcome: str, earned: float | None = None, **fields: Any) -> Attempt:
    full = of.points if outcome == "passed" else 0
    return Attempt(**of.model_dump(), outcome=Outcome(outcome), earned=full if earned is None else earned, **fields)


def summary_of(*pairs: tuple[Case, str | None], deselected: int = 0) -> ProfileSummary:
    cases = [case for case, _ in pairs]
    attempts = [attempt(case, outcome) for case, outcome in pairs if outcome]
    return summarise(cases, attempts, deselected=deselected)["m"]


def test_the_denominator_is_what_was_selected_less_what_was_skipped() -> None:
    summary = summary_of(
        (case("a", points=5), "passed"),
        (case("b", points=3), "missed"),
        (case("c", points=7), "skipped"),
        (case("d", points=2), None),
    )
    tally = summary.total
    assert (tally.questions, tally.attempts) == (3, 3)
    assert (tally.earned, tally.possible, tally.most) == (5, 10, 7)
    assert (tally.passed, tally.missed, tally.skipped, tally.not_run) == (1, 1, 1, 1)


def test_an_attempt_that_never_finished_makes_the_run_incomplete_and_is_named() -> None:
    late = case("late")
    summary = summary_of((case("a"), "passed"), (late, None))
    assert not summary.complete
    assert summary.not_run == (late,)


def test_a_broken_attempt_is_not_scored_even_if_it_says_that_it_earned_points() -> None:
    broken = case("a", points=4)
    summary = summarise([broken], [attempt(broken, "broken", earned=4)], deselected=0)["m"]
    assert (summary.total.earned, summary.total.unscored, summary.total.most) == (0, 4, 4)
    assert not summary.complete
    assert [one.nodeid for one in summary.broken] == [broken.nodeid]


def test_of_several_attempts_at_a_question_the_last_counts() -> None:
    one = case("a")
    summary = summarise([one], [attempt(one, "broken"), attempt(one, "missed"), attempt(one, "passed")], deselected=0)
    assert summary["m"].total.passed == 1
    assert summary["m"].complete


def test_attempts_at_what_was_not_selected_are_left_out() -> None:
    chosen = case("a")
    other = chosen.model_copy(update={"hash": "changed since"})
    summary = summarise([chosen], [attempt(other, "passed")], deselected=0)["m"]
    assert (summary.total.passed, summary.total.not_run) == (0, 1)


def test_a_moved_file_changes_nothing_since_the_node_id_is_no_key() -> None:
    chosen = case("a")
    moved = chosen.model_copy(update={"nodeid": "elsewhere.yaml::test[a]"})
    assert summarise([chosen], [attempt(moved, "passed")], deselected=0)["m"].total.passed == 1


def test_epochs_do_not_change_the_scale_of_points_and_questions() -> None:
    cases = [case("a", points=6, epoch=epoch) for epoch in (1, 2, 3)]
    attempts = [attempt(cases[0], "passed"), attempt(cases[1], "partial", earned=3), attempt(cases[2], "missed")]
    tally = summarise(cases, attempts, deselected=0)["m"].total
    assert (tally.questions, tally.attempts) == (1, 3)
    assert (tally.earned, tally.possible) == (3, 6)
    assert tally.passes == pytest.approx(1 / 3)


def test_the_interval_is_over_questions_and_not_over_their_repeats() -> None:
    cases = [case(name, epoch=epoch) for name in "abcd" for epoch in (1, 2, 3)]
    attempts = [attempt(one, "passed" if one.question in "ab" else "missed") for one in cases]
    tally = summarise(cases, attempts, deselected=0)["m"].total
    assert tally.pass_rate == (0.5, 0.5)
    assert tally.interval == wilson(2, 4)


def test_thirds_add_up_exactly() -> None:
    cases = [case(name, epoch=epoch) for name in "abc" for epoch in (1, 2, 3)]
    attempts = [attempt(one, "passed" if one.epoch == 1 else "missed") for one in cases]
    assert summarise(cases, attempts, deselected=0)["m"].total.passes == 1.0


def test_a_question_skipped_in_some_epochs_is_averaged_over_the_others() -> None:
    first, second = case("a", points=4, epoch=1), case("a", points=4, epoch=2)
    tally = summarise([first, second], [attempt(first, "passed"), attempt(second, "skipped")], deselected=0)["m"].total
    assert (tally.questions, tally.earned, tally.possible, tally.passes) == (1, 4, 4, 1)


def test_an_incomplete_pass_rate_is_bounded_and_its_interval_covers_both_bounds() -> None:
    summary = summary_of((case("a"), "passed"), (case("b"), "broken"), (case("c"), "missed"), (case("d"), None))
    assert summary.total.pass_rate == (0.25, 0.75)
    low, high, found = wilson(1, 4), wilson(3, 4), summary.total.interval
    assert low is not None
    assert high is not None
    assert found is not None
    assert (found.low, found.high) == (low.low, high.high)


def test_suites_and_tiers_are_tallied_apart() -> None:
    summary = summary_of(
        (case("a", tier=1), "passed"), (case("b", tier=2), "missed"), (case("c", suite="t", tier=3), "passed")
    )
    assert list(summary.suites) == ["s", "t"]
    assert {tier: tally.passed for tier, tally in summary.suites["s"].tiers.items()} == {1: 1, 2: 0}
    assert summary.suites["t"].total.questions == 1


def test_equal_ids_in_two_suites_are_two_questions() -> None:
    assert summary_of((case("a"), "passed"), (case("a", suite="t"), "missed")).total.questions == 2


def test_wrong_answers_of_a_self_test_are_questions_of_their_own() -> None:
    cases = [case("a", variant=variant) for variant in (1, 2)]
    assert summarise(cases, [attempt(one, "missed") for one in cases], deselected=0)["m"].total.questions == 2


def test_profiles_are_summed_up_apart() -> None:
    cases = [case("a", profile="x"), case("a", profile="y")]
    summaries = summarise(cases, [attempt(cases[0], "passed"), attempt(cases[1], "missed")], deselected=0)
    assert {name: summary.total.passed for name, summary in summaries.items()} == {"x": 1, "y": 0}


def test_failure_modes_and_flags_and_reasons_are_counted_the_most_frequent_first() -> None:
    cases = [case(str(index)) for index in range(6)]
    attempts = [
        attempt(cases[0], "passed", flags=("truncated",), mode=FailureMode.TRUNCATED),
        attempt(cases[1], "missed", mode=FailureMode.REFUSAL),
        attempt(cases[2], "missed", mode=FailureMode.EMPTY),
        attempt(cases[3], "partial", mode=FailureMode.EMPTY),
        attempt(cases[4], "missed"),
        attempt(cases[5], "skipped", message="the model sees no images"),
    ]
    summary = summarise(cases, attempts, deselected=0)["m"]
    assert list(summary.total.modes.items()) == [("empty", 2), ("refusal", 1), ("unclassified", 1)]
    assert summary.total.flags == {"truncated": 1}
    assert summary.skipped == {"the model sees no images": 1}


def test_unknown_tokens_and_times_stay_unknown() -> None:
    cases = [case("a"), case("b"), case("c")]
    nothing = summarise(cases, [attempt(one, "passed") for one in cases], deselected=0)["m"].total
    assert (nothing.completion_tokens, nothing.prompt_tokens, nothing.generation_ms) == (None, None, None)
    some = [
        attempt(cases[0], "passed", completion_tokens=10, generation_ms=100),
        attempt(cases[1], "missed", completion_tokens=20, generation_ms=900),
        attempt(cases[2], "passed"),
    ]
    tally = summarise(cases, some, deselected=0)["m"].total
    assert (tally.completion_tokens, tally.unknown_tokens, tally.generation_ms) == (30, 1, 500)


def test_nothing_selected_is_nothing_to_sum_up() -> None:
    assert summarise([], [], deselected=3) == {}


def test_the_policy_line_states_points_and_exit() -> None:
    summary = summary_of((case("a", points=14), "passed"), (case("b", points=11), "missed"))
    assert policy_line(summary, 0) == "polecat: 14/25 points (56 %), no gate, exit 0"


def test_the_policy_line_of_an_incomplete_run_gives_bounds_and_no_per_cent() -> None:
    pairs = [(case("a", points=14), "passed"), (case("b", points=6), "missed")]
    broken = [(case(f"x{index}"), "broken") for index in range(4)]
    summary = summary_of(*pairs, *broken, (case("late"), None))
    assert policy_line(summary, 1) == "polecat: 14–19/25 points, 4 broken, 1 not run, incomplete, no gate, exit 1"


def test_the_policy_line_of_a_subset_says_of_how_many() -> None:
    summary = summary_of(*((case(str(index)), "passed") for index in range(10)), deselected=14)
    assert policy_line(summary, 0) == "polecat: 10/10 points (100 %), subset: 10 of 24 questions, no gate, exit 0"


def test_with_epochs_a_subset_is_counted_in_test_items() -> None:
    summary = summary_of((case("a", epoch=1), "passed"), (case("a", epoch=2), "passed"), deselected=2)
    assert "subset: 2 of 4 test items" in policy_line(summary, 0)


def test_the_policy_line_names_the_profile_and_the_gate_if_asked_to() -> None:
    summary = summary_of((case("a"), "passed"))
    assert (
        policy_line(summary, 0, name=True, gate="gate holds") == "polecat (m): 1/1 points (100 %), gate holds, exit 0"
    )


def test_a_run_in_which_all_was_skipped_has_nothing_to_score() -> None:
    summary = summary_of((case("a"), "skipped"), (case("b"), "skipped"))
    assert summary.complete
    assert summary.total.pass_rate is None
    assert summary.total.interval is None
    assert policy_line(summary, 0) == "polecat: nothing to score, 2 skipped, no gate, exit 0"


@pytest.mark.parametrize(
    ("value", "text"),
    [(14, "14"), (14.0, "14"), (2.5, "2.5"), (1 / 3, "0.33"), (100.0, "100"), (0, "0"), (0.1 + 0.2, "0.3")],
)
def test_numbers_carry_no_needless_zeros(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.56, "56 %"), (1, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0, "0 %"), (2 / 3, "66.7 %")],
)
def test_only_all_is_a_hundred_per_cent_and_only_none_is_nought(share: float, text: str) -> None:
    assert percent(share) == text


def test_points_of_epochs_print_with_two_decimals_at_most() -> None:
    cases = [case("a", points=1, epoch=epoch) for epoch in (1, 2, 3)]
    attempts = [attempt(cases[0], "passed"), attempt(cases[1], "missed"), attempt(cases[2], "missed")]
    assert points(summarise(cases, attempts, deselected=0)["m"].total) == "0.33/1"


def test_refusals_are_a_share_of_what_was_graded() -> None:
    cases = [case(name) for name in "abcdef"]
    attempts = [
        attempt(cases[0], "passed"),
        attempt(cases[1], "missed", mode=FailureMode.REFUSAL),
        attempt(cases[2], "missed", mode=FailureMode.EMPTY),
        attempt(cases[3], "partial", mode=FailureMode.REFUSAL),
        attempt(cases[4], "broken", mode=FailureMode.CONNECTION),
    ]
    assert summarise(cases, attempts, deselected=0)["m"].total.refusals == (2, 0.5)
    assert summarise(cases, attempts[4:], deselected=0)["m"].total.refusals is None
