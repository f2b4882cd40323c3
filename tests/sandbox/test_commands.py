import pytest

from pytest_polecat import Sandbox
from pytest_polecat.sandbox.errors import EndedError, SandboxError

DOUBLE = "print(2 * int(input()))\n"


def test_a_program_gets_its_input_and_its_output_is_told(sandbox: Sandbox) -> None:
    done = sandbox.run(["python3", "double.py"], files={"double.py": DOUBLE}, stdin="21\n")
    assert (done.status, done.stdout, done.stderr, done.limited) == (0, b"42\n", b"", None)
    failed = sandbox.run(["python3", "-c", "import sys; sys.stderr.write('no'); sys.exit(3)"])
    assert (failed.status, failed.stdout, failed.stderr) == (3, b"", b"no")


def test_files_may_lie_in_folders_but_not_outside(sandbox: Sandbox) -> None:
    done = sandbox.run(["python3", "-c", "print(open('a/b').read())"], files={"a/b": b"\xc3\xa4"})
    assert done.stdout == b"\xc3\xa4\n"
    for path in ("../x", "/etc/x", "a/../../x"):
        with pytest.raises(ValueError, match="leads out"):
            sandbox.run(["true"], files={path: ""})


def test_time_output_and_memory_are_limited(sandbox: Sandbox) -> None:
    endless = sandbox.run(
        ["python3", "-uc", "import os\nprint(1)\nif os.fork() == 0: os.setsid()\nwhile 1: pass"], timeout=1
    )
    assert (endless.limited, endless.status, endless.stdout) == ("time", -9, b"1\n")
    loud = sandbox.run(["python3", "-c", "print('x' * 10**7)"], output_limit=1000)
    assert (loud.limited, loud.status, loud.stdout) == ("output", 0, b"x" * 1000)
    big = sandbox.run(["python3", "-c", "x = []\nwhile 1: x.append(bytes(10**7))"])
    assert (big.limited, big.status) == ("memory", -9)


def test_whatever_a_program_leaves_behind_is_not_waited_for(sandbox: Sandbox) -> None:
    done = sandbox.run(["python3", "-c", "import os, time\nif os.fork() == 0: os.setsid(); time.sleep(60)"], timeout=20)
    assert done.status == 0
    assert done.seconds < 15


def test_a_program_that_is_not_there_is_not_the_models_fault(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no program no-such-compiler"):
        sandbox.run(["no-such-compiler", "x.c"])
    with pytest.raises(EndedError, match="could not be run"):
        sandbox.run(["./made-by-nobody"])
