"""Functions that need a method: an expression parser, a matcher in bounded time, a solver of constraints."""

import ast
import random
import re
from copy import deepcopy
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")

EVALUATE = (REFERENCES / "evaluate.py").read_text("utf-8")


def forbidden(code):
    """What a program uses of `eval`, `exec` and the module `ast`."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:  # of a Python newer than this one
        return set()
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return (called - own) & {"eval", "exec"} | imported & {"ast"}


def expression(rng, depth):
    """A random expression: its text, its value, and how strongly its outermost part binds (1 to 5)."""

    def part(least, depth=depth - 1):
        text, value, binds = expression(rng, depth)
        return (text if binds >= least and rng.random() < 0.9 else f"({text})"), value

    kind = rng.choice("0-^*/+m" if depth else "0")
    if kind == "0":
        number = rng.randint(0, 12)
        return str(number), Fraction(number), 5
    if kind == "-":
        text, value = part(3)
        return f"-{text}", -value, 3
    if kind == "^":
        text, value = part(5)
        power = rng.randint(-2, 3) if value else rng.randint(0, 3)
        return f"{text}^{power}", value**power, 4
    least = 2 if kind in "*/" else 1
    (left, one), (right, two) = part(least), part(least + 1)
    if kind == "/" and not two:
        kind = "*"
    values = {"*": lambda: one * two, "/": lambda: one / two, "+": lambda: one + two, "m": lambda: one - two}
    sign = {"m": "-"}.get(kind, kind)
    return rng.choice(["{}{}{}", "{} {} {}"]).format(left, sign, right), values[kind](), least


@polecat.question(
    id="expression-errors",
    tier=3,
    points=5,
    prompt="""\
Write a Python function `evaluate(text)` that computes an arithmetic expression and returns the exact value as a
`fractions.Fraction`. Do not use `eval`, `exec` or `ast`.

- Numbers are whole and written with the digits 0 to 9. Spaces may stand between numbers and signs, and mean nothing.
- From the weakest to the strongest: `+` and `-`; `*` and `/`; the minus before a value, as often as one likes (`--3` is
  3, and `2*-3` is -6); `^` for powers. `+ - * /` group from the left, `^` from the right: `2^3^2` is 512. `-2^2` is -4,
  and an exponent may have a minus: `2^-1` is 1/2. Parentheses group. `0^0` is 1.
- What is wrong raises `ExpressionError`, a subclass of `ValueError` that you define, with an attribute `position`:
  the index in `text` of the first character that can't stand there, or `len(text)` if the text ends too early. A
  division by zero has the position of its `/`. A power whose exponent is not whole, or of 0 with a negative exponent,
  has that of its `^`. A text has at most one fault.
