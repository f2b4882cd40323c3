"""The lifeline: a command lives no longer than the process that wanted it, and its end is told truthfully."""

import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from pytest_polecat.asking.launch import lifeline
from tests.asking.launch.helpers import marked_processes, until

SLEEP = ("sleep", "1000")
LIFELINE = (sys.executable, "-I", "-S", lifeline.__file__, "--grace", "0.2")


def start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*LIFELINE, *command], stdin=PIPE, stderr=PIPE, start_new_session=True)


def start_and_keep_open(*command: str) -> subprocess.Popen[bytes]:
    """Wait for the command's own end while its standard input is still open."""
    process = start(*command)
    process.wait(timeout=15)
    return process


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=15)
    return process.returncode, errors.decode()


def recorder(record: Path, *, leaves_on: int) -> tuple[str, ...]:
    """A command that writes down each signal it gets, and leaves on the n-th."""
    code = (
        "import os, signal, sys\n"
        "seen = []\n"
        "def note(number, frame):\n"
        "    seen.append(signal.Signals(number).name)\n"
        "    open(sys.argv[1], 'w').write(' '.join(seen))\n"
        "    if len(seen) == int(sys.argv[2]): os._exit(7)\n"
        "for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, note)\n"
        "open(sys.argv[1], 'w').write('ready')\n"
        "while True: signal.pause()\n"
    )
    return (sys.executable, "-I", "-S", "-c", code, str(record), str(leaves_on))


def wait_for_text(file: Path, text: str) -> None:
    assert until(lambda: file.exists() and file.read_text() == text)


def test_the_exit_status_of_the_command_is_passed_on() -> None:
    assert finish(start_and_keep_open("sh", "-c", "exit 3")) == (3, "")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_death_by_a_signal_is_passed_on_as_the_same_signal(number: signal.Signals) -> None:
    status, _ = finish(start_and_keep_open("sh", "-c", f"kill -{int(number)} $$"))
    assert status == -number


def test_a_command_that_does_not_exist_is_named() -> None:
    status, errors = finish(start("/no/such/llama-server", "-m", "x"))
    assert status == 127
    assert errors == "lifeline: can't start /no/such/llama-server: No such file or directory\n"


def test_a_missing_command_prints_the_usage() -> None:
    status, errors = finish(start())
    assert status == 2
    assert errors.startswith("usage: ")


def test_the_end_of_input_terminates_the_command() -> None:
    status, _ = finish(start(*SLEEP))
    assert status == -signal.SIGTERM


def test_a_command_that_ignores_one_term_gets_another(tmp_path: Path) -> None:
    process = start(*recorder(tmp_path / "signals", leaves_on=2))
    wait_for_text(tmp_path / "signals", "ready")
    assert finish(process)[0] == 7
    assert (tmp_path / "signals").read_text() == "SIGTERM SIGTERM"


def test_a_command_that_ignores_every_term_is_killed(tmp_path: Path) -> None:
    process = start(*recorder(tmp_path / "signals", leaves_on=100))
    wait_for_text(tmp_path / "signals", "ready")
    assert finish(process)[0] == -signal.SIGKILL
    assert (tmp_path / "signals").read_text() == "SIGTERM SIGTERM"


def test_an_interrupt_is_ignored_and_a_term_is_forwarded(tmp_path: Path) -> None:
    process = start(*recorder(tmp_path / "signals", leaves_on=1))
    wait_for_text(tmp_path / "signals", "ready")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=15)
    assert finish(process)[0] == 7
    assert (tmp_path / "signals").read_text() == "SIGTERM"


def test_the_command_does_not_inherit_an_ignored_interrupt() -> None:
    code = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"
    assert finish(start_and_keep_open(sys.executable, "-I", "-S", "-c", code))[0] == 0


def test_what_the_command_left_running_is_killed(marked: str) -> None:
    process = start_and_keep_open("sh", "-c", "sleep 1000 & exit 5")
    assert until(lambda: not marked_processes(marked))
    assert finish(process)[0] == 5


def test_the_command_dies_with_a_killed_lifeline(marked: str) -> None:
    process = start(*SLEEP)
    assert until(lambda: len(marked_processes(marked)) == 2)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL
    assert until(lambda: not marked_processes(marked))


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, start_new_session=True)
if sys.argv[1] == "fork" and not os.fork():
    # A child of the parent's own holds the pipe for as long as the lifeline is there.
    while os.path.exists(f"/proc/{child.pid}/cmdline") and open(f"/proc/{child.pid}/cmdline").read():
        time.sleep(0.01)
    os._exit(0)
print(child.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("how", ["plain", "fork"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_command_dies_with_the_parent(how: str, number: signal.Signals, marked: str) -> None:
    command = [sys.executable, "-I", "-S", "-c", PARENT, how, *LIFELINE, *SLEEP]
    with subprocess.Popen(command, stdout=PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        assert until(lambda: any(_runs(pid, b"sleep") for pid in marked_processes(marked)))
        parent.send_signal(number)
        assert parent.wait(timeout=15) == -number
    assert until(lambda: not marked_processes(marked))


def _runs(pid: int, program: bytes) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(program)
    except OSError:
        return False


def test_it_runs_as_a_module_too() -> None:
    with subprocess.Popen([sys.executable, "-P", "-m", lifeline.__name__, "sh", "-c", "exit 6"], stdin=PIPE) as process:
        assert process.wait(timeout=15) == 6


def test_it_is_gone_within_twelve_seconds_by_default() -> None:
    assert lifeline.bound(lifeline.GRACE) < 12
