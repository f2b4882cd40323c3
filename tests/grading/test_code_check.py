"""The check `code`: a reply's function is called in a container, and judged outside."""

import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_polecat.grading.checks import Check, CheckResult, Expectation
from pytest_polecat.grading.checks.code import Code
from pytest_polecat.grading.checks.returned import Likeness
from pytest_polecat.grading.grader import Grade, Grader
from pytest_polecat.records.attempt import Finding
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.question import Question
from pytest_polecat.records.reply import Reply
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.sandbox import Sandbox
from pytest_polecat.sandboxing import open_sandbox
from tests.grading.in_sandboxes import GRADER, Verify, verifier
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

MERGE: dict[str, Any] = {
    "function": "merge",
    "cases": [
        {"args": [[[1, 3], [2, 4], [6, 7]]], "returns": [[1, 4], [6, 7]]},
        {"args": [[]], "returns": []},
        {"args": [], "kwargs": {"spans": [[5, 5]]}, "returns": [[5, 5]]},
        {"args": ["x"], "raises": "ValueError"},
    ],
}

RIGHT = """
def merge(spans):
    if isinstance(spans, str):
        raise ValueError("no spans")
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    return merged
"""

ONE: dict[str, Any] = {"function": "one", "cases": [{"returns": 1}]}


@pytest.fixture
def verify(host_image: str, request: pytest.FixtureRequest) -> Verify:
    return verifier("code", request.config)


def fenced(code: str) -> str:
    return f"Here you are:\n```python\n{code}\n```\nIt works."


def assert_right(finding: Finding) -> None:
    assert finding.ok, finding.message


def test_code_that_gives_what_is_expected_holds(verify: Verify) -> None:
    finding = verify(fenced(RIGHT), MERGE)
    assert_right(finding)
    assert finding.message == "All 4 cases hold."


UNUSUAL = {
    "tuples in a list": "def merge(spans):\n"
    "    if not spans: return ()\n"
    "    if spans == 'x':\n"
    "        class Strange(ValueError): pass\n"
    "        raise Strange\n"
    "    return [(1, 4), (6, 7)] if len(spans) > 1 else ((5.0, 5.0),)",
    "an object that is called": RIGHT.replace("def merge(", "def _merge(")
    + "\nclass Merger:\n    def __call__(self, spans): return _merge(spans)\nmerge = Merger()",
    "async": RIGHT.replace("def merge", "async def merge"),
    "it prints, and changes its argument": RIGHT.replace("merged = []", "merged = []; print(spans)").replace(
        "return merged", "spans.clear(); return merged"
    ),
    "it guards its main part": RIGHT + "\nif __name__ == '__main__':\n    raise SystemExit(merge([[1, 2]]))",
}


@pytest.mark.parametrize("code", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_code_that_is_right_holds(code: str, verify: Verify) -> None:
    assert_right(verify(fenced(code), MERGE))


@pytest.mark.parametrize(
    ("code", "function", "args", "returns"),
    [
        ("number = int", "number", ["42"], 42),
        ("import enum\nclass Level(enum.IntEnum):\n    LOW = 1\ndef low(): return Level.LOW", "low", [], 1),
        ("from collections import Counter\ncount = Counter", "count", ["aab"], {"a": 2, "b": 1}),
        ("from functools import lru_cache\n@lru_cache\ndef twice(n): return 2 * n", "twice", [4], 8),
    ],
)
def test_whatever_can_be_called_is_a_function(
    code: str, function: str, args: list[Any], returns: object, verify: Verify
) -> None:
    assert_right(verify(fenced(code), {"function": function, "cases": [{"args": args, "returns": returns}]}))


REFUSED = {
    "prints instead of returning": "def one():\n    print(1)",
    "true for one": "def one():\n    return True",
    "a text": "def one():\n    return '1'",
    "equals everything": "class Liar:\n    def __eq__(self, other): return True\n    __hash__ = None\n"
    "def one():\n    return Liar()",
    "an int that equals everything": "class Liar(int):\n    def __eq__(self, other): return True\n"
    "def one():\n    return Liar(2)",
    "raises what it should return": "def one():\n    raise StopIteration(1)",
    "returns its exception": "def one():\n    return ValueError(1)",
    "a generator": "def one():\n    yield 1",
    "ends its process": "import os\ndef one():\n    os._exit(0)",
    "ends its process while it is loaded": "import sys\nsys.exit(0)\ndef one(): return 1",
    "another name": "def ones():\n    return 1",
    "a value": "one = 1",
    "a hostile name of a class": "class str_(Exception): pass\nstr_.__name__ = 'list'\ndef one():\n    return str_()",
    "more digits than python writes": "def one():\n    return 10**9000",
    "skips": "def one():\n    import unittest\n    raise unittest.SkipTest('no')",
    "asserts": "def one():\n    assert False, 'passed'",
}


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED)
def test_code_that_only_looks_right_is_refused(code: str, verify: Verify) -> None:
    finding = verify(fenced(code), ONE)
    assert not finding.ok
    assert finding.mode is not None
    assert not finding.mode.infrastructure
    assert "\n" not in finding.message


