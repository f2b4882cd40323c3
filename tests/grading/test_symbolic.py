"""The check `symbolic`: unusual right answers, careless acceptances, and hostile formulas."""

from typing import Any

import pytest
from pydantic import ValidationError

from pytest_polecat.grading.checks import CheckResult
from pytest_polecat.grading.checks.patterns import bounded
from pytest_polecat.grading.checks.symbolic import Symbolic, symbolic
from pytest_polecat.grading.symbols import parse
from pytest_polecat.grading.symbols_tokens import UnreadableError
from pytest_polecat.records.outcome import FailureMode


def check(expectation: object, content: str) -> CheckResult:
    return symbolic(content, Symbolic.model_validate(expectation))


def x(value: str, **more: object) -> dict[str, Any]:
    return {"value": value, "variables": ["x"], **more}


LINE = x("2*x + 2")
SOLUTIONS = {"set": ["1 + sqrt(3)", "1 - sqrt(3)"], "variables": ["x"]}
OUTSIDE = {"interval": "(-oo, 2] U [5, oo)", "variables": ["x"]}
INSIDE = {"interval": "-1 < x <= 3", "variables": ["x"]}
GRAPH = {"equation": "y = 2*x + 1", "variables": ["x", "y"]}
CUBIC = "2*(x + 1)*(x + 3)"
N = {"value": "3^(n-1)", "variables": ["n"]}

