"""The demo, end to end: the real llama.cpp, the bundled suites, exactly predicted points."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_polecat.records.outcome import Outcome
from pytest_polecat.rundir import RunDir
from tests.end_to_end.conftest import Bench
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

pytest.importorskip("xllamacpp", reason="the embedded server needs xllamacpp: pip install 'pytest-polecat[demo]'")

DEMO = {
    "agentic": (21, 8, 1, 24),
    "coder": (17, 4, 3, 23),
    "general": (42, 7, 5, 20),
    "instruction_precision": (96.5, 22, 10, 25),
    "job_queue": (20, 0, 1, 0),
    "math": (27, 7, 2, 24),
    "thinking": (22, 8, 0, 23),
}
"""What `demo` earns: points, and how many questions it passes, in part, and misses."""

WEAK = {
    "agentic": (3, 0, 2, 31),
    "coder": (1, 0, 1, 29),
    "general": (7, 0, 5, 27),
    "instruction_precision": (33, 4, 17, 36),
    "job_queue": (0, 0, 0, 1),
    "math": (7, 1, 4, 28),
    "thinking": (1, 1, 0, 30),
}
ALL = "245.5/708"
SECONDS = 500
"""A run of everything starts some sixty containers, one after the other on a slow machine."""


@pytest.fixture(params=["plain", "xdist"])
def workers(request: pytest.FixtureRequest) -> list[str]:
    return [] if request.param == "plain" else ["-n2"]


def ask(folder: Path, *args: str) -> tuple[int, str, RunDir]:
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:cacheprovider", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    runs = sorted(folder.glob("polecat-runs/*/run.json"))
    assert runs, done.stdout + done.stderr
    return done.returncode, done.stdout, RunDir(runs[-1].parent)


def tally(run: RunDir, profile: str) -> dict[str, tuple[float, ...]]:
    """By suite: points, and questions passed, partial and missed; epochs averaged."""
    attempts = [attempt for attempt in run.attempts() if attempt.profile == profile]
    epochs = max(attempt.epoch for attempt in attempts)
    tallies = {}
    for suite in sorted({attempt.suite for attempt in attempts}):
        mine = [attempt for attempt in attempts if attempt.suite == suite]
        counts = [sum(a.outcome == name for a in mine) / epochs for name in ("passed", "partial", "missed")]
        tallies[suite] = (sum(attempt.earned for attempt in mine) / epochs, *counts)
    return tallies


@pytest.mark.usefixtures("host_image")
def test_both_demo_models_earn_the_points_predicted_for_them(tmp_path: Path) -> None:
    status, output, run = ask(tmp_path, "--polecat-model=demo", "--polecat-model=demo-weak")
    assert status == 0, output
    assert tally(run, "demo") == DEMO
    assert tally(run, "demo-weak") == WEAK
    assert f"polecat (demo): {ALL} points" in output
    assert "polecat (demo-weak): 52/708 points" in output
    assert (run.path / "report-demo.html").exists()
    assert (run.path / "report-demo-weak.html").exists()


def test_epochs_give_the_same_points_with_workers_and_without(tmp_path: Path) -> None:
    tallies = []
    for workers in ([], ["-n2"]):
        status, output, run = ask(
            tmp_path, "--polecat-model=demo", "--polecat-epochs=3", "--polecat-suite=general", *workers
        )
        assert status == 0, output
        assert "polecat: 42/111 points" in output
        tallies.append(tally(run, "demo"))
    assert tallies == [{"general": DEMO["general"]}] * 2


def test_the_identity_says_what_answered(tmp_path: Path, workers: list[str]) -> None:
    _, _, run = ask(
        tmp_path,
        "--polecat-model=demo",
        "--polecat-suite=instruction_precision",
        "--polecat-limit=2",
        "-k",
        "constrained or photosynthesis",
        *workers,
    )
    profile = run.read_run().profiles["demo"]
    assert profile.served is not None
    assert profile.served.slots == 4
    assert profile.served.n_ctx == 8192
    assert profile.served.template_hash
    assert profile.served.build
    assert profile.served.weights is not None
    assert profile.served.weights.size
    assert len(profile.hash) == 16
    assert (run.path / "servers" / "demo.log").stat().st_size > 0


def test_the_canary_sees_that_the_server_constrains(tmp_path: Path, workers: list[str]) -> None:
    _, _, run = ask(tmp_path, "--polecat-model=demo", "-k", "constrained", *workers)
    served = run.read_run().profiles["demo"].served
    assert served is not None
    assert served.constrains is True


def test_coin_flips_depend_on_the_seed_alone(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "coin.polecat.yaml").write_text(
        "suite: coin\nsampling: {temperature: 1}\n"
        "questions:\n  - id: coin\n    prompt: Please flip the demo coin.\n    checks: [{exact: heads}]\n"
        "    sampling: {temperature: 1, max_tokens: 16}\n"
    )
    drawn = []
    for _ in range(2):
        _, _, run = ask(
            tmp_path, "--polecat-model=demo", "--polecat-epochs=40", "--polecat-allow-unproven", *workers, "."
        )
        drawn.append([attempt.outcome for attempt in sorted(run.attempts(), key=lambda each: each.epoch)])
    assert drawn[0] == drawn[1]
    heads = drawn[0].count(Outcome.PASSED)
    assert 18 <= heads <= 37, "0.7 of 40 is 28; these bounds are four standard deviations away"


def test_tools_reasoning_and_conversations_work_with_the_real_server(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_tools.py").write_text("""
import json

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}

