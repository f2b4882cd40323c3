"""Code in suite files: declared cases, from the reply through a container to points."""

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench
from tests.fake_answers import Body
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

SUITE = """
suite: adding
questions:
"""

QUESTION = """
  - id: {kind}
    points: 2
    prompt: Write add(a, b) that is {kind}.
    checks:
      - code:
          function: add
          call_timeout: 4
          cases:
            - {{args: [2, 3], returns: 5}}
            - {{args: [[1], [2]], returns: [1, 2]}}
      - code: {{function: add, cases: [{{args: [1, null], raises: TypeError}}]}}
"""

PROGRAM = """
  - id: program
    prompt: Write a program that is program.
    checks: [{stdio: {cases: [{stdin: "2 3", stdout: "5"}, {stdin: "4 4", stdout: "8"}]}}]
  - id: plain
    prompt: Say blue.
    checks: [{exact: blue}]
"""

CODE = {
    "right": "def add(a, b):\n    return a + b",
    "wrong": "def add(a, b):\n    return a - b",
    "crashing": "def add(a, b):\n    raise RuntimeError('no')",
    "slow": "def add(a, b):\n    while b is not None:\n        pass\n    raise TypeError",
    "printing": "def add(a, b):\n    print(5)",
    "program": "print(sum(map(int, input().split())))",
}

EXPECTED = {
    "right": (Outcome.PASSED, 2, None),
    "wrong": (Outcome.PARTIAL, 1, FailureMode.TEST_FAILURE),
    "crashing": (Outcome.MISSED, 0, FailureMode.RUNTIME_ERROR),
    "slow": (Outcome.PARTIAL, 1, FailureMode.SANDBOX_TIMEOUT),
    "printing": (Outcome.MISSED, 0, FailureMode.TEST_FAILURE),
    "prose": (Outcome.MISSED, 0, FailureMode.EXTRACTION_FAILED),
    "program": (Outcome.PASSED, 1, None),
    "plain": (Outcome.PASSED, 1, None),
}

PROVEN = """
suite: proven
questions:
  - id: one
    prompt: Write one(), which returns 1.
    checks: [{code: {function: one, cases: [{returns: 1}]}}]
    reference: "def one(): return 1"
    wrong: ["def one(): return 2", "def one(): print(1)"]
  - id: weak
    prompt: Write two(), which returns 2.
    checks: [{code: {function: two, cases: [{returns: 2}]}}]
    reference: "def two(): return 3"
    wrong: ["def two(): return 2"]
"""


@pytest.fixture
def adders(bench: Bench) -> Bench:
    kinds = [kind for kind in EXPECTED if kind not in ("program", "plain")]
    bench.suite(SUITE + "".join(QUESTION.format(kind=kind) for kind in kinds) + PROGRAM)

    def reply(body: Body) -> str:
        prompt = str(body["messages"][-1]["content"])
        kind = prompt.rsplit(" ", 1)[-1].rstrip(".")
        return "blue" if kind == "blue" else f"```python\n{CODE[kind]}\n```" if kind in CODE else "I would rather not."

    bench.server.replies = reply
    return bench


def test_declared_cases_are_graded_in_containers(adders: Bench, host_image: str) -> None:
    result = adders.ask(f"--polecat-sandbox-image={host_image}")
    attempts = adders.attempts
    found = {name: (attempt.outcome, attempt.earned, attempt.mode) for name, attempt in attempts.items()}
    assert found == EXPECTED
    assert result.ret == 0
    assert "add(2, 3) returned -1, and should return 5." in attempts["wrong"].message
    assert adders.run.read_run().sandbox is not None


def test_without_docker_questions_that_run_code_are_broken_and_the_others_go_on(
    adders: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{adders.folder}/nobody.sock")
    result = adders.ask("-k", "right or program or plain")
    assert result.ret == 1
    found = {name: (attempt.outcome, attempt.mode) for name, attempt in adders.attempts.items()}
    gone = (Outcome.BROKEN, FailureMode.SANDBOX_ERROR)
    assert found == {"right": gone, "program": gone, "plain": (Outcome.PASSED, None)}
    if not adders.xdist:
        result.stdout.fnmatch_lines(["polecat: code questions need Docker*"])


def test_a_self_test_runs_the_reference_and_the_wrong_answers(bench: Bench, host_image: str) -> None:
    bench.suite(PROVEN)
    result = bench.ask(f"--polecat-sandbox-image={host_image}", "--polecat-selftest", model=None)
    assert result.ret == 1
    result.assert_outcomes(passed=7, failed=2)
    result.stdout.fnmatch_lines(["*proven/weak: the reference answer earns 0 of 1 points*"])
    result.stdout.fnmatch_lines(["*proven/weak: wrong answer 1 passes; tighten the checks*"])
