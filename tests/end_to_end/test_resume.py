"""Going on with a run after it was interrupted, and grading its replies anew."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.records.attempt import Attempt
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.results.summary import paired, summarise
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import MARK, marked_processes, until
from tests.end_to_end.conftest import Bench
from tests.end_to_end.test_engine import many
from tests.fake_answers import error

TIMES = {"finished", "generation_ms", "worker"}


def final(run: RunDir) -> dict[str, Attempt | None]:
    """The attempt that counts for every selected question."""
    return {case.question: attempt for case, attempt in paired(run.cases(), run.attempts())}


def essence(run: RunDir) -> Mapping[str, Any]:
    """The attempts without what the clock decides."""
    return {name: each and each.model_dump(exclude=TIMES) for name, each in final(run).items()}


def asked(bench: Bench) -> list[str]:
    return [request.body["messages"][-1]["content"] for request in bench.server.chats]


def interrupted(bench: Bench, how: signal.Signals, after: int) -> None:
    """Run pytest until the server has answered `after` questions, then send it a signal."""
    reached = threading.Event()

    def reply(body: Any) -> str:
        if len(bench.server.chats) >= after:
            reached.set()
        return "fine"

    bench.server.replies = reply
    options = ["-p", "no:cacheprovider", "--polecat-model=fake", "--polecat-allow-unproven"]
    command = [sys.executable, "-m", "pytest", *options, "."]
    workers = ["-n2"] if bench.xdist else []
    mark = secrets.token_hex(8)
    environment = {**os.environ, MARK: mark}
    process = subprocess.Popen([*command, *workers], cwd=bench.folder, env=environment, stdout=subprocess.DEVNULL)
    assert reached.wait(60)
    process.send_signal(how)
    process.wait(60)
    # A worker of a killed pytest may still write down what has just arrived.
    assert until(lambda: not marked_processes(mark))
    bench.server.replies = lambda _: "fine"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_goes_on_after_any_end_and_asks_nothing_twice(bench: Bench, how: signal.Signals) -> None:
    bench.suite(many(60))
    bench.server.latency = 0.05
    interrupted(bench, how, after=20)
    kept = len(list(bench.run.path.glob("replies/*.json")))
    graded = len(list(bench.run.attempts()))
    before = len(bench.server.chats)
    result = bench.ask("--polecat-resume")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"*resum*{graded} of 60*", "polecat: 60/60 points*"])
    assert len(bench.server.chats) - before == 60 - kept
    attempts = list(bench.run.attempts())
    assert len(attempts) == 60 == len({attempt.key for attempt in attempts})
    run = bench.run.read_run()
    assert (run.status, run.selected, len(run.resumptions)) == ("finished", 60, 1)
    assert run.resumptions[0].finished == graded


def test_a_finished_run_has_nothing_left_to_ask(bench: Bench) -> None:
    bench.suite(many(5))
    bench.server.replies = lambda body: "no" if "Question 0." in body["messages"][-1]["content"] else "fine"
    bench.ask()
    first = essence(bench.run)
    bench.server.stop()
    result = bench.ask("--polecat-resume")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*: 5 of 5 finished", "polecat: 4/5 points*"])
    assert essence(bench.run) == first
    assert bench.run.read_run().profiles["fake"].served is not None


def test_an_attempt_that_can_t_be_read_any_more_is_decided_anew_from_its_kept_reply(bench: Bench) -> None:
    bench.suite(many(5))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    lines = bench.run.attempts_file.read_bytes().splitlines(keepends=True)
    bench.run.attempts_file.write_bytes(b"".join([lines[0], b"{torn" + lines[1], *lines[2:]]))
    bench.server.requests.clear()
    result = bench.ask("--polecat-resume")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*: 4 of 5 finished", "polecat: attempts that can't be read any more: 1; they are*", "polecat: 5/5 points*"]
    )
    assert not bench.server.chats
    assert all(final(bench.run).values())
    assert "can't be read" not in bench.ask("--polecat-resume").stdout.str()
    assert bench.ask(f"--polecat-replay={bench.run.id}").ret == 0


@pytest.mark.parametrize("args", [["-k", "q000"], ["-k", "nothing"], ["--collect-only"]])
def test_a_resumption_that_comes_to_nothing_leaves_the_run_as_it_was(bench: Bench, args: list[str]) -> None:
    bench.suite(many(5))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    before = {file.name: file.read_bytes() for file in bench.run.path.glob("*.json*")}
    options = ["-p", "no:cacheprovider", "--polecat-model=fake", "--polecat-resume", *(["-n2"] if bench.xdist else [])]
    refused = bench.pytester.runpytest_subprocess(*options, *args, ".", timeout=60)
    if "q000" in args:
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert {file.name: file.read_bytes() for file in bench.run.path.glob("*.json*")} == before


@pytest.mark.parametrize("content", ["[]", "[" * 200_000])
def test_a_kept_reply_that_is_none_is_asked_for_again(bench: Bench, content: str) -> None:
    bench.suite(many(2))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    key = bench.attempts["q001"].replies[0]
    bench.run.attempts_file.unlink()
    Path(bench.run.reply_file(key)).write_text(content)
    for state in (bench.run.path / "servers").glob("*.json"):
        state.write_text(content)
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert asked(bench) == ["Question 1."]


@pytest.mark.parametrize("how", ["resume", "replay"])
def test_an_attempt_of_another_shape_is_one_line(bench: Bench, how: str) -> None:
    bench.suite(many(2))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    run = bench.run
    run.attempts_file.write_bytes(b'{"a":1}\n' + run.attempts_file.read_bytes())
    result = bench.ask(f"--polecat-{how}={run.id}")
    told = result.stdout.str() + result.stderr.str()
    assert "the attempt at an unknown item is damaged or of another version of polecat" in told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    assert bench.runs == [] or [each.id for each in bench.runs] == [run.id]


def test_a_newer_run_that_can_t_be_read_is_passed_over(bench: Bench) -> None:
    bench.suite(many(2))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    run = bench.run
    newer = run.path.with_name("99991231-000000-0000")
    (newer / "run.json").mkdir(parents=True)
    assert bench.ask("--polecat-resume").ret == 0
    assert run.read_run().resumptions


def test_what_was_broken_is_asked_again_and_what_was_missed_is_not(bench: Bench) -> None:
    bench.suite(many(4))

    def reply(body: Any) -> Any:
        content = body["messages"][-1]["content"]
        if "Question 0." in content:
            return "no"
        return error(501, "not today", "server_error") if "Question 1." in content else "fine"

    bench.server.replies = reply
    assert bench.ask().ret == 1
    assert final(bench.run)["q001"] is not None
    bench.server.replies = lambda _: "fine"
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert asked(bench) == ["Question 1."]
    outcomes = {name: attempt and attempt.outcome for name, attempt in final(bench.run).items()}
    assert outcomes == {"q000": Outcome.MISSED} | dict.fromkeys(["q001", "q002", "q003"], Outcome.PASSED)


def test_a_changed_question_is_another_question_and_is_said_so(bench: Bench) -> None:
    bench.suite(many(4))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    bench.suite(many(4).replace("Question 2.", "Question two."))
    bench.server.requests.clear()
    result = bench.ask("--polecat-resume")
    assert asked(bench) == ["Question two."]
    result.stdout.fnmatch_lines(["*changed questions (many/q002): 1 asked anew*", "polecat: 4/4 points*"])


@pytest.mark.parametrize(
    ("change", "said"),
    [(["--polecat-seed=5"], "*the seed is not what it was: 4 asked anew*"), ([], "*profile fake is not what it was*")],
)
def test_another_seed_or_profile_asks_everything_anew(bench: Bench, change: list[str], said: str) -> None:
    bench.suite(many(4))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    if not change:
        config = bench.folder / "polecat.toml"
        config.write_text(config.read_text() + "sampling = {temperature = 0.7}\n")
    bench.server.requests.clear()
    result = bench.ask("--polecat-resume", *change)
    assert len(asked(bench)) == 4
    result.stdout.fnmatch_lines([said, "polecat: 4/4 points*"])


def test_a_changed_helper_of_a_grader_grades_kept_replies_anew(bench: Bench) -> None:
    text = """