def test_tool(conversation):
    reply = conversation.say("What is the weather in Aberdeen?", tools=[TOOL])
    (call,) = reply.tool_calls
    assert call.name == "get_weather"
    assert json.loads(call.arguments) == {"city": "Aberdeen"}
    final = conversation.tool_result(call.id, "14 degrees and drizzle", tools=[TOOL])
    assert "14" in final.text or "drizzl" in final.text

def test_reasoning(model):
    reply = model.ask("Please write add_numbers for me.")
    assert reply.reasoning
    assert reply.code("python").startswith("def add_numbers")

def test_endless_thinking(model):
    reply = model.ask("Now ponder without end.", max_tokens=60)
    assert reply.truncated and reply.empty and reply.reasoning
""")
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--polecat-model=demo", *workers, "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.usefixtures("host_image")
def test_the_bundled_suites_prove_themselves(tmp_path: Path, workers: list[str]) -> None:
    shipped = Path(__file__).parents[2] / "suites"
    suites = tmp_path / "suites"
    # The questions about code start hundreds of containers: once is enough.
    left_out = () if workers else ("coder", "job_queue")
    shutil.copytree(shipped, suites, ignore=shutil.ignore_patterns("__pycache__", "polecat-runs", *left_out))
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--polecat-selftest", *workers, str(suites)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout
    assert not list(tmp_path.glob("polecat-runs")), "a self-test keeps no run"
    for proof in suites.rglob("*.proof.json"):
        ours = shipped / proof.relative_to(suites)
        assert ours.exists(), f"run: pytest --polecat-selftest {ours.parent}"
        assert ours.read_text() == proof.read_text(), f"run: pytest --polecat-selftest {ours.parent}"


def test_a_suite_that_proves_nothing_fails_its_self_test(tmp_path: Path) -> None:
    (tmp_path / "weak.polecat.yaml").write_text(
        "suite: weak\nquestions:\n"
        "  - {id: lenient, prompt: Say blue., checks: [{words: {max: 5}}], reference: blue, wrong: [red]}\n"
        "  - {id: mistaken, prompt: Say red., checks: [{exact: red}], reference: blue, wrong: [blue]}\n"
        "  - {id: bare, prompt: Say green., checks: [{exact: green}]}\n"
        "  - {id: sound, prompt: Say teal., checks: [{exact: teal}], reference: teal, wrong: [red]}\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--polecat-selftest", "."]
    for workers in ([], ["-n2"]):
        done = subprocess.run(
            [*command, *workers], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 1
        for line in (
            "weak/lenient: wrong answer 1 passes; tighten the checks",
            "weak/mistaken: the reference answer earns 0 of 1 points",
            "weak/bare: it has no reference answer; add `reference`",
            "weak/bare: it has no wrong answer; add `wrong`",
        ):
            assert line in done.stdout
        assert "weak/sound" not in done.stdout


@pytest.mark.usefixtures("host_image")
def test_the_wheel_alone_does_the_same_in_an_empty_folder(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(root)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--polecat-model=demo"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    thinking = {"thinking": DEMO["thinking"]}
    for args, expected in ((["--polecat-suite=thinking"], thinking), (["-n2"], DEMO)):
        done = subprocess.run(
            [*command, *args], cwd=empty, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        run = RunDir(max(empty.glob("polecat-runs/*/run.json")).parent)
        assert tally(run, "demo") == expected
        for suite in run.read_run().suites.values():
            assert Path(suite.file).is_relative_to(site), "suites must come from the wheel, not from a checkout"
        assert json.loads((run.path / "selection.json").read_text()) == {"deselected": 0}


def test_a_prompt_beyond_the_profiles_limit_does_not_count(bench: Bench) -> None:
    bench.profile("short", 'extends = "demo"\nmax_prompt = 60')
    bench.suite(
        f"""
        suite: lengths
        questions:
          - {{id: short, prompt: "Hello?", checks: [{{regex: .}}]}}
          - {{id: wordy, prompt: "{"ab " * 100}", checks: [{{regex: .}}]}}
        """
    )
    result = bench.ask(model="short")
    assert result.ret == 0
    assert bench.attempts["short"].outcome is Outcome.PASSED
    assert bench.attempts["wordy"].outcome is Outcome.SKIPPED
    assert "max_prompt is 60" in bench.attempts["wordy"].message
    result.stdout.fnmatch_lines(["polecat: 1/1 points (100 %)*"])