MODES = [
    ("def one():\n    return 2", FailureMode.TEST_FAILURE, "one() returned 2, and should return 1."),
    ("def one():\n    return 1 / 0", FailureMode.RUNTIME_ERROR, "one() should return 1: ZeroDivisionError: division"),
    ("def one()\n    return 1", FailureMode.SYNTAX_ERROR, "The code can't be loaded: SyntaxError: "),
    ("import numpy_not_here\ndef one(): return 1", FailureMode.RUNTIME_ERROR, "loaded: ModuleNotFoundError: No module"),
    ("def one():\n    while True: pass", FailureMode.SANDBOX_TIMEOUT, "one() should return 1: a call took longer than"),
    ("def one():\n    x = []\n    while True: x.append(bytes(10**7))", FailureMode.SANDBOX_OOM, "should return 1: "),
    ("def two(): return 1", FailureMode.RUNTIME_ERROR, "The code has no function `one`: AttributeError: "),
    ("one = 5", FailureMode.RUNTIME_ERROR, "The code has no function `one`: it is the value 5"),
    ("class A: pass\none = A", FailureMode.TEST_FAILURE, "returned <an object of its class A>, and should"),
]


@pytest.mark.parametrize(("code", "mode", "message"), MODES)
def test_each_way_to_fail_has_its_sentence_and_its_mode(
    code: str, mode: FailureMode, message: str, verify: Verify
) -> None:
    patience = 3 if mode is FailureMode.SANDBOX_TIMEOUT else 60
    finding = verify(fenced(code), {**ONE, "call_timeout": patience})
    assert (finding.ok, finding.mode) == (False, mode)
    assert message in finding.message


def test_a_reply_without_code_is_not_run(verify: Verify) -> None:
    finding = verify("I would rather not.", ONE)
    assert (finding.ok, finding.mode) == (False, FailureMode.EXTRACTION_FAILED)


def test_the_sentence_names_the_first_case_that_does_not_hold(verify: Verify) -> None:
    finding = verify(fenced(RIGHT.replace("max(end, merged[-1][1])", "end + 1")), MERGE)
    assert finding.message == (
        "merge([[1, 3], [2, 4], [6, 7]]) returned [[1, 5], [6, 7]], and should return [[1, 4], [6, 7]]."
    )
    long = verify(fenced("def one(text):\n    return text"), {**ONE, "cases": [{"args": ["x" * 5000], "returns": 1}]})
    assert len(long.message) < 300


def test_changes_of_the_arguments_are_looked_at_where_the_suite_says_so(verify: Verify) -> None:
    changed = {"args": [[3, 1], 2], "returns": None, "changes": [[1, 2, 3], 2]}
    expectation: dict[str, Any] = {"function": "insert", "cases": [changed, changed]}
    assert_right(verify(fenced("def insert(items, n):\n    items.append(n)\n    items.sort()"), expectation))
    kept = verify(fenced("def insert(items, n):\n    items = sorted([*items, n])"), expectation)
    assert kept.message == "insert([3, 1], 2) left its arguments as [[3, 1], 2], and should leave [[1, 2, 3], 2]."
    unchanged = {"function": "top", "cases": [{"args": [[3, 1]], "returns": 3, "changes": [[3, 1]]}]}
    assert not verify(fenced("def top(items):\n    items.sort()\n    return items[-1]"), unchanged).ok


def test_no_code_can_change_what_is_expected_of_the_next(verify: Verify) -> None:
    shared = [2, 1]
    expectation = {"function": "f", "cases": [{"args": [shared], "returns": shared}]}
    assert not verify(fenced("def f(x):\n    x.clear()\n    x.append(1)\n    return x"), expectation).ok
    assert not verify(fenced("def f(x):\n    return [1]"), expectation).ok
    assert_right(verify(fenced("def f(x):\n    return [2, 1]"), expectation))


def raising(name: str, *raised: str) -> dict[str, Any]:
    return {"function": "f", "cases": [{"args": list(raised), "raises": name}], "call_timeout": 3}


RAISES = """
import os, sys

class QueueFull(LookupError): pass
class IndexError(Exception): pass

def f(kind):
    match kind:
        case "custom": raise QueueFull("full")
        case "shadow": raise IndexError
        case "next": return next(iter(()))
        case "exit": sys.exit(2)
        case "gone": os._exit(1)
        case "return": return KeyError()
    while True: pass
"""


def test_exceptions_are_told_by_their_class_and_those_it_derives_from(verify: Verify) -> None:
    names = [("custom", name) for name in ("QueueFull", "LookupError", "Exception")]
    names += [("next", "StopIteration"), ("exit", "SystemExit")]
    cases = [{"args": [kind], "raises": name} for kind, name in names]
    assert_right(verify(fenced(RAISES), {"function": "f", "cases": cases}))


REFUSED_RAISES = [
    ("custom", "KeyError"),
    ("shadow", "IndexError"),
    ("return", "KeyError"),
    ("gone", "Exception"),
    ("loop", "Exception"),
]