ACCEPTED: list[tuple[Any, str]] = [
    (LINE, "Answer: 2(x+1)"),
    (LINE, "**Answer:** $2x + 2$."),
    (LINE, "**Answer: 2(x + 1)**"),
    (LINE, r"The derivative is \(2\left(x+1\right)\)."),
    (LINE, r"$$\boxed{2\,x+2}$$"),
    (LINE, "f'(x) = 2x + 2"),
    (LINE, r"Answer: $\frac{dy}{dx} = 2x + 2$"),
    ("7", "Answer: a + b = 7"),
    ("3/8", "Answer: P(A) = 3/8"),
    ("3/5", r"Answer: $\sin\theta = \frac{3}{5}$"),
    ("12", "Answer: |A| = 12"),
    (LINE, "Answer: f'(x) = 2(x+1) = 2x + 2, because the rule of sums says so."),
    (LINE, "Answer:\n\n$$\n2x+2\n$$"),
    (LINE, "First I thought 3x. Answer: 3x\n\nFinal answer: `2*x+2`"),
    (LINE, "<answer>2x+2</answer>"),
    (LINE, "We get 1.\n\nSo y' = 2x+2"),
    (LINE, "Answer: (x²−1)/(x−1)·2"),
    (x("x^2 + C", variables=["x", "C"]), "Answer: C + x²"),
    (x("x*y", variables=["x", "y"]), "Answer: yx"),
    (x("exp(2*x)"), r"Answer: $e^{2x}$"),
    (x("sin(2*x)"), r"Answer: $2\sin x\cos x$"),
    (x("1/(1+x^2)"), r"\boxed{\dfrac{1}{1+x^{2}}}"),
    (x("ln(x)/2"), r"Answer: \ln\sqrt{x}"),
    (x("sqrt(x)"), "Answer: x^(1/2)"),
    (x("x^3/abs(x)"), "Answer: x|x|"),
    (x("theta", variables=["theta"]), r"Answer: $\theta$"),
    ("1/2", r"Answer: $\frac12$"),
    ("1/2", "½"),
    ("7/4", r"Answer: $1\frac{3}{4}$"),
    ("7/4", "Answer: 1 3/4"),
    ("0.5", "Answer: 50/100"),
    ("sqrt(2) + sqrt(3)", r"\boxed{\sqrt{5+2\sqrt{6}}}"),
    ("sqrt(3)/3", "Answer: 1/√3"),
    ("sqrt(3)/2", r"\boxed{\frac{\sqrt{3}}{2}}"),
    ("36*pi", "Answer: 36π square units"),
    ("36*pi", r"Answer: $36\pi \text{ cm}^2$ (about 113.1)"),
    ("36*pi", "Answer: 36π ≈ 113.1"),
    ("log_2(8)", "Answer: 3"),
    ("120", "Answer: 5!"),
    ("10", r"Answer: \binom{5}{2}"),
    ("1234567", "Answer: 1,234,567"),
    ("2^100", "Answer: 4^50"),
    ("-2", "Answer: (-8)^(1/3)"),
    ("4", "Answer: x = 4"),
    (SOLUTIONS, "Answer: x = 1 ± √3"),
    (SOLUTIONS, r"Answer: $x = 1 - \sqrt{3}$ or $x = 1+\sqrt3$"),
    (SOLUTIONS, r"\boxed{\{1-\sqrt{3},\ 1+\sqrt{3}\}}"),
    (SOLUTIONS, r"Answer: $x \in \left\{ 1 \pm \sqrt{3} \right\}$"),
    (SOLUTIONS, "Answer: x_1 = 1 + sqrt(3), x_2 = 1 - sqrt(3)"),
    ({"set": [2, -3]}, "Answer: -3 and 2"),
    ({"set": [2, -3]}, "Answer: {2, -3, 2}"),
    ({"set": []}, "Answer: no real solutions"),
    ({"set": []}, r"\boxed{\varnothing}"),
    ({"set": ["(1, 2)", "(3, 4)"]}, "Answer: (3, 4), (1, 2)"),
    (OUTSIDE, r"Answer: $(-\infty, 2] \cup [5, \infty)$"),
    (OUTSIDE, "Answer: x ≤ 2 or x ≥ 5"),
    (OUTSIDE, r"Answer: $\{x \in \mathbb{R} \mid x \le 2 \text{ or } x \ge 5\}$"),
    (OUTSIDE, "Answer: (-∞, 0] ∪ [0, 2] ∪ [5, +∞)"),
    (INSIDE, r"\boxed{(-1, 3]}"),
    (INSIDE, "Answer: x > -1 and x <= 3"),
    (INSIDE, "Answer: 3 ≥ x > -1"),
    ({"interval": "(-oo, 1) U (1, oo)", "variables": ["x"]}, "Answer: x ≠ 1"),
    ({"interval": "[-sqrt(2), sqrt(2)]", "variables": ["x"]}, "Answer: -2/√2 ≤ x ≤ 2/√2"),
    (GRAPH, "Answer: 2x - y + 1 = 0"),
    (GRAPH, r"Answer: $\frac{y-1}{2} = x$"),
    (x(CUBIC, form="factored"), "Answer: 2(x+3)(x+1)"),
    (x("x^2 + 2*x + 1", form="factored"), "Answer: (x+1)²"),
    (x(CUBIC, form="expanded"), "Answer: 6 + 8x + 2x^2"),
    (x("x*(x-1)/2", form="expanded"), r"Answer: $\frac{x^2}{2} - \frac{x}{2}$"),
    (x("2*x", label="Step 2"), "Step 1: 3x\n**Step 2:** f'(x) = $2x$\n\nAnswer: 7"),
    (x("sqrt(x^2)", positive=True), "Answer: x"),
    (N, "Answer: 3ⁿ⁻¹"),
    (N, "Answer: 3⁽ⁿ⁻¹⁾"),
    (x("exp(-3*x)"), "Answer: e⁻³ˣ"),
    (x("exp(-3*x)*x^2"), "Answer: x²e⁻³ˣ"),
    (x("arcsin(x)"), "Answer: sin⁻¹x"),
    (x("2^(k+x)", variables=["x", "k"]), "Answer: 2ᵏ⁺ˣ"),
    (x("5/2*3^(n-1)", variables=["n"]), r"Answer: $\frac{5}{2} 3^{n-1}$"),
    (x("5/2*3^(n-1)", variables=["n"]), r"Answer: $\left(\frac52\right)3^{n-1}$"),
    (x("n*2^(n-1)", variables=["n"]), "Answer: $n2^{n-1}$"),
    (x("2^n*3^n", variables=["n"]), "Answer: $2^{n}3^{n}$"),
    ("pi/6", r"Answer: $\frac\pi6$"),
    (x("x/2"), r"Answer: $\frac x2$"),
    ({"set": [1, 2, 4]}, r"Answer: $\lambda \in \{1,2,4\}$"),
    ({"set": [1, 2, 4]}, r"Answer: $\lambda\in\{1, 2, 4\}$"),
    ({"set": [1, 2, 4]}, r"Answer: $\lambda = \{1, 2, 4\}$"),
    ({"set": [1, 2, 4]}, r"Answer: $\sigma(A) = \{1, 2, 4\}$"),
    ({"set": [1, 2, 4]}, "Answer: λ ∈ {1, 2, 4}"),
    ({"interval": "(1, 2]", "variables": ["theta"]}, r"Answer: $\theta \in (1, 2]$"),
    ({"interval": "(1, 2]", "variables": ["theta"]}, r"Answer: $1 < \theta \le 2$"),
    ({"interval": "(1, 2]", "variables": ["theta"]}, r"Answer: $\{\theta \mid 1 < \theta \le 2\}$"),
    (INSIDE, "Answer: ]-1, 3]"),
    (INSIDE, r"Answer: $x \in \left]-1; 3\right]$"),
    (OUTSIDE, "Answer: ]-∞, 2] ∪ [5, +∞["),
    ({"interval": "(-oo, (1+sqrt(2))/2) U (5, oo)", "variables": ["x"]}, "Answer: ]-∞, (1+√2)/2[ ∪ ]5, ∞["),
    ("280", "**Final Answer:**\nStep 1: 350\nStep 2: 70\nAnswer: 280"),
    ("280", "**Answer:**\n\n- Step 1: 350\n- Step 2: 70\n\nAnswer: 280"),
    (LINE, "**Final Answer:**\n\n2x + 2"),
]

