"""Why the real program ends: each row of its ways to fail is provoked, and lands in its class."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pytest_polecat.asking.launch.binary.launcher import BinaryLauncher
from pytest_polecat.asking.launch.diagnosis import LaunchFailedError
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.process import ServerProcess, root_of
from tests.asking.launch.helpers import until
from tests.binary import helpers
from tests.binary.helpers import DRAFT, EXPERTS, Machine

Start = Callable[..., ServerProcess]

LIMITED = ("sh", "-c", 'ulimit -v "$0"; exec "$@"')
"""Words before a program that bound its memory: the next one is the limit in KiB."""


@pytest.fixture
def start(machine: Machine, weights: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the program with more words than a profile would be granted."""
    started: list[ServerProcess] = []

    def begin(*words: str, model: str = "small.gguf", before: tuple[str, ...] = (), **env: str) -> ServerProcess:
        prepared = BinaryLauncher().prepare(machine.profile(weights / "small.gguf"), None, free_port())
        argv = tuple(str(weights / model) if word == str(weights / "small.gguf") else word for word in prepared.argv)
        launch = replace(prepared, argv=(*before, *argv, *words), env={**prepared.env, **env})
        started.append(ServerProcess(launch, tmp_path / "log", "tiny", grace=0.3))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


def failure(process: ServerProcess) -> LaunchFailedError:
    with pytest.raises(LaunchFailedError) as caught:
        process.wait_ready(30)
    return caught.value


FLAGS = {
    "an unknown flag": (("--nonsense",), "does not know the flag --nonsense; take it out", "invalid argument"),
    "a removed flag": (("--draft-max", "4"), "no longer takes the flag --draft-max;", "use --spec-draft-n-max"),
    "a flag of older builds": (("--no-mmap",), "does not know the flag --no-mmap; take it out", "invalid argument"),
    "a value that is no number": (("-c", "lots"), 'can\'t read the value of "-c"; correct it', "stoi"),
    "a value of no such kind": (("-ctk", "q7_9"), 'can\'t read the value of "-ctk"', "Unsupported cache type: q7_9"),
    "a flag that swallows the next": (("-fa", "--jinja"), 'the value of "-fa"; correct', "unknown value"),
    "no slots": (("-np", "0"), 'can\'t read the value of "-np"', "invalid value for n_parallel"),
    "a template that is not there": (
        ("--chat-template-file", "none.jinja"),
        'can\'t read the value of "--chat-template-file"',
        "failed to open file 'none.jinja'",
    ),
    "no such buffer": (("-ot", "blk=GPU7"), "correct it in the profile", "unknown buffer type"),
    "a broken pattern": (("-ot", r"blk\.((=CPU"), "can't read a pattern; correct `override-tensor`", "Mismatched"),
    "no layers for MTP": (("--spec-type", "draft-mtp"), "which the model has no layers for; drop", "MTP context"),
    "a context that can't be": (
        ("-ctk", "q4_0", "-ctv", "q4_0", "-fa", "off"),
        "can't make such a context; correct the flags",
        "requires flash_attn",
    ),
}


@pytest.mark.parametrize("case", FLAGS)
def test_a_flag_that_is_not_taken_is_told(case: str, start: Start) -> None:
    words, sentence, line = FLAGS[case]
    error = failure(start(*words))
    assert (error.kind, error.mode) == ("flag", "server_crash")
    assert sentence in str(error).splitlines()[0]
    assert line in "\n".join(str(error).splitlines()[1:])


def test_a_value_from_the_environment_that_is_not_taken_is_told(start: Start) -> None:
    error = failure(start(LLAMA_ARG_THREADS_HTTP="many"))
    assert error.kind == "flag"
    assert 'can\'t read the value of "LLAMA_ARG_THREADS_HTTP"' in str(error)


WEIGHTS = {
    "missing.gguf": ("could not open /", "No such file or directory"),
    "text.gguf": ("was given a file that is not GGUF; point `model` to", "invalid magic characters"),
    "empty.gguf": ("was given a file that is not GGUF; point `model` to", "failed to read magic"),
    "truncated.gguf": ("weights that are cut short; download the file again", "not within the file bounds"),
}


@pytest.mark.parametrize("model", WEIGHTS)
def test_weights_that_are_broken_are_told(model: str, start: Start) -> None:
    sentence, line = WEIGHTS[model]
    error = failure(start(model=model))
    assert (error.kind, error.mode) == ("model", "server_crash")
    first, *rest = str(error).splitlines()
    assert sentence in first
    assert line in str(error)
    assert any("exiting due to model loading error" in each for each in rest)


@pytest.mark.parametrize("draft", ["missing.gguf", "text.gguf"])
def test_a_draft_that_is_broken_is_told(draft: str, start: Start, weights: Path) -> None:
    error = failure(start("--spec-type", "draft-simple", "-md", str(weights / draft)))
    assert error.kind == "model"
    assert f"could not load the draft model {weights / draft}; correct `draft`" in str(error)


def test_a_file_that_is_no_projector_is_told(start: Start, weights: Path) -> None:
    error = failure(start("--mmproj", str(weights / DRAFT)))
    assert error.kind == "model"
    assert f"could not load the projector {weights / DRAFT}; point `mmproj`" in str(error)