@pytest.mark.parametrize(("kind", "name"), REFUSED_RAISES)
def test_another_exception_and_being_stopped_are_not_what_is_expected(kind: str, name: str, verify: Verify) -> None:
    finding = verify(fenced(RAISES), raising(name, kind))
    assert not finding.ok
    assert f"f({kind!r})" in finding.message
    assert f"raise {name}" in finding.message


def test_a_comparison_is_declared_for_all_cases_or_for_one() -> None:
    def likeness(case: dict[str, Any], **declared: Any) -> Likeness:
        expected = Code.model_validate({"function": "f", "cases": [{"returns": 1, **case}], **declared})
        return expected.likeness(expected.cases[0])

    assert likeness({}) == Likeness()
    assert likeness({}, unordered=True, abs=0.1) == Likeness(unordered=True, abs=0.1)
    assert likeness({"abs": 0, "strict": True}, unordered=True, abs=0.1) == Likeness(unordered=True, strict=True)
    assert likeness({"rel": "1e-9"}) == Likeness(rel=1e-9)


def test_a_question_can_be_graded_in_any_thread(verify: Verify) -> None:
    findings: list[Finding] = []
    threads = [threading.Thread(target=lambda: findings.append(verify(fenced(RIGHT), MERGE))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [finding.ok for finding in findings] == [True] * 3


def test_without_a_sandbox_nothing_is_known_of_the_reply() -> None:
    question = Question.model_validate({"id": "q", "prompt": "?", "checks": [{"code": ONE}, {"words": 2}]})
    plain = Question.model_validate({"id": "q", "prompt": "?", "checks": [{"words": 2}]})
    assert GRADER.needs_sandbox(question)
    assert not GRADER.needs_sandbox(plain)

    def broken() -> Any:
        raise SandboxError("Docker is gone")

    for given in (broken, None):
        with pytest.raises(SandboxError):
            GRADER.grade(question, [Reply(content=fenced(RIGHT))], given)
    assert GRADER.grade(question, [Reply(content="")], broken).earned == 0


class Runs(Expectation):
    """Nothing but that it runs."""


def graded(verify: Callable[[Reply, Runs, Sandbox], CheckResult], content: str, config: pytest.Config) -> Grade:
    """By a check of one's own."""
    grader = Grader({"runs": Check("runs", Runs, verify, sandbox=True)})
    question = Question.model_validate({"id": "q", "prompt": "?", "checks": ["runs"]})
    return grader.grade(question, [Reply(content=content)], partial(open_sandbox, config))


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("def answer(): return 42", None),
        ("def answer(): return 41", FailureMode.TEST_FAILURE),
        ("def answer(: return 41", FailureMode.SYNTAX_ERROR),
    ],
)
def test_what_a_check_of_ones_own_lets_through_is_a_miss(
    content: str, mode: FailureMode | None, host_image: str, request: pytest.FixtureRequest
) -> None:
    def runs(reply: Reply, _: Runs, sandbox: Sandbox) -> CheckResult:
        assert sandbox.load(reply.content).answer() == 42
        return CheckResult(ok=True, message="It runs.")

    (finding,) = graded(runs, content, request.config).findings
    assert (finding.ok, finding.mode) == (mode is None, mode)


@pytest.mark.parametrize("times", [1, 2])
def test_a_check_whose_sandbox_the_engine_loses_is_applied_once_more(
    times: int, host_image: str, request: pytest.FixtureRequest
) -> None:
    tries = []

    def runs(reply: Reply, _: Runs, sandbox: Sandbox) -> CheckResult:
        tries.append(sandbox)
        candidate = sandbox.load(reply.content)
        if len(tries) <= times:
            with closing(connect()) as client:
                client.api.remove_container(sandbox._containers[0].id, force=True)
        return CheckResult(ok=candidate.answer() == 42, message="It runs.")

    content = "def answer(): return 42"
    if times == 1:
        grade = graded(runs, content, request.config)
        assert (grade.earned, grade.flags) == (1, ("sandbox_retried",))
    else:
        with pytest.raises(SandboxError, match="so was the one of the second try"):
            graded(runs, content, request.config)
    assert len(tries) == 2


def test_the_defaults_of_limits_are_those_of_the_sandbox() -> None:
    expected = Code.model_validate(ONE)
    assert (expected.call_timeout, expected.timeout, expected.language) == (10, 120, "python")
    with pytest.raises(ValidationError, match="greater than 0"):
        Code.model_validate({**ONE, "timeout": 0})


def test_an_object_that_is_a_value_and_more_counts_as_that_value(verify: Verify) -> None:
    source = (
        "class Bag(dict):\n    def total(self):\n        return sum(self.values())\n"
        "def count(words):\n    bag = Bag()\n    for word in words:\n        bag[word] = bag.get(word, 0) + 1\n"
        "    return [bag]\n"
    )
    case: dict[str, Any] = {"args": [["a", "b", "a"]], "returns": [{"a": 2, "b": 1}]}
    assert verify(fenced(source), {"function": "count", "cases": [case]}).ok
    assert not verify(fenced(source), {"function": "count", "cases": [{**case, "returns": [{"a": 1, "b": 1}]}]}).ok
