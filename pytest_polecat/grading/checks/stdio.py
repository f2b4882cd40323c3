"""The check `stdio`: the reply is a program that reads standard input and writes standard output.

Each case runs it in a process, and a sandbox, of its own. What it should print stays outside.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictInt, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading import extract
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain
from pytest_polecat.grading.checks.returned import shown
from pytest_polecat.grading.checks.values import missed_result
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply
from pytest_polecat.sandbox.mirrors import printable
from pytest_polecat.sandbox.sandbox import CALL_SECONDS, Sandbox
from pytest_polecat.sandbox.supervised import Finished

_PROGRAM = "main.py"
_NOT_PYTHON = ("SyntaxError", "IndentationError", "TabError")
_STOPPED = {
    "time": ("took longer than {timeout:g} s", FailureMode.SANDBOX_TIMEOUT),
    "memory": ("took more memory than it may", FailureMode.SANDBOX_OOM),
    "output": ("printed more than it may", FailureMode.RUNTIME_ERROR),
}


class StdioCase(Plain):
    """One run of the program: what it reads, and what it must print."""

    stdin: str = Field(default="", description="its standard input")
    stdout: str | None = Field(default=None, description="its standard output; it is not looked at where this is null")
    status: StrictInt = Field(default=0, ge=0, le=255, description="its exit status")

    @model_validator(mode="after")
    def _expects(self) -> Self:
        if self.stdout is None and "status" not in self.model_fields_set:
            raise ValueError("say what the program must print (`stdout`), or its `status`")
        return self


class Stdio(Plain):
    """The program that the reply holds prints what is expected in every case."""

    language: Literal["python"] = Field(default="python", description="what the program is written in")
    cases: Annotated[tuple[StdioCase, ...], Field(min_length=1, description="the runs, in their order")]
    exact: bool = Field(
        default=False, strict=True, description="white space at the ends of lines, and blank lines at the end, count"
    )
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=CALL_SECONDS, description="seconds for one run"
    )


def stdio(reply: Reply, expected: Stdio, sandbox: Sandbox) -> CheckResult:
    """Run the reply's program, case by case, until one does not hold."""
    try:
        files = {_PROGRAM: extract.code(reply.content, expected.language)}
    except Missed as missed:
        return missed_result(missed)
    for case in expected.cases:
        done = sandbox.run(["python3", _PROGRAM], files=files, stdin=_bytes(case.stdin), timeout=expected.timeout)
        if fault := _fault(done, case, expected):
            message, mode = fault
            return CheckResult(ok=False, message=f"Given {shown(case.stdin)}, the program {message}.", mode=mode)
    return CheckResult(ok=True, message=f"All {len(expected.cases)} cases hold.")


def _fault(done: Finished, case: StdioCase, expected: Stdio) -> tuple[str, FailureMode] | None:
    """What is wrong with one run, if anything."""
    if done.limited is not None:
        message, mode = _STOPPED[done.limited]
        return message.format(timeout=expected.timeout), mode
    if done.status != case.status:
        last = _last_line(done.stderr)
        mode = FailureMode.SYNTAX_ERROR if last.startswith(_NOT_PYTHON) else FailureMode.RUNTIME_ERROR
        return f"ended with status {done.status} instead of {case.status}{': ' if last else ''}{last}", mode
    if case.stdout is None:
        return None
    wanted = _bytes(case.stdout)
    if (done.stdout == wanted) if expected.exact else (_lines(done.stdout) == _lines(wanted)):
        return None
    return _difference(done.stdout, wanted, exact=expected.exact), FailureMode.TEST_FAILURE


def _difference(found: bytes, wanted: bytes, *, exact: bool) -> str:
    """Where the output first differs, in words."""
    given, asked = (_lines(each) if not exact else each.splitlines(keepends=True) for each in (found, wanted))
    number = next(
        (at for at, (one, other) in enumerate(zip(given, asked, strict=False)) if one != other),
        min(len(given), len(asked)),
    )
    one, other = (_line(lines, number) for lines in (given, asked))
    return f"printed {one} as line {number + 1}, and should print {other}"


def _line(lines: list[bytes], number: int) -> str:
    return shown(lines[number].decode(errors="replace")) if number < len(lines) else "nothing"


def _lines(output: bytes) -> list[bytes]:
    """The lines, without white space at their ends and blank lines at the end."""
    lines = [line.rstrip() for line in output.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _last_line(stderr: bytes) -> str:
    lines = _lines(stderr[-2000:])
    return printable(lines[-1].decode(errors="replace"), 200) if lines else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
