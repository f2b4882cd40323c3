r"""Numbers in the dress that models give them, and what holds several numbers or another one than it seems."""

from fractions import Fraction

import pytest

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.values import Number
from pytest_polecat.grading.checks.values import number as check
from pytest_polecat.grading.numbers import number

LISTS = [
    "Answer: 22, 33", "Answer: 22; 33", "Answer: 22;33", "Answer: 22, 33, 36", "Answer: 22 & 33", r"Answer: 22 \& 33",
    "Answer: 22 | 33", "Answer: 22, maybe 33", "Answer: 22 maybe 33", "Answer: 22 (maybe 33)", "Answer: 22, or 33",
    "Answer: 22 and/or 33", "Answer: 22, 33 or 36", "Answer: 22, also 33", r"\boxed{22, 33}", r"\boxed{22,\ 33}",
    r"\boxed{22,\quad 33}", r"Answer: $22$, $33$", r"Answer: $\{22, 33\}$", "Answer: (22, 33)", "Answer: {22, 33}",
    "Answer: **22**, **33**", "Answer: **22, 33**", "Answer: **22**, 33", "**Answer: 22, 33.**",
    "Answer: 22, 33 (both work)", "Answer: 22, 33 both", "Answer: 22, 33 apples", "Answer: 22 apples, 33 apples",
    "Answer: 22 km or 33 km", "Answer: 22 apples or 33", "Answer: 1 apple or 2 apples", "Answer: $22 or $33",
    "Answer: 22 % or 33 %", "Answer: 22 33", "Answer: 22 … 33", "Answer: 22...33", "Answer: 22 – 33", "Answer: 22 ~ 33",
    "Answer: 20 + 2 = 22, 33", "Answer: x = 22 or x = 33", "Answer: x = 22, x = 33", "Answer: x₁ = 22, x₂ = 33",
    "Answer: x_1 = 22, x_2 = 33",
    r"Answer: $x = 22$ or $y = 33$", "Final answer: 22, 33", "The answer is 22, 33.", "Answer:\n22\n33",
    "Answer:\n- 22\n- 33", "22, 33", "22 or 33", "#### 22, 33", "It is 22 or 33.", "It is **22** or 33.",
    "It is **22**, maybe 33.", "It is 33 or **22**.", "So we get\n22, 33, 36", "So it is 22 apples or 33 apples.",
]  # fmt: skip


@pytest.mark.parametrize("text", LISTS)
def test_a_list_of_numbers_is_no_number(text: str) -> None:
    with pytest.raises(Missed) as caught:
        number(text)
    assert caught.value.mode == "extraction_failed"
    for value in (22, 33):
        assert not check(text, Number(value=value)).ok


SINGLE: list[tuple[str, int | str]] = [
    ("Answer: 1,234", 1234),
    ("Answer: 12,345.6", "12345.6"),
    ("Answer: 3,14", "3.14"),
    ("Answer: 22, which is two tens and two ones", 22),
    ("Answer: 22, which is 2 tens and 2 ones", 22),
    ("Answer: 22, since 33 is too large", 22),
    ("Answer: 22, not 33", 22),
    ("Answer: 22, 33 is too large.", 22),
    ("Answer: 22 is right, 33 is wrong", 22),
    ("Answer: 22 (two tens and two ones)", 22),
    ("Answer: 22 (2 tens, 2 ones)", 22),
    ("Answer: 42, 6 times 7", 42),
    ("Answer: 42, 6 for each of the 7 children", 42),
    ("Answer: 42, 6 × 7", 42),
    ("Answer: 42 apples, 6 apples per child", 42),
    ("Answer: 7, 3 red and 4 green", 7),
    ("Answer: **7** – 3 red and 4 green", 7),
    ("Answer: 10.94 ± 0.01", "10.94"),
    ("Answer: 22, 22.0", 22),
    ("Answer: 8.4, or 42/5", "8.4"),
    ("Answer: 8.4 (42/5)", "8.4"),
    ("Answer: 7/36 ≈ 0.194", "7/36"),
    ("Answer: 7/36, about 0.194", "7/36"),
    ("Answer: 2.4 m³ or 2400 litres", "2.4"),
    ("Answer: 22 for Ann and 33 for Bob", 22),
    ("Answer: 22 km", 22),
    ("Answer: 22 per cent", 22),
    ("Answer: 22 | two tens and two ones |", 22),
    ("| Answer: | 22 |", 22),
    ("| Answer: | 22 | 11 · 2 |", 22),
    ("Answer: a = 3, b = 4, a + b = 7", 7),
    ("Answer: 6 · 7 = 42, as 6 · 7 = 42", 42),
    ("Answer: 22\n\n33 would be too large.", 22),
    ("Answer: 22\n22", 22),
    ("Answer: 42\n- 6 rows of 7", 42),
    ("There are 5 red ones and 3 blue ones, 8 in all.", 8),
    ("The price falls from 240 to 204.", 204),
    ("It falls by 36 to 204.", 204),
    ("On day 5, 8 apples are left.", 8),
    ("It was founded on July 4, 1776.", 1776),
    ("It was founded on 4 July, 1776.", 1776),
    ("First it is 22, then 33.", 33),
]