REFUSED: list[tuple[Any, str]] = [
    (LINE, "Answer: 2x + 1"),
    (LINE, "Answer: 2x + 2 or 2x + 3"),
    (LINE, "Answer: 2x + 2\nAnswer: 2x - 2"),
    (LINE, "Answer: 2x+2\n\nFinal answer: 2x"),
    (LINE, "The answer is not 2x + 2."),
    (LINE, "Answer: 2x + 2 = 0"),
    (LINE, "Answer: 2X + 2"),
    (LINE, "Answer: 2x + 2 + 10^-60"),
    (LINE, "Answer: x2 + 2"),
    (LINE, "Answer: 2x + 2y"),
    (LINE, "Answer: 2*x + 2 if x > 0"),
    (LINE, "I take 2x + 2 into account."),
    (x("x"), "Answer: sqrt(x^2)"),
    (x("2*ln(x)"), "Answer: ln(2x)"),
    (x("ln(x^2)"), "Answer: 2 ln(x)"),
    (x("sin(x)^2"), "Answer: sin(x^2)"),
    (x("1/(2*x)"), "Answer: 1/2x"),
    (x("(x+1)^2"), "Answer: x^2+1"),
    (x("x^100"), "Answer: x^100 + 10^-200 x"),
    ("4", "Answer: 2x = 4"),
    ("4", "Answer: x^2 = 4"),
    (x("4"), "Answer: 2x = 4"),
    ("1", "Answer: 0.99999999999999999999"),
    ("sqrt(2)", "Answer: 1.41421356237309504880"),
    ("1/3", "Answer: 0.333333333333333333333"),
    ("262537412640768744", "Answer: e^(pi*sqrt(163))"),
    ("5", "Answer: 5k"),
    ("5", "Answer: 5 million"),
    ("5", "Answer: 5 or 6"),
    ("5", "Answer: ±5"),
    ("5", "Answer: x != 5"),
    ("0", "Answer: 1 - 1/0"),
    ("16", "Answer: 2^2^3"),
    ("36*pi", "Answer: 36"),
    (SOLUTIONS, "Answer: x = 1 + √3"),
    (SOLUTIONS, "Answer: 1 + √3, 1 - √3, 1"),
    (SOLUTIONS, "Answer: 2.7320508, -0.7320508"),
    ({"set": [2, -3]}, "Answer: 2, 3"),
    ({"set": []}, "Answer: {0}"),
    ({"set": ["(1, 2)"]}, "Answer: (2, 1)"),
    ({"set": ["(1, 2)"]}, "Answer: 1, 2"),
    (OUTSIDE, "Answer: (-oo, 2) U (5, oo)"),
    (OUTSIDE, "Answer: 2 <= x <= 5"),
    (OUTSIDE, "Answer: x <= 2, x >= 5"),
    (OUTSIDE, "Answer: x <= 2 and x >= 5"),
    (OUTSIDE, "Answer: [5, oo)"),
    (INSIDE, "Answer: -1 <= x <= 3"),
    (INSIDE, "Answer: -1 < y <= 3"),
    (INSIDE, "Answer: -1 < x > 3"),
    (GRAPH, "Answer: y = 2x - 1"),
    (GRAPH, "Answer: 2x + 1"),
    (GRAPH, "Answer: 0 = 0"),
    (GRAPH, "Answer: y = 2x + 1 = 0"),
    (x(CUBIC, form="factored"), "Answer: (2x+2)(x+3)"),
    (x(CUBIC, form="factored"), "Answer: 2x^2+8x+6"),
    (x("x^4 + 2*x^2 + 1", form="factored"), "Answer: x^4 + 2x^2 + 1"),
    (x(CUBIC, form="expanded"), "Answer: 2(x^2+4x+3)"),
    (x(CUBIC, form="expanded"), "Answer: 2x^2 + 6x + 2x + 6"),
    (x("2*x", label="Step 2"), "Step 20: 2x\nStep 2: 3x\nAnswer: 2x"),
    (x("2*x", label="Step 2"), "2x"),
    (N, "Answer: 3ⁿ-1"),
    (x("exp(-3)*x"), "Answer: e⁻³ˣ"),
    (x("6*x + 6"), "Answer: (x+1)2 3"),
    (x("2*x + 2"), "Answer: (x+1)2"),
    (x("x*2"), "Answer: x2"),
    (INSIDE, "Answer: [-1, 3["),
    (INSIDE, "Answer: ]-1, 3["),
    (INSIDE, "Answer: [-1, 3]"),
    (OUTSIDE, "Answer: ]-∞, 2[ ∪ ]5, +∞["),
    ({"set": [1, 2, 4]}, r"Answer: $\lambda \in [1, 4]$"),
    ({"set": [1, 2, 4]}, r"Answer: $\lambda \in \{1, 2\}$"),
    ("22", "Answer: 22, 33"),
    ("22", "Answer: 22; 33"),
    ("22", "Answer: 22 | 33"),
]