""",
    reference=EVALUATE,
    wrong=[
        EVALUATE.replace("-signed() if accept", "-power() if accept"),
        EVALUATE.replace("exponent = signed()", "exponent = atom()"),
        {"content": EVALUATE.replace("ExpressionError(tokens[at][1])", "ExpressionError(at)"), "points": 3},
        {"content": EVALUATE.replace("(value == 0 and exponent < 0)", "False"), "points": 3},
        (
            "from fractions import Fraction\n\n\nclass ExpressionError(ValueError):\n    pass\n\n\n"
            "def evaluate(text):\n    return Fraction(eval(text.replace('^', '**')))"
        ),
        (
            "import re\nfrom fractions import Fraction\n\n\nclass ExpressionError(ValueError):\n    pass\n\n\n"
            "def evaluate(text):\n    text = re.sub('[0-9]+', lambda match: f'Fraction({match[0]})', text)\n"
            "    return eval(text.strip().replace('^', '**'))"
        ),
        EVALUATE.replace("    return value\n", "    return value if value.denominator > 1 else int(value)\n"),
        {"content": EVALUATE.replace('re.fullmatch("[0-9]+", token)', "token.isdigit()"), "points": 3},
    ],
)
def test_expression_errors(reply, sandbox, score):
    """Precedence, and errors with their places. The oracle computes values while it writes the expressions."""
    code = reply.code("python")
    candidate = sandbox.load(code)
    assert not forbidden(code), "it uses eval, exec or ast"
    known = {"2^3^2": 512, "-2^2": -4, "2^-1": Fraction(1, 2), "--3": 3, "7-2-1": 4, "2*-3": -6, "8/4/2": 1, " (5) ": 5}
    for text, value in known.items():
        result = candidate.evaluate(text)
        assert isinstance(result, Fraction)
        assert result == value
    rng = random.Random(16)
    for _ in range(150):
        text, value, _ = expression(rng, rng.randint(0, 4))
        assert candidate.evaluate(text) == value
    score.award(3, note="values")
    faults = {
        "": 0,
        "  ": 2,
        "2 3": 2,
        "1+": 2,
        "1 + ": 4,
        "1+*2": 2,
        "1)": 1,
        "()": 1,
        "(1": 2,
        "12+a": 3,
        "(1+2))*3": 5,
    }
    faults |= {"12 / (3-3)": 3, "2^(1/2)": 1, "(4-4)^-1": 5, "1.5": 1, "3*(2+)": 5, "10+(2*(3-4)": 11, "7*\u0663": 2}
    for text, position in faults.items():
        with pytest.raises(candidate.ExpressionError) as caught:
            candidate.evaluate(text)
        assert caught.value.position == position
        assert isinstance(caught.value, ValueError)
    score.award(2, note="errors")


MATCHES = (REFERENCES / "matches.py").read_text("utf-8")
MATCHES_BY_RE = (REFERENCES / "matches_by_re.py").read_text("utf-8")


def pattern_of(rng, depth=2):
    """A random pattern of short texts over `ab-`, and the same as a regular expression."""
    pattern, regex = "", ""
    for _ in range(rng.randint(0, 4)):
        simple = [("a", "a"), ("b", "b"), ("?", "."), ("*", ".*"), ("[ab]", "[ab]"), ("[!a]", "[^a]"), ("\\*", r"\*")]
        choice, meaning = rng.choice([*simple, ("[a-]", "[a-]"), ("-", "-"), ("{", "")])
        if choice == "{":
            options = [pattern_of(rng, depth - 1) if depth else ("b", "b") for _ in range(rng.randint(1, 3))]
            choice = "{" + ",".join(option for option, _ in options) + "}"
            meaning = "(?:" + "|".join(option for _, option in options) + ")"
        pattern += choice
        regex += meaning
    return pattern, regex


@polecat.question(
    id="wildcards-in-time",
    tier=3,
    points=5,
    prompt="""\
Write a Python function `matches(pattern, text)` that tells (`True` or `False`) whether a pattern matches a whole text.
In a pattern:

- `?` stands for any one character, `*` for any number of characters, also none;
- `[abc]` stands for one of these characters, `[a-f]` for one of a range, `[!a-f]` for any one character but these. The
  set ends at the first `]`; in it only `-` between two characters and `!` at its start have a meaning;
- `{one,two,}` stands for one of these alternatives. Each is a pattern of its own, may be empty, and may hold braces;
- a backslash outside `[...]` takes the meaning from the character after it;
- all else stands for itself, `]` and outside of braces `,` and `}` too.

Raise `ValueError` for a `[` or `{` that is not closed, an empty set (`[]`, `[!]`), a range that runs backwards
(`[z-a]`), and a backslash at the end. The time must stay in proportion to the length of the pattern times that of the
text, whatever they are: no backtracking without end.
""",
    reference=MATCHES,
    wrong=[
        "import fnmatch\n\n\ndef matches(pattern, text):\n    return fnmatch.fnmatchcase(text, pattern)",
        MATCHES.replace("len(text) in ends", "0 < max(ends").replace("text, {0})", "text, {0}), default=0)"),
        MATCHES.replace('raise ValueError("a { is not closed")', "break"),
        {"content": MATCHES_BY_RE, "points": 3},
        MATCHES_BY_RE.replace(", re.DOTALL", ""),
        MATCHES_BY_RE.replace('.replace("^", "\\\\^")', ""),
    ],
)
def test_wildcards_in_time(reply, sandbox, score):
    """A matcher that backtracking alone can't do in time; `re` is the oracle for small inputs."""
    matches = sandbox.load(reply.code("python"), call_timeout=3).matches
    assert matches("*.{py,tx?}", "notes.txt") is True
    assert matches("*.{py,tx?}", "notes.pyc") is False
    assert matches("{a,{b,c}d,}-[!x-z]", "cd-w") is True
    assert matches("a,}]", "a,}]") is True
    assert matches("?*", "\n\n") is True
    assert [char for char in r"a^\!.[-" if matches(r"[^\!]", char)] == ["^", "\\", "!"]
    assert [char for char in "`abfg-" if matches("[a-f]", char)] == ["a", "b", "f"]
    for malformed in ("[ab", "{a,b", "{a,{b}", "[]", "[!]", "[z-a]", "ab\\"):
        with pytest.raises(ValueError):
            matches(malformed, "ab")
    rng = random.Random(17)
    for _ in range(40):
        pattern, regex = pattern_of(rng)
        for _ in range(5):
            text = "".join(rng.choices("ab-*", k=rng.randint(0, 5)))
            assert matches(pattern, text) is (re.fullmatch(regex, text) is not None)
    score.award(3, note="what matches")
    assert matches("{a,aa}" * 60 + "b", "a" * 90) is False
    assert matches("*a" * 60 + "b", "a" * 400) is False
    assert matches("{*a,*b}" * 40 + "c", "ab" * 100) is False
    score.award(2, note="in time")


