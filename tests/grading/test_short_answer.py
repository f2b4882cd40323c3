"""Short answers: what is the same answer in another dress, and what is another answer."""

from typing import Any

import pytest

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks import CheckResult
from pytest_polecat.grading.checks.short_answer import ShortAnswer, normalised, short_answer, stated_answer
from pytest_polecat.records.outcome import FailureMode


def grade(expectation: Any, content: str) -> CheckResult:
    return short_answer(content, ShortAnswer.model_validate(expectation))


@pytest.mark.parametrize(
    "content",
    [
        "Paris", "paris.", "**Paris**", "“Paris”", "The answer is Paris.", "Answer: Paris",
        "**Answer:** Paris",
        "**Answer: Paris**", "Final answer: *Paris*.", "One step.\n\n### Answer\n\nParis",
        "Answer:\n**Paris**",
        r"$\boxed{\text{Paris}}$", "<answer>Paris</answer>", "> Answer: `Paris`", "Answer: Paris ✅",
        "Answer: Paris. It lies on the Seine.", "Answer: The answer is Paris",
        "Answer: Paris\n\nI hope that this helps!",
        "Answer: London\nThat was the wrong country.\nAnswer: Paris",
        "The answer is **Paris**, hm.\nAnswer: Paris",
        "Suppose the answer is London. That fails.\nAnswer: Paris", "Answer: Paris\nAnswer: Paris.",
        "**Final Answer:**\nStep 1: France\nAnswer: Paris", "**Answer:**\n\n- Step 1: France\n\nAnswer: Paris",
    ],
)  # fmt: skip
def test_the_answer_is_found_in_any_common_dress(content: str) -> None:
    result = grade("Paris", content)
    assert result.ok, result.message


@pytest.mark.parametrize(
    ("expectation", "content"),
    [
        ("hare", "Answer: the Hare"),
        ("the hare", "a hare"),
        ("Mont-Blanc", "Mont Blanc"),
        ("14:20", "Answer: 14:20."),
        ("1000", "Answer: 1,000"),
        ("-5", "Answer: −5"),
        ("(4, 3)", "4,3"),
        ("50%", "50 %"),
        ("Ann, Ben, Cleo", "Answer: Ann → Ben → Cleo"),
        ("A", "Answer: A"),
        ("Trick or Treat", "Answer: trick or treat"),
        ("O'Brien", "O’BRIEN"),
        ("Malmö", "MALMO\u0308"),
        (["Czechia", "Czech Republic"], "the Czech Republic"),
        ({"any": ["Malmö"], "ignore_diacritics": True}, "Malmo"),
        ({"any": ["7"], "number_words": True}, "Seven."),
        ({"any": ["forty-two"], "number_words": True}, "Answer: 42"),
    ],
)
def test_what_does_not_change_the_meaning_is_normalised(expectation: Any, content: str) -> None:
    result = grade(expectation, content)
    assert result.ok, result.message


@pytest.mark.parametrize(
    "content",
    [
        "Paris or London", "Answer: Paris or London", "Answer: Paris/London",
        "Answer: Paris (or London)", "Answer: Paris, London",
        "Answer: not Paris", "The answer is not Paris.", "I don't think the answer is Paris.",
        "Answer: Paris\nAnswer: London",
        r"\boxed{Paris} or \boxed{London}", "Answer: Paris\n\nThe answer is London.",
        "Answer: Paris. The answer is London.",
        "Parisian", "Answer: Paris, Texas", "London. Paris is also a town.",
        "Answer: maybe Paris, maybe London",
        "I thought the answer was Paris.", "Suppose the answer is Paris.",
        "Answer:\nParis and London", "Answer: ",
        "Paris is one of many towns that I could name here, and I name it because it is there.",
    ],
)  # fmt: skip
def test_an_answer_among_others_is_none(content: str) -> None:
    result = grade("Paris", content)
    assert not result.ok, result.message


@pytest.mark.parametrize(
    ("expectation", "content"),
    [
        ("5", "-5"), ("3.5", "35"), ("3.5", "3,5"), ("14:20", "1420"), ("3/4", "34"), ("1000", "1.000"), ("5%", "5"),
        ("C", "C++"), ("C", "C#"), ("x < 5", "x > 5"), ("7", "seven"), ("Malmö", "Malmo"), ("vitamin", "vitamin A"),
        ("Ann Ben Cleo", "Ann, Cleo, Ben"), ({"any": ["21"], "number_words": True}, "twenty or one"),
    ],
)  # fmt: skip
def test_what_changes_the_meaning_is_another_answer(expectation: Any, content: str) -> None:
    result = grade(expectation, content)
    assert not result.ok, result.message


def test_an_answer_that_can_not_be_read_is_told_apart_from_a_wrong_one() -> None:
    assert grade("Paris", "Answer: London").mode is FailureMode.WRONG_ANSWER
    assert grade("Paris", "Answer: Paris or London").mode is FailureMode.EXTRACTION_FAILED
    assert grade("Paris", "It is a long story. " * 5).mode is FailureMode.EXTRACTION_FAILED
    assert grade("Paris", "Answer: Paris\nAnswer: London").mode is FailureMode.EXTRACTION_FAILED


def test_the_stated_answer_is_the_last_one_that_is_marked() -> None:
    assert stated_answer("No mark at all.") is None
    assert stated_answer("The answer is five.\n\n**Answer:** *six*") == "six"
    with pytest.raises(Missed, match="found"):
        stated_answer("Answer: five\nAnswer: six")


def test_tokens_keep_what_carries_meaning() -> None:
    assert normalised("**The** lord of the *rings*.") == ("lord", "of", "rings")
    assert normalised("−5.0 °C, 1,000 km & more") == ("-5.0", "°", "c", "1000", "km", "&", "more")
    assert normalised("the") == ("the",)