def test_a_port_in_use_is_told(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        error = failure(start("--port", str(taken.getsockname()[1])))
    assert (error.kind, error.mode) == ("port", "server_crash")
    assert "could not get its port; free the port" in str(error)
    assert "couldn't bind HTTP server socket" in str(error)


def test_an_address_of_another_machine_is_told(start: Start) -> None:
    assert failure(start("--host", "192.0.2.1")).kind == "port"


@pytest.mark.parametrize(("limit", "line"), [(1_000_000, "failed to allocate"), (100_000, "bad_alloc")])
def test_memory_that_the_machine_refuses_is_told(limit: int, line: str, start: Start) -> None:
    error = failure(start("-c", "262144", model=EXPERTS, before=(*LIMITED, str(limit))))
    assert (error.kind, error.mode) == ("memory", "server_oom")
    assert "ran out of memory; lower `ctx-size`" in str(error)
    assert line in str(error)


def test_an_abort_is_a_crash_with_its_signal(start: Start) -> None:
    error = failure(start("--spec-type", "ngram-cache", "-lcd", "nothing.bin"))
    assert (error.kind, error.mode) == ("crash", "server_crash")
    assert "crashed (SIGABRT)" in str(error)
    assert "Couldn't read dynamic lookup cache" in str(error)


def ready(process: ServerProcess, marked: str, program: Path) -> int:
    process.wait_ready(30)
    (pid,) = helpers.servers(marked, program)
    return pid


def ended(process: ServerProcess) -> LaunchFailedError:
    assert until(lambda: process.poll() is not None)
    return process.failure()


def test_killed_as_the_kernel_kills_it_is_a_lack_of_memory(start: Start, marked: str, machine: Machine) -> None:
    process = start()
    os.kill(ready(process, marked, machine.program), signal.SIGKILL)
    error = ended(process)
    assert (error.kind, error.mode) == ("memory", "server_oom")
    assert "was killed (SIGKILL), as the kernel does when memory runs out; lower `ctx-size`" in str(error)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_ended_while_idle_is_an_end_by_itself(
    number: signal.Signals, start: Start, marked: str, machine: Machine
) -> None:
    process = start()
    pid = ready(process, marked, machine.program)
    httpx.get(root_of(process.launch.url) + "/props", trust_env=False)
    os.kill(pid, number)
    error = ended(process)
    assert (process.poll(), error.kind, error.mode) == (0, "crash", "server_crash")
    assert "ended by itself with exit status 0" in str(error)


def test_ended_while_loading_is_a_crash_with_its_signal(start: Start, marked: str, machine: Machine) -> None:
    process = start("-c", "262144", model=EXPERTS)
    assert until(lambda: "loading model" in process.log)
    (pid,) = helpers.servers(marked, machine.program)
    os.kill(pid, signal.SIGTERM)
    error = ended(process)
    assert (process.poll(), error.kind) == (-signal.SIGTERM, "crash")
    assert "crashed (SIGTERM)" in str(error)


def pending(pid: int) -> bool:
    """Whether a signal was not taken yet: two of a kind would be one."""
    status = Path(f"/proc/{pid}/status").read_text()
    return any(int(line.split()[1], 16) != 0 for line in status.splitlines() if line.startswith("ShdPnd:"))


def test_a_second_signal_ends_a_server_that_waits_for_a_request(start: Start, marked: str, machine: Machine) -> None:
    process = start("-c", "262144", model=helpers.DENSE)
    pid = ready(process, marked, machine.program)
    root = root_of(process.launch.url)
    question = {"messages": [{"role": "user", "content": "What is the meaning of life?"}]}
    with ThreadPoolExecutor() as threads, httpx.Client(trust_env=False, timeout=30) as client:
        answer = threads.submit(client.post, root + "/v1/chat/completions", json=question)
        assert until(lambda: bool(client.get(root + "/slots").json()[0]["is_processing"]))
        os.kill(pid, signal.SIGTERM)
        assert until(lambda: not pending(pid))
        os.kill(pid, signal.SIGTERM)
        error = ended(process)
        assert isinstance(answer.exception(), httpx.HTTPError)
    # It leaves by `exit(1)` in the middle of its work, which some threads take badly.
    assert process.poll() in (1, -signal.SIGABRT)
    assert (error.kind, error.mode) == ("crash", "server_crash")
    assert "Received second interrupt" in process.log


def test_a_server_that_is_not_ready_in_time_is_told(start: Start) -> None:
    process = start("-c", "262144", model=EXPERTS)
    with pytest.raises(LaunchFailedError, match="was not ready in time; raise `ready_timeout`") as caught:
        process.wait_ready(0)
    assert (caught.value.kind, caught.value.mode) == ("timeout", "connection")


def test_a_wrapper_that_is_not_there_is_told(start: Start) -> None:
    error = failure(start(before=("no-such-wrapper",)))
    assert (error.kind, error.mode) == ("command", "server_crash")
    assert "could not be run: no-such-wrapper" in str(error)