def _id(value: object) -> str:
    return repr(value)[:50]


@pytest.mark.parametrize(("expectation", "content"), ACCEPTED, ids=_id)
def test_an_equivalent_answer_is_accepted_however_it_is_written(expectation: object, content: str) -> None:
    result = check(expectation, content)
    assert result.ok, result.message


@pytest.mark.parametrize(("expectation", "content"), REFUSED, ids=_id)
def test_an_answer_that_only_looks_right_is_refused(expectation: object, content: str) -> None:
    result = check(expectation, content)
    assert not result.ok, result.message
    assert result.mode in (FailureMode.WRONG_ANSWER, FailureMode.EXTRACTION_FAILED)


HOSTILE = [
    "9^9^9^9",
    "9**9**9**9",
    "(((9^9)^9)^9)^9",
    "exp(exp(exp(exp(9))))",
    "e^e^e^e^e^e",
    "factorial(10^9)",
    "999999999!",
    "300!!!!!!!",
    "2^(300!)",
    r"\binom{999999999}{3}",
    "binom(10^9, 10^8)",
    "(x+1)^999999999",
    "(x+y+1)^300",
    "((((x+1)^9)^9)^9)^9",
    "(1+1/x)^(10^80)",
    "1/(x-x)",
    "x^-9^9^9",
    "sin(10^300!)",
    "tan(tan(tan(tan(9^9^9))))",
    "(" * 500 + "x" + ")" * 500,
    "sqrt " * 160 + "x",
    "sin " * 240 + "x",
    "x^" * 400 + "x",
    "-" * 900 + "x",
    "x!" * 400,
    "|" * 900,
    "1" * 900,
    "0." + "1" * 900,
    "(x+1)" * 190,
    "1/(1+" * 60 + "x" + ")" * 60,
    "x/" * 450 + "x",
    "x+" * 450 + "x",
    "x" * 1_000_000,
    "x = " * 240 + "x",
    "1 or " * 20_000,
    "__import__('os').system('true')",
    "x.__class__",
    "lambda: 0",
    "{" * 100_000,
    "\\frac" * 20_000,
    "\\frac\\pi" * 20_000,
    "x" + "⁻ⁿ" * 20_000,
    "x" + "⁻" * 40_000,
    "]1," * 20_000,
    "]" * 40_000,
    "\\lambda" * 20_000,
    "(x)2^" * 150 + "x",
    "\\boxed{" * 20_000,
    "answer: " * 20_000,
    "\n".join(f"Answer: x + {n}" for n in range(400)),
    "\u0301" * 50_000,
]