TIMETABLE = (REFERENCES / "timetable.py").read_text("utf-8")


def is_plan(plan, allowed, clashes, rooms):
    """Whether a timetable keeps all the rules."""
    return (
        isinstance(plan, dict)
        and plan.keys() == allowed.keys()
        and all(plan[talk] in slots for talk, slots in allowed.items())
        and all(plan[one] != plan[two] for one, two in clashes)
        and all(list(plan.values()).count(slot) <= rooms for slot in plan.values())
    )


def conference(rng, talks, slots, rooms):
    """Talks that can be arranged: a plan is made first, and hidden among further slots and clashes."""
    plan = {f"talk {number}": number // rooms % slots for number in range(talks)}
    order = rng.sample(list(plan), talks)
    allowed = {talk: sorted({plan[talk], *rng.sample(range(slots), 2)}) for talk in order}
    pairs = [rng.sample(order, 2) for _ in range(talks * 3)]
    return allowed, [(one, two) for one, two in pairs if plan[one] != plan[two]], rooms


@polecat.question(
    tier=3,
    points=4,
    prompt="""\
Write a Python function `timetable(allowed, clashes, rooms)` that arranges the talks of a conference.

- `allowed` is a dict from each talk's name to the list of the slots (ints) in which it can be held.
- `clashes` is a list of pairs `(talk, talk)` that must not be in the same slot.
- `rooms` (1 or more) is how many talks can be held in the same slot.

Return a dict from each talk to its slot that keeps all these rules, or `None` if there is none. If there are several,
any of them will do. It must find an answer for 50 talks within a few seconds, so do not simply try all combinations:
each time place a talk that has the fewest slots left.
""",
    reference=TIMETABLE,
    wrong=[
        TIMETABLE.replace(" and used.get(slot, 0) < rooms", ""),
        TIMETABLE.replace("        rivals[two].add(one)\n", "").replace(
            "talk = min(open_talks", "talk = max(open_talks"
        ),
        TIMETABLE.replace("        for slot in choices[talk]:", "        for slot in choices[talk][:1]:"),
        {
            "content": "from itertools import product\n\n\ndef timetable(allowed, clashes, rooms):\n"
            "    for slots in product(*allowed.values()):\n        plan = dict(zip(allowed, slots))\n"
            "        if all(plan[a] != plan[b] for a, b in clashes) and all(slots.count(s) <= rooms for s in slots):\n"
            "            return plan\n    return None",
            "points": 2,
        },
    ],
)
def test_timetable(reply, sandbox, score):
    """Constraints, with many right answers: whatever keeps the rules is right. The oracle tries all combinations."""
    timetable = sandbox.load(reply.code("python"), call_timeout=4).timetable
    assert timetable({}, [], 1) == {}
    assert timetable({"a": [1], "b": [1]}, [], 1) is None
    assert timetable({"a": [1], "b": [2, 1], "c": [3, 2]}, [], 1) == {"a": 1, "b": 2, "c": 3}
    rng = random.Random(18)
    solvable = 0
    for _ in range(60):
        allowed = {name: rng.sample(range(4), rng.randint(1, 3)) for name in "abcdef"[: rng.randint(2, 6)]}
        clashes = [tuple(rng.sample(list(allowed), 2)) for _ in range(rng.randint(0, 6))]
        rooms = rng.randint(1, 2)
        plans = (dict(zip(allowed, slots, strict=True)) for slots in product(*allowed.values()))
        plan = timetable(deepcopy(allowed), list(clashes), rooms)
        if any(is_plan(each, allowed, clashes, rooms) for each in plans):
            assert is_plan(plan, allowed, clashes, rooms)
            solvable += 1
        else:
            assert plan is None
    assert 10 < solvable < 50
    score.award(2, note="small ones")
    for seed in (0, 1, 3, 4, 8):  # on which trying in the given order gets lost
        large = conference(random.Random(seed), talks=50, slots=12, rooms=5)
        assert is_plan(timetable(*deepcopy(large)), *large)
    score.award(2, note="large ones, in time")