@pytest.mark.parametrize(("text", "expected"), SINGLE)
def test_a_number_beside_a_remark_is_read(text: str, expected: int | str) -> None:
    assert number(text) == Fraction(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"Answer: $\frac13$", "1/3"),
        (r"Answer: $\dfrac13$", "1/3"),
        (r"Answer: \tfrac 1 3", "1/3"),
        (r"$\frac12$", "1/2"),
        (r"Answer: $-\frac12$", "-1/2"),
        (r"Answer: $\frac7{36}$", "7/36"),
        (r"Answer: $\frac{2}7$", "2/7"),
        (r"Answer: $\cfrac{3}7$", "3/7"),
        (r"\boxed{\frac 7{36}}", "7/36"),
        (r"\boxed{1\frac34}", "7/4"),
        (r"Answer: $\frac{1}{2} + \frac13 = \frac56$", "5/6"),
        ("Answer: 1 3/4, which is 1.75", "7/4"),
    ],
)
def test_a_fraction_is_read_however_its_braces_stand(text: str, expected: str) -> None:
    assert number(text) == Fraction(expected)


@pytest.mark.parametrize(
    "text",
    [
        "**Final Answer:**\nStep 1: 350\nStep 2: 70\nAnswer: 280",
        "**Final Answer:**\n\n**Step 1:** 350\n**Step 2:** 70\n**Answer:** 280",
        "**Answer:**\n\nStep 1: 350\nStep 2: 70\nAnswer: 280",
        "## Final Answer\n\n- Step 1: 350\n- Step 2: 70\n- Answer: 280",
        "Answer:\n1. Step 1: 350\n2. Step 2: 70\n\nAnswer: 280",
        "**Final Answer:**\nWithout a quarrel: 350\nBoth of them: 70\nAnswer: 280",
        "**Final answer:**\nStep 1: 350\n\\boxed{280}",
        "**Final answer:**\nAll of them: 280",
        "Answer: 279\nNo.\n**Final answer:**\nAll of them: 280",
        "**Final Answer:**\n\n280",
    ],
)
def test_a_heading_above_labelled_lines_claims_nothing_itself(text: str) -> None:
    assert number(text) == 280


def test_a_label_with_nothing_behind_it_does_not_take_the_next_label_for_its_number() -> None:
    assert not check("Step 1:\nStep 2: 70\nAnswer: 280", Number(value=2, label="Step 1")).ok
    assert not check("Step 1:\nAnswer: 280", Number(value=280, label="Step 1")).ok
    assert check("Step 1:\n350\nStep 2: 70", Number(value=350, label="Step 1")).ok
    assert check("Step 1:\nIn all: 350\nStep 2: 70", Number(value=350, label="Step 1")).ok


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 390!", 390),
        ("The answer is 390!", 390),
        ("The answer is **390!**", 390),
        ("The answer is 390!! 🎉", 390),
        ("Answer: It is 390! Great.", 390),
        ("The final answer is: 390!", 390),
        ("Answer: 390 ways!", 390),
        ("**390**!", 390),
        ("Answer: 5! = 120", 120),
        ("There are 5! = 120 ways.", 120),
    ],
)
def test_an_exclamation_mark_that_ends_a_sentence_of_words_is_emphasis(text: str, expected: int) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 390!", "390!", r"\boxed{390!}", "Answer: $390!$", "It is $390!$", "x = 390!", "There are 390! ways",
        "It is 390! / 2", "**390!**", "Answer: 390²", "Answer: 390⁻¹", "Answer: √390", r"Answer: $\sqrt{390}$",
        r"Answer: $\sqrt{2}/390$", "Answer: sqrt(390)", "Answer: 390√2", r"Answer: $390\sqrt2$", "Answer: 390π",
        r"Answer: $390\pi$", "Answer: π/390", "Answer: 390 - 36π", "Answer: 390 + √2", "Answer: 390 ± √2",
        "Answer: ±390", r"Answer: $x = \pm 390$", "It is √390", "√390",
    ],
)  # fmt: skip
def test_a_number_in_a_factorial_a_power_or_a_root_is_not_the_number_itself(text: str) -> None:
    assert not check(text, Number(value=390)).ok


def test_a_number_beside_a_root_or_pi_is_read_where_it_stands_for_itself() -> None:
    assert number("Answer: √16 = 4") == 4
    assert number("Answer: 4, as √16 is 4") == 4
    assert number("Answer: 3.14 (π)") == Fraction("3.14")
    assert number("π ≈ 3.14") == Fraction("3.14")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Answer: 2 139", 2139),
        ("2 139", 2139),
        ("Answer: 12 345 678.9 km", "12345678.9"),
        (r"Answer: $2\ 139$", 2139),
        ("Answer: −2 139.", -2139),
        ("Answer: 1 3/4", "7/4"),
        ("In 2024 139 people came", 139),
    ],
)
def test_spaces_part_thousands_in_groups_of_three_digits(text: str, expected: int | str) -> None:
    assert number(text) == Fraction(expected)


@pytest.mark.parametrize("text", ["Answer: 2 13", "Answer: 2 1390", "Answer: 22 333 4444", "Answer: 0 139"])
def test_other_numbers_parted_by_spaces_are_several(text: str) -> None:
    with pytest.raises(Missed):
        number(text)
