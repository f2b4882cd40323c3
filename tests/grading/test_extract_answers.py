"""Reading numbers, choices and JSON out of replies."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from pytest_polecat.errors import Missed
from pytest_polecat.grading.extract import choice, json_value, number
from pytest_polecat.grading.strict_json import MAX_DEPTH, MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", 42),
        ("1,234,567.5", "1234567.5"),
        ("1\u202f000", 1000),
        ("12'345", 12345),
        ("12,34,567", 1234567),
        ("1.234.567,5", "1234567.5"),
        ("3,14", "3.14"),
        ("0,125", "0.125"),
        (".5", "0.5"),
        ("−5", -5),
        ("+7", 7),
        ("-$5", -5),
        ("$-5", -5),
        ("1e-3", "0.001"),
        ("6.02 \\times 10^{23}", 602 * 10**21),
        ("10⁶", 10**6),
        ("3/4", "3/4"),
        ("1 3/4", "7/4"),
        ("2½", "5/2"),
        ("1\\frac{3}{4}", "7/4"),
        ("15%", 15),
        ("42km", 42),
        ("１２", 12),
        ("3 million", 3_000_000),
        (r"\boxed{1{,}000}", 1000),
        (r"$\boxed{42\text{ cm}}$", 42),
        ("**Answer:** 42", 42),
        ("Answer:\n\n**42**", 42),
        ("**Answer:**\n\n\\[\n42\n\\]", 42),
        ("Answer:\n$$\n42\n$$\nas 6 times 7 is 42 and 7 times 7 is 49.", 42),
        ("The answer to question 3 is 42.", 42),
        ("Answer (in km): 42", 42),
        ("Answer: 2 + 3 = 5", 5),
        ("Answer: for 5 days she earns **$100**", 100),
        ("The answer is 7. We checked 3 ways.", 7),
        ("First 5, then 7.", 7),
        ("Step 1: 5\nSo 6 × 7 = 42 apples", 42),
        ("**42**\n\nBecause 6 times 7 is that.", 42),
        ("42. It is 6 times 7.", 42),
        ("1. add 2\n2. double\n\nThat makes 9", 9),
        ("Step 5: 3\n#### 9", 9),
        ("Answer: 3\nNo.\nFinal answer: 4", 4),
        ("Answer: 3\nAnswer: 3.0", 3),
        ("The answer is not 5 but 7.", 7),
        ("GPT-4 says 42", 42),
    ],
)
def test_a_number_is_read_exactly(text: str, expected: int | str) -> None:
    assert number(text) == Fraction(expected)


def test_a_number_compares_with_decimals_and_approximately_with_floats() -> None:
    assert number("0.1") == Decimal("0.1")
    assert number("0.1") != 0.1
    assert number("0.1") == pytest.approx(0.1)


@pytest.mark.parametrize(
    "text",
    [
        "", "forty-two", "1.2.3", "2024-01-05", "12:30", "3-5", "3–5", "x^2", "2^10", "H2O", "2nd", "0x1F", "100k",
        "1/0", "GPT-4", "1e999999999", "9" * 100_000, "Answer: 3 or 4", "The answer is 3 + 4", "Answer: 3\nAnswer: 4",
        "The answer isn't 5", r"\boxed{3} or \boxed{4}", "I counted 3 and 4.\nHope this helps!",
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_is_no_clear_number_is_a_miss(text: str) -> None:
    with pytest.raises(Missed) as caught:
        number(text)
    assert caught.value.mode == "extraction_failed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C", "C"),
        ("c", "C"),
        ("(C)", "C"),
        ("C.", "C"),
        ("**C**", "C"),
        ("C) text", "C"),
        ("**C.** Paris\n\nIt is the capital.", "C"),
        ("C - Paris", "C"),
        (r"\boxed{C}", "C"),
        (r"\boxed{\text{(C) 42}}", "C"),
        ("**Answer:** C", "C"),
        ("Answer: (C)", "C"),
        ("Answer:\n\n**C**", "C"),
        ("The answer is C", "C"),
        ("the answer is a", "A"),
        ("The answer is A, as shown.", "A"),
        ("The correct option is **B) Paris**.", "B"),
        ("I choose D.", "D"),
        ("I would go with **D**, a classic.", "D"),
        ("<answer>C</answer>", "C"),
        ("Option B is correct, and A is wrong.", "B"),
        ("A) one\nB) two\nC) three\n\nAnswer: B", "B"),
        ("I first thought the answer is A.\nFinal answer: B", "B"),
        ("Final answer: A. Wait. Final answer: B", "B"),
        ("I don't think the answer is A. The answer is C.", "C"),
        ("If x = 2, then the answer is D.", "D"),
        ("The answer is C, B is wrong.", "C"),
    ],
)
def test_a_choice_is_read(text: str, expected: str) -> None:
    assert choice(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "Because", "Answer: Because", "A dog", "The answer is A dog", "E", "Answer: A or B",
        "Answer: (A, B, C or D)", "Answer: A\nAnswer: B", r"\boxed{A} \boxed{B}", "The answer is not A",
        "A) one\nB) two\nC) three",
        "Vitamin D helps",
        "A: The capital is Bern", "Plan B's risks", "A-level", "the answer choices are A and B", "Dear\u0301",
    ],
)  # fmt: skip
def test_what_is_no_clear_choice_is_a_miss(text: str) -> None:
    with pytest.raises(Missed) as caught:
        choice(text)
    assert caught.value.mode == "extraction_failed"


def test_the_options_may_be_other_letters_or_digits() -> None:
    assert choice("The answer is 3.", "1234") == "3"
    assert choice("answer: f", "TF") == "F"
    assert choice("Answer: B", "abc") == "b"


@pytest.mark.parametrize(
    ("text", "around", "expected"),
    [
        ('{"a": [1, 2.5, "x", null, true]}', "none", {"a": [1, 2.5, "x", None, True]}),
        ("\r\n 42 ", "none", 42),
        ("~~~json\n{}\n~~~", "fence", {}),
        ("{}", "fence", {}),
        ('Well [sic]: {"a": "]}"} ok', "text", {"a": "]}"}),
        ('An open [ bracket, then {"a": 1}', "text", {"a": 1}),
        ("```sh\nls\n```\n```json\n[1]\n```", "text", [1]),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, "none", eval("[" * 50 + "]" * 50)),
    ],
)
def test_a_json_value_is_read(text: str, around: Any, expected: object) -> None:
    found = json_value(text, around)
    if len(text) == 2 * MAX_DEPTH:
        for _ in range(MAX_DEPTH // 2):
            found = found[0]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "around", "problem"),
    [
        ("", "none", "Expecting value"),
        ("[Infinity]", "none", "Infinity is no JSON"),
        ("-Infinity", "none", "-Infinity is no JSON"),
        ('{"k": {"b": 1, "b": 1}}', "none", 'the key "b" occurs twice'),
        ("[1] // done", "none", "found other text around it"),
        ("[01]", "none", "not valid JSON"),
        ('"\t"', "none", "Invalid control character"),
        ("\ufeff{}", "none", ""),
        ("\u00a0{}", "none", "found other text around it"),
        ("1e400", "none", "too large"),
        ("1" * 301, "none", "301 characters"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "none", "nested deeper than 100 levels"),
        ('[{"a":' * 100_000, "text", "nested deeper"),
        ("[" * 100_000, "text", "nested deeper"),
        (f'"{"x" * MAX_LENGTH}"', "none", "longer than"),
        ("```json\n{}\n```\nDone", "fence", "in at most one code fence"),
        ("```yaml\na: 1\n```", "text", "no valid JSON"),
        ("```json\n1\n```\n```json\n2\n```", "text", "found 2 among 2 fences"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_strict_json_is_a_miss(text: str, around: Any, problem: str) -> None:
    with pytest.raises(Missed) as caught:
        json_value(text, around)
    assert problem in str(caught.value)
    assert caught.value.mode in ("extraction_failed", "format_violation")
