"""Token F1 as SQuAD computes it."""

from typing import Any

import pytest

from pytest_polecat.grading.checks.f1 import F1, f1, token_f1, tokens

REFERENCE = "a flock of starlings broke the glass"
EXPECTATION = {"any": [REFERENCE], "min": 0.8}


@pytest.mark.parametrize(
    ("found", "reference", "expected"),
    [
        ("starlings broke glass", "starlings broke glass", 1.0),
        ("glass broke starlings", "starlings broke glass", 1.0),
        ("The starlings, broke: GLASS!", "starlings broke a glass", 1.0),
        ("starlings", "starlings broke glass", 0.5),
        ("starlings starlings starlings", "starlings broke glass", 1 / 3),
        ("starlings broke the old glass of lamps", "starlings broke glass", 2 * 3 / (6 + 3)),
        ("starling", "starlings", 0.0),
        ("", "starlings", 0.0),
    ],
)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(found: str, reference: str, expected: float) -> None:
    assert token_f1(tokens(found), tokens(reference)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "content",
    [
        "A flock of starlings broke the glass.",
        "**Answer:** the glass a flock of starlings broke",
        "I have read it twice, and much is said about the wind.\n\nAnswer: Flock of starlings broke glass",
        "STARLINGS: a flock of them broke the glass!",
    ],
)
def test_an_unusual_right_answer_is_close_enough(content: str) -> None:
    result = f1(content, F1.model_validate(EXPECTATION))
    assert result.ok, result.message


@pytest.mark.parametrize(
    "content",
    [
        "starlings " * 6,
        "Starlings.",
        "A flock of starlings, or a storm, or the keeper, or the smith broke the glass, or the lamp, or the pane.",
        "Answer: the wind\n\nA flock of starlings broke the glass.",
        "Answer: a flock of starlings broke the glass\nAnswer: the wind blew",
        "flocks starling glasses",
    ],
)
def test_words_thrown_together_are_not_close(content: str) -> None:
    result = f1(content, F1.model_validate(EXPECTATION))
    assert not result.ok, result.message


@pytest.mark.parametrize(
    "expectation",
    [
        {"any": ["a"], "min": 0.5},
        {"any": [], "min": 0.5},
        {"any": ["x"], "min": 0},
        {"any": ["x"], "min": 1.1},
        {"any": ["x"]},
        "x",
    ],
)
def test_an_expectation_that_can_not_work_is_refused(expectation: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        F1.model_validate(expectation)