import pytest_polecat as polecat

RIGHT = "two"

@polecat.question(prompt="One?")
def test_one(reply):
    assert reply.text == RIGHT
"""
    file = bench.folder / "test_one.py"
    file.write_text(text)
    bench.server.replies = lambda _: "one"
    bench.ask()
    file.write_text(text.replace("two", "one"))
    bench.server.requests.clear()
    result = bench.ask("--polecat-resume")
    assert not asked(bench)
    result.stdout.fnmatch_lines(["*changed test files (test_one.py): 1 graded anew*", "polecat: 1/1 points*"])


def test_a_torn_last_attempt_is_dropped_and_made_again(bench: Bench) -> None:
    bench.suite(many(3))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    whole = bench.run.attempts_file.read_bytes()
    bench.run.attempts_file.write_bytes(whole[:-30])
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert not asked(bench)
    assert [attempt is not None for attempt in final(bench.run).values()] == [True] * 3
    assert len(bench.run.attempts_file.read_bytes().splitlines()) == 3


def test_a_damaged_kept_reply_is_asked_again(bench: Bench) -> None:
    bench.suite(many(3))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    bench.run.attempts_file.write_bytes(b"")
    file = min(bench.run.path.glob("replies/*.json"))
    file.write_bytes(file.read_bytes()[:40])
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert len(asked(bench)) == 1


def test_nobody_else_may_write_a_run_that_is_being_written(bench: Bench) -> None:
    bench.suite(many(3))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    held = RunDir(bench.run.path)
    held.take()
    result = bench.ask("--polecat-resume")
    held.release()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*another pytest is writing the run*"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--polecat-resume=nothing"], "*--polecat-resume: there is no run 'nothing'*"),
        (["--polecat-resume"], "*--polecat-resume: *holds no run of fake; leave the option out*"),
        (["--polecat-resume", "--polecat-replay=x"], "*there is no run 'x'*"),
        (["--polecat-replay=x"], "*--polecat-replay: there is no run 'x'*"),
    ],
)
def test_a_run_that_is_not_there_is_one_line(bench: Bench, args: list[str], message: str) -> None:
    bench.suite(many(1))
    result = bench.ask(*args, path="sea.polecat.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_the_run_of_another_model_is_not_gone_on_with(bench: Bench) -> None:
    bench.profile("other", f'url = "{bench.server.url}"\nmodel = "fake"')
    bench.suite(many(1))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    name = bench.run.id
    result = bench.ask(f"--polecat-resume={name}", model="other")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*the run {name} asked fake, not other; repeat its command*"])


def test_a_replay_grades_kept_replies_in_a_new_run_without_a_model(bench: Bench) -> None:
    bench.suite(many(6))
    bench.server.replies = lambda body: "no" if "Question 0." in body["messages"][-1]["content"] else "fine"
    bench.ask("--polecat-seed=3")
    first = bench.run
    bench.server.stop()
    bench.suite(many(6).replace("Question 1., checks: [{exact: fine}]", "Question 1., checks: [{exact: great}]"))
    result = bench.ask(f"--polecat-replay={first.id}", model=None)
    result.stdout.fnmatch_lines(["polecat: 4/6 points*"])
    _, second = bench.runs
    identity = second.read_run()
    assert (identity.replay_of, identity.seed) == (first.id, 3)
    assert identity.profiles["fake"].served == first.read_run().profiles["fake"].served
    outcomes = [attempt and attempt.outcome for attempt in final(second).values()]
    assert outcomes == [Outcome.MISSED, Outcome.MISSED, *[Outcome.PASSED] * 4]
    again = bench.ask(f"--polecat-replay={second.id}", model=None)
    again.stdout.fnmatch_lines(["polecat: 4/6 points*"])


def test_a_replay_says_which_replies_were_never_kept(bench: Bench) -> None:
    bench.suite(many(3))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    bench.suite(many(3).replace("Question 2.", "Question two."))
    bench.server.requests.clear()
    result = bench.ask(f"--polecat-replay={bench.run.id}", model=None)
    assert result.ret == 1
    assert not asked(bench)
    failed = next(attempt for attempt in bench.runs[1].attempts() if attempt.outcome is Outcome.BROKEN)
    assert "keeps no reply of fake to this request" in failed.message
    result.stdout.fnmatch_lines(["broken *q002* - the run *, wh…", "polecat: 2*3/3 points*1 broken*"])


def test_a_replay_of_what_did_not_apply_does_not_apply(bench: Bench) -> None:
    config = bench.folder / "polecat.toml"
    config.write_text(config.read_text() + "max_prompt = 300\n")
    bench.suite(many(2).replace("Question 1.", "Question 1. " + "word " * 400))
    bench.server.replies = lambda _: "fine"
    bench.ask()
    replay = bench.ask(f"--polecat-replay={bench.run.id}", model=None)
    assert replay.ret == 0
    summary = summarise(bench.runs[1].cases(), bench.runs[1].attempts(), deselected=0)["fake"]
    assert (summary.total.passed, summary.total.skipped) == (1, 1)


def test_a_crashed_worker_loses_and_doubles_nothing(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("only xdist has workers")
    bench.suite(many(10))
    crash = Path(bench.folder / "test_crash.py")
    crash.write_text("import os, pathlib\n\ndef test_crash():\n    os._exit(3)\n")
    bench.server.replies = lambda _: "fine"
    bench.ask()
    crash.write_text("def test_crash():\n    pass\n")
    bench.server.requests.clear()
    assert bench.ask("--polecat-resume").ret == 0
    assert not asked(bench)
    keys = [attempt.key for attempt in bench.run.attempts()]
    assert len(keys) == len(set(keys)) == 10


def test_a_free_test_is_answered_when_all_questions_are_finished(bench: Bench) -> None:
    bench.suite(many(2))
    (bench.folder / "test_free.py").write_text("def test_free(model):\n    assert model.ask('Hello?').text == 'fine'\n")
    bench.server.replies = lambda _: "fine"
    assert bench.ask().ret == 0
    first = bench.run.read_run().profiles["fake"].served
    assert bench.ask("--polecat-resume").ret == 0
    assert bench.run.read_run().profiles["fake"].served == first
