"""From a reply to points, through a container: code is extracted, called from the test, and judged outside."""

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench
from tests.fake_answers import Body
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

SUITE = """
import pytest
import pytest_polecat as polecat

KINDS = ("right", "wrong", "raises", "syntax", "import", "loops", "eats", "leaves", "object", "prose")


def question(kind):
    @polecat.question(id=kind, prompt=f"Write add(a, b) that is {kind}.", points=2)
    def test_add(reply, sandbox):
        add = sandbox.load(reply.code("python"), call_timeout=2 if kind == "loops" else 20).add
        assert add(2, 3) == 5
        assert add([1], [2]) == [1, 2]

    return test_add


for kind in KINDS:
    globals()[f"test_{kind}"] = question(kind)


@polecat.question(id="plain", prompt="Say blue.")
def test_plain(reply):
    assert reply.text == "blue"
"""

CODE = {
    "right": "def add(a, b):\n    return a + b",
    "wrong": "def add(a, b):\n    return a - b",
    "raises": "def add(a, b):\n    raise RuntimeError('no')",
    "syntax": "def add(a, b)\n    return a + b",
    "import": "import numpy_is_not_here\ndef add(a, b):\n    return a + b",
    "loops": "def add(a, b):\n    while True:\n        pass",
    "eats": "def add(a, b):\n    kept = []\n    while True:\n        kept.append(bytearray(10**7))",
    "leaves": "import os\ndef add(a, b):\n    os._exit(0)",
    "object": "class Any:\n    def __eq__(self, other):\n        return True\ndef add(a, b):\n    return Any()",
}

EXPECTED = {
    "right": (Outcome.PASSED, None),
    "wrong": (Outcome.MISSED, FailureMode.TEST_FAILURE),
    "raises": (Outcome.MISSED, FailureMode.RUNTIME_ERROR),
    "syntax": (Outcome.MISSED, FailureMode.SYNTAX_ERROR),
    "import": (Outcome.MISSED, FailureMode.RUNTIME_ERROR),
    "loops": (Outcome.MISSED, FailureMode.SANDBOX_TIMEOUT),
    "eats": (Outcome.MISSED, FailureMode.SANDBOX_OOM),
    "leaves": (Outcome.MISSED, FailureMode.RUNTIME_ERROR),
    "object": (Outcome.MISSED, FailureMode.WRONG_ANSWER),
    "prose": (Outcome.MISSED, FailureMode.EXTRACTION_FAILED),
    "plain": (Outcome.PASSED, None),
}


@pytest.fixture
def coders(bench: Bench) -> Bench:
    bench.suite(SUITE, "test_adding.py")

    def reply(body: Body) -> str:
        prompt = str(body["messages"][-1]["content"])
        if "blue" in prompt:
            return "blue"
        kind = prompt.rsplit(" ", 1)[-1].rstrip(".")
        return f"```python\n{CODE[kind]}\n```" if kind in CODE else "I would rather not."

    bench.server.replies = reply
    return bench


def test_whatever_code_does_is_booked_as_what_it_is(coders: Bench, host_image: str) -> None:
    result = coders.ask(f"--polecat-sandbox-image={host_image}")
    found = {name: (attempt.outcome, attempt.mode) for name, attempt in coders.attempts.items()}
    assert found == EXPECTED
    assert result.ret == 0
    sandbox = coders.run.read_run().sandbox
    assert sandbox is not None
    assert sandbox.image.startswith("sha256:")
    assert sandbox.engine.startswith("Docker ")
    assert len(sandbox.runner) == 64


def test_without_docker_code_questions_are_broken_and_the_others_go_on(
    coders: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{coders.folder}/nobody.sock")
    result = coders.ask("-k", "right or plain")
    assert result.ret == 1
    right, plain = coders.attempts["right"], coders.attempts["plain"]
    assert (right.outcome, right.mode) == (Outcome.BROKEN, FailureMode.SANDBOX_ERROR)
    assert "code questions need Docker, and it can't be reached" in right.message
    assert plain.outcome is Outcome.PASSED
    if not coders.xdist:
        result.stdout.fnmatch_lines(["polecat: code questions need Docker*"])
