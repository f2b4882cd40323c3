"""From a reply with files to points, by tests that run inside: the record says how the verdict was found."""

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench
from tests.fake_answers import Body
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

SUITE = '''
import pytest_polecat as polecat

TESTS = """
import unittest
import adding

class TestAdding(unittest.TestCase):
    def test_numbers(self):
        self.assertEqual(adding.add(2, 3), 5)

    def test_lists(self):
        self.assertEqual(adding.add([1], [2]), [1, 2])

    def test_strings(self):
        self.assertEqual(adding.add("a", "b"), "ab")

    def test_negative(self):
        self.assertEqual(adding.add(-2, -3), -5)
"""
IDS = [f"tests/test_adding.py::TestAdding::test_{name}" for name in ("numbers", "lists", "strings", "negative")]


def question(kind):
    @polecat.question(id=kind, prompt=f"Write add(a, b) that is {kind}.", points=2)
    def test_add(reply, sandbox):
        files = {"adding.py": reply.code("python")}
        result = sandbox.run_tests(files, tests={"tests/test_adding.py": TESTS}, expected=IDS)
        assert result.passed, result.message

    return test_add


test_right, test_wrong, test_forged = map(question, ("right", "wrong", "forged"))


@polecat.question(id="plain", prompt="Say blue.")
def test_plain(reply, sandbox):
    assert reply.text == "blue"
'''

CODE = {
    "right": "def add(a, b):\n    return a + b",
    "wrong": "def add(a, b):\n    return a",
    "forged": "import unittest\nunittest.TestCase.assertEqual = lambda *args: None\ndef add(a, b):\n    return a",
}


def test_a_verdict_found_inside_is_flagged_in_the_record(bench: Bench, host_image: str) -> None:
    bench.suite(SUITE, "test_adding.py")

    def reply(body: Body) -> str:
        prompt = str(body["messages"][-1]["content"])
        kind = prompt.rsplit(" ", 1)[-1].rstrip(".")
        return f"```python\n{CODE[kind]}\n```" if kind in CODE else kind

    bench.server.replies = reply
    bench.ask(f"--polecat-sandbox-image={host_image}")
    attempts = bench.attempts
    assert {name: (each.outcome, each.mode, each.flags) for name, each in attempts.items()} == {
        "right": (Outcome.PASSED, None, ("tamper-evident",)),
        "wrong": (Outcome.MISSED, FailureMode.TEST_FAILURE, ("tamper-evident",)),
        "forged": (Outcome.MISSED, FailureMode.RUNTIME_ERROR, ("tamper-evident",)),
        "plain": (Outcome.PASSED, None, ()),
    }
    assert "AssertionError: 2 != 5" in attempts["wrong"].message
    assert "forged reports" in attempts["forged"].message
