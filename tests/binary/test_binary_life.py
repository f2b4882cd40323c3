"""Servers that fail and servers that die in the middle of a run: what the run makes of it."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.binary.helpers import SUITE
from tests.end_to_end.conftest import Bench


def test_a_model_whose_server_fails_does_not_stop_the_next(plain: Bench) -> None:
    plain.suite(SUITE)
    plain.profile("broken", 'model = "truncated.gguf"')
    plain.profile("whole", 'model = "small.gguf"\nargs = {ctx-size = 4096, threads = 1}')
    result = plain.ask("--polecat-model=whole", model="broken")
    assert result.ret == 1
    attempts = list(plain.run.attempts())
    outcomes = {(each.profile, each.question): each.outcome for each in attempts}
    assert outcomes == {
        **dict.fromkeys((("broken", "capital"), ("broken", "sum")), Outcome.BROKEN),
        **dict.fromkeys((("whole", "capital"), ("whole", "sum")), Outcome.PASSED),
    }
    broken = [each for each in attempts if each.profile == "broken"]
    assert {each.mode for each in broken} == {FailureMode.SERVER_CRASH}
    assert all("cut short; download the file again" in each.message for each in broken)
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


KILLED = '''
import os, signal, threading, time
from pathlib import Path

import pytest_polecat as polecat


def pid_of(command):
    """The server, rather than the lifeline above it, is what runs as exactly this command."""
    wanted = "\\0".join(command).encode() + b"\\0"
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == wanted:
                return int(entry.parent.name)
        except OSError:
            pass


def waits(port):
    """Whether something was sent to this port that the server has not read."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    here = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return any(int(row[4].split(":")[1], 16) for row in here)


def kill_when_asked(pid, port):
    while not waits(port):
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


@polecat.question(prompt="What is the capital of Iceland?")
def test_before(reply):
    assert "Reykjavik" in reply.text


def test_killed_while_it_is_asked(model, server):
    pid, port = pid_of(server.served.command), int(server.url.split(":")[2].split("/")[0])
    os.kill(pid, signal.SIGSTOP)
    threading.Thread(target=kill_when_asked, args=(pid, port), daemon=True).start()
    assert "Reykjavik" in model.ask("Tell me of the capital of Iceland.").text


@polecat.question(prompt="How much are two and three?")
def test_after(reply):
    assert reply.text == "5"
'''


def test_a_server_that_is_killed_is_diagnosed_and_restarted_and_asked_again(bench: Bench) -> None:
    bench.pytester.makepyfile(test_sea=KILLED)
    bench.profile("tiny", 'model = "small.gguf"\nargs = {ctx-size = 8192, threads = 1}')
    result = bench.ask(model="tiny")
    result.assert_outcomes(passed=3)
    state = json.loads(bench.run.server_state("tiny").read_bytes())
    assert state["state"] == "stopped"
    assert state["message"].startswith("restarted once, because profile 'tiny': the model server was killed (SIGKILL)")
    assert state["mode"] == FailureMode.SERVER_OOM.value
    log = Path(bench.run.server_log("tiny")).read_text()
    assert log.count("listening on") == 2
