"""What the harness itself costs: every figure is a difference or a ratio to a floor measured in the same run.

Exit status 1 if a figure is over its limit.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import asking, occupancy, sandbox, throughput
from benchmarks.timing import by_turns, processor_seconds
from pytest_polecat.sandbox.errors import SandboxError


def unused_plugin(folder: Path) -> tuple[str, float, float]:
    """Milliseconds of processor time that polecat adds to a pytest run which asks no questions."""
    (folder / "test_plain.py").write_text("def test_plain():\n    assert True\n")
    pair = by_turns([], ["-p", "no:polecat"], folder, runs=41, clock=processor_seconds)
    return "unused plugin: ms over `-p no:polecat`", pair.difference * 1000, 10


def collecting_questions(folder: Path) -> tuple[str, float, float]:
    """Collecting 20,000 questions from JSONL, as a ratio to 20,000 plain parametrized tests."""
    count = 20_000
    filler = "Explain it in your own words, and keep it short. " * 8
    lines = [{"suite": "many", "version": 1}]
    lines += [
        {
            "id": f"q-{n:05}",
            "prompt": f"Question {n}. {filler}",
            "checks": [{"words": {"max": 50 + n % 7}}],
            "points": 2,
        }
        for n in range(count)
    ]
    (folder / "many.polecat.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "test_many.py").write_text(
        "import json, pathlib, pytest\n"
        "LINES = pathlib.Path(__file__).with_name('many.polecat.jsonl').read_text().splitlines()[1:]\n"
        "QUESTIONS = [json.loads(line) for line in LINES]\n"
        "@pytest.mark.parametrize('question', QUESTIONS, ids=[each['id'] for each in QUESTIONS])\n"
        "def test_many(question):\n    assert question\n"
    )
    pair = by_turns(
        ["--collect-only", "-q", "-q", "many.polecat.jsonl"],
        ["--collect-only", "-q", "-q", "-p", "no:polecat", "test_many.py"],
        folder,
        runs=5,
    )
    return "collecting 20,000 questions: ratio to plain parametrized tests", pair.ratio, 1.5


BENCHMARKS: tuple[Callable[[Path], tuple[str, float, float]], ...] = (
    unused_plugin,
    collecting_questions,
    sandbox.graded_task,
    sandbox.one_call,
    sandbox.idle,
    throughput.saturated,
    throughput.suite,
    throughput.memory,
    *asking.ALL,
    *occupancy.ALL,
)


def main() -> int:
    """Run every benchmark and print its figure beside its limit."""
    over = 0
    for benchmark in BENCHMARKS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                name, figure, limit = benchmark(Path(folder))
        except SandboxError as error:
            print(f"{benchmark.__name__} was left out: {error}")
            continue
        over += figure > limit
        print(f"{name:<82} {figure:8.2f}  (at most {limit:g}){'  OVER' if figure > limit else ''}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