@pytest.mark.parametrize("formula", HOSTILE, ids=_id)
def test_no_formula_can_hang_or_crash_the_check(formula: str) -> None:
    for expectation in (x("x^2 + 1"), {"set": ["1", "x"], "variables": ["x", "y"]}, OUTSIDE, GRAPH):
        for content in (formula, f"Answer: {formula}, \\boxed{{{formula}}}"):
            with bounded("the check", seconds=8):
                result = check(expectation, content)
            assert not result.ok
            assert result.message.isprintable()


def test_a_cancelled_common_factor_is_the_same_formula() -> None:
    assert check(x("x + 1"), "Answer: (x^2 - 1)/(x - 1)").ok


@pytest.mark.parametrize("text", ["2 3", "x 2", "f(x)", "x..2", "import", "2 +", "(x", "x)", "1.2.3", "x'", "|x", ""])
def test_what_is_no_formula_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableError):
        parse(text, frozenset("x"))


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ({}, "exactly one of"),
        ({"value": "x", "set": ["1"], "variables": ["x"]}, "exactly one of"),
        ("x + 1", "can't be read"),
        (1.5, "valid string"),
        ({"value": "1", "variables": ["x y"]}, "no name of a variable"),
        ({"value": "1", "variables": ["2"]}, "no name of a variable"),
        ({"interval": "[1, 2]"}, "needs the name of its variable"),
        ({"set": ["1"], "form": "expanded"}, "`form` is for"),
        ({"equation": "x + 1", "variables": ["x"]}, "can't be read"),
        ({"value": "1", "from": "expanded"}, "Extra inputs"),
        ({"value": "±1"}, "can't be read"),
    ],
)
def test_an_expectation_that_can_not_work_is_refused(expectation: object, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Symbolic.model_validate(expectation)
    assert problem in str(caught.value)


def test_a_decision_is_the_same_every_time() -> None:
    assert {check(x("sin(x)*exp(x)"), r"Answer: e^x \sin x").ok for _ in range(3)} == {True}
