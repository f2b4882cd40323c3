"""What the soak asks: questions of all kinds for the demo model, and a fake server that answers as it does."""

from __future__ import annotations

from pathlib import Path

from pytest_polecat.demo.spec import Answer, load
from pytest_polecat.resources import bundled
from tests.fake_answers import Body, Reply

_KINDS = (
    "prompt: 'Question {n}: what do you get when you mix blue and yellow paint?', checks: [{exact: green}]",
    "prompt: 'Question {n}: which is the capital of Hungary?', checks: [{exact: Budapest}]",
    "prompt: 'Question {n}: Explain the tides.', points: 3, checks: [{includes: [moon]}, {lines: 3}, {words: 1}]",
    "prompt: 'Question {n}: make a sign that warns people of a wet floor.', checks: [{words: 5}, {case: upper}]",
    "prompt: 'Question {n}: ponder without end.', sampling: {max_tokens: 300}, checks: [{includes: [end]}]",
    "turns: [{prompt: 'Question {n}: capital of Iceland?'}, {prompt: A small poem about rain., checks: [{lines: 3}]}]",
)
_DECLARED = 48

_CODE = """\
  - id: code-{n}
    prompt: 'Question {n}: write add_numbers.'
    points: 2
    checks:
      - code: {function: add_numbers, cases: [{args: [2, 3], returns: 5}, {args: [[1], [{n}]], returns: [1, 2]}]}
"""

_GRADERS = """
import pytest_polecat as polecat


def grader(number):
    @polecat.question(id=f"graded-{number:02}", prompt=f"Question {number}: capital of Iceland?", points=2)
    def test_city(reply, score):
        assert number % 5, "one in five is missed"
        score.award(1, when=bool(reply.text))
        score.award(1, when=number % 2 == 0)

    return test_city


for each in range(10):
    globals()[f"test_{each:02}"] = grader(each)
"""

_CODERS = """
import pytest_polecat as polecat


def coder(number):
    @polecat.question(id=f"called-{number}", prompt=f"Question {number}: write add_numbers, to be called.")
    def test_call(reply, sandbox):
        add = sandbox.load(reply.code("python")).add_numbers
        total = add(number, 2)
        assert total == 3

    return test_call


for each in range(3):
    globals()[f"test_{each}"] = coder(each)
"""


def write_questions(folder: Path, *, sandbox: bool) -> None:
    """Declared questions that pass, miss or get part of their points, Python graders; code if there is a sandbox."""
    lines = [f"  - {{id: q{n:02}, {_KINDS[n % len(_KINDS)].replace('{n}', str(n))}}}\n" for n in range(_DECLARED)]
    lines[10:10] = [_CODE.replace("{n}", str(n)) for n in (1, 2, 3)] if sandbox else []
    # Python suites are named after the folder that they stand in.
    folder = folder / "mixed"
    folder.mkdir()
    (folder / "mixed.polecat.yaml").write_text("suite: mixed\nquestions:\n" + "".join(lines))
    (folder / "test_graders.py").write_text(_GRADERS)
    if sandbox:
        (folder / "test_coders.py").write_text(_CODERS)


class Answers:
    """The replies of the demo model, for the fake server: the latest trigger in the whole context decides."""

    def __init__(self) -> None:
        spec = load(bundled("fixtures/demo"))
        self._answers = dict(zip(spec.triggers, spec.answers(), strict=True))
        self._default = Answer(text=spec.default)

    def __call__(self, body: Body) -> Reply:
        context = "\n".join(str(message["content"]) for message in body["messages"])
        last = max(self._answers, key=context.rfind)
        answer = self._answers[last] if last in context else self._default
        if answer.endless:
            return {"content": "", "reasoning_content": "and on and on"}
        return {"content": answer.draws[0][1], "reasoning_content": answer.think or ""}
