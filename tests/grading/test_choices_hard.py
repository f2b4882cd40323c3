"""Choices in the dress that models give them, and what looks like a choice and is none."""

import pytest

from pytest_polecat.errors import Missed
from pytest_polecat.grading.choices import choice

OPTIONS = "ABCDE"

READ_AS_C = [
    "**Answer: C**", "**Answer**: **C**", "*Answer:* C", "__Answer:__ C", "### Answer\nC",
    "## Final Answer\nC) the cook",
    "**Final Answer: (C)**", "**Final Answer**\n\n$\\boxed{\\text{C}}$", "Answer: <C>",
    "Answer: [C]", "Answer: `C`",
    "Answer: $\\mathbf{C}$", r"$$\boxed{\textbf{(C)}}$$", r"\(\boxed{C}\)", r"\boxed{C) 12}", "> **Answer:** C",
    "- Answer: C", "1. Answer: C", "✅ Answer: C", "Answer - C", "Answer → C", "ANSWER: C", "Answer: Option C",
    '{"answer": "C"}', "So the answer's C.", "The answer is therefore C.", "The answer is clearly (C).",
    "Answer: maybe C", "I would choose the letter C.", "Answer: C, A is wrong", "Answer: C (A and B fail)",
    "Answer: C (not B)", "Answer: C) the cook, because A) and B) are excluded", "Answer: C — A dog is bigger",
    "The answer is C rather than D.", "Answer: C\n\n**Let me know if you'd like the steps!**", "Answer:\n\n> C",
]  # fmt: skip


@pytest.mark.parametrize("text", READ_AS_C)
def test_a_marked_choice_is_read_in_any_common_dress(text: str) -> None:
    assert choice(text, OPTIONS) == "C"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Answer: A\nLet me check: the third clue rules out the morning, so it is the evening.\nAnswer: B", "B"),
        ("The answer is A.\n\nWait, that breaks the second rule.\n\n**Answer: D**", "D"),
        ("Final answer: A\n\nOne more look at the third rule shows that this is wrong.\n\nAnswer: B", "B"),
        ("The answer is A. No, it is wrong; the answer is B.", "B"),
        ("The answer is A.\nAnswer: B", "B"),
        ("Suppose the answer is A. Then two would lie. Hence the answer is C.", "C"),
        ("Assuming that the answer is A, two lie.\nAnswer: E", "E"),
        ("I thought the answer was A.\n\nAnswer: C", "C"),
        ("A) cook: no\nB) maid: yes\nC) guest: no\n\nB", "B"),
        ("Answer: C\n\nAnswer: C", "C"),
    ],
)
def test_the_last_marked_answer_counts(text: str, expected: str) -> None:
    assert choice(text, OPTIONS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Answer: A.\n\nAnswer: B.", "Final answer: A\nFinal answer: B", "\\boxed{A}\n\n\\boxed{B}",
        "\\boxed{A} and \\boxed{B}",
        "<answer>A</answer><answer>B</answer>", "The answer is A. The answer is B.", "A\nB\nC",
        "Answer: C\n\nNote that the answer is B.",
    ],
)  # fmt: skip
def test_two_different_answers_at_the_end_are_none(text: str) -> None:
    with pytest.raises(Missed, match="found several") as caught:
        choice(text, OPTIONS)
    assert caught.value.mode == "extraction_failed"


@pytest.mark.parametrize(
    "text",
    [
        "Answer: A (or B)", "Answer: A, possibly B", "Answer: A or maybe B", "Answer: A; B",
        "Answer: A–C", "Answer: A | B",
        "Answer: A, or else D", "Answer: C D", "Answer: **A** **B**", "Answer: C) the cook and B) the maid",
        "The answer is C or, less likely, D", "Answer: either A or B", "Answer: both A and C",
        r"\boxed{C,\ D}", r"\boxed{C,\quad D}", r"\boxed{\text{C}, \text{D}}", r"Answer: C \& D", "Answer: C … D",
        "Answer: C...D", "Answer: C ~ D",
        "Answer: A, B, C, D, or E",
    ],
)  # fmt: skip
def test_several_options_are_no_choice(text: str) -> None:
    with pytest.raises(Missed):
        choice(text, OPTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "Because the tide is high", "Answer: Because", "Answer: Clara", "Answer: C++", "Answer: C#",
        "Answer: D-Day",
        "Answer: B12", "Answer: All of the above", "The answer is a cook.", "Answer: A cook did it",
        "It can't be A. So C.",
        "The answer is not A but C.", "I thought the answer was A.", "Suppose the answer is C.",
        "Answer: <letter>",
        'End with "Answer: " and the letter', "I choose not to answer.", "A: no. B: no. C: yes.", "Answer: F",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_choice_is_none(text: str) -> None:
    with pytest.raises(Missed):
        choice(text, OPTIONS)
