"""The check `matches`: a regular expression that the model wrote, tried on texts.

A proof of polecat's rests on this file as it stands, so all that grades is in it.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from pytest_polecat import Check, CheckResult, Missed
from pytest_polecat.grading.checks import Expectation
from pytest_polecat.grading.fences import fences
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply

CPU_SECONDS = 2
"""Processor seconds for all texts together, and for the start of Python (0.02). Sound patterns take microseconds."""

MEMORY = 512 * 2**20
"""Bytes of address space that trying a pattern may take."""

_WALL_SECONDS = 120
"""So long only a machine takes that is stuck: the pattern itself has used up its `CPU_SECONDS` before."""

_SHOWN = 60

_INLINE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_AROUND = " \t>*-."
_RAW_LITERAL = re.compile(r"""[rR](["'])((?:\\.|(?!\1)[^\\])*)\1""")

Texts = Annotated[tuple[str, ...], Field(min_length=1)]


class Matches(Expectation):
    """What the reply's regular expression has to match as a whole, and what it must not."""

    accepts: Texts
    rejects: Texts

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if both := set(self.accepts) & set(self.rejects):
            raise ValueError(f"{min(both)!r} stands in `accepts` and in `rejects`; drop one")
        return self


def matches(reply: Reply, expected: Matches) -> CheckResult:
    """Read the pattern out of the reply, and try it on all texts.

    It holds as a whole or not at all: `.*` accepts every text that it should, and is no answer.
    """
    try:
        pattern = pattern_of(reply.content)
    except Missed as missed:
        return CheckResult(ok=False, message=str(missed), mode=FailureMode.EXTRACTION_FAILED)
    tried = try_pattern(pattern, [*expected.accepts, *expected.rejects])
    if isinstance(tried, CheckResult):
        return tried
    accepted, rejected = tried[: len(expected.accepts)], tried[len(expected.accepts) :]
    missing = [text for text, found in zip(expected.accepts, accepted, strict=True) if not found]
    wrong = [text for text, found in zip(expected.rejects, rejected, strict=True) if found]
    if missing:
        return CheckResult(ok=False, message=f"The pattern {_cut(pattern)} should match {_cut(missing[0])}.")
    if wrong:
        return CheckResult(ok=False, message=f"The pattern {_cut(pattern)} should not match {_cut(wrong[0])}.")
    return CheckResult(ok=True, message=f"The pattern is right about all {len(tried)} texts.")


def pattern_of(text: str) -> str:
    """The pattern that a reply gives, without quotation marks if it is one raw string of Python's: `r"[a-z]+"`.

    It stands in a block of code (one marked `regex` comes first), in inline code (one on a line of its own comes
    first), or is the whole reply, of one line. Raises `Missed` if there is none, or if there are different ones: the
    answer is never guessed.
    """
    blocks = [block for block in fences(text) if block.body.strip()]
    bodies = [block.body for block in blocks if block.language == "regex"] or [block.body for block in blocks]
    found = dict.fromkeys(map(_bare, bodies or _inline(text) or [text]))
    if len(found) > 1:
        raise Missed(f"Expected one pattern, found {len(found)}, none of them marked.", "extraction_failed")
    (pattern,) = found
    if not pattern or "\n" in pattern:
        raise Missed("Expected a pattern of one line, found none.", "extraction_failed")
    return pattern


def _inline(text: str) -> list[str]:
    pieces = [(line, match) for line in text.splitlines() for match in _INLINE.finditer(line)]
    alone = [match[2] for line, match in pieces if line.strip(_AROUND) == match[0]]
    return alone or [match[2] for _, match in pieces]


def _bare(body: str) -> str:
    literal = _RAW_LITERAL.fullmatch(body.strip())
    return literal[2] if literal else body.strip()


_TRIAL = """
import json, re, resource, sys, warnings
pattern, texts, seconds, memory = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
warnings.simplefilter("ignore")
try:
    compiled = re.compile(pattern)
    answer = {"matched": [compiled.fullmatch(text) is not None for text in texts]}
except (re.error, OverflowError, RecursionError) as error:
    answer = {"invalid": str(error)}
except MemoryError:
    answer = {"costly": True}
json.dump(answer, sys.stdout)
"""


def try_pattern(pattern: str, texts: Sequence[str]) -> list[bool] | CheckResult:
    """Whether the pattern matches each text as a whole, or the miss if that can't be told.

    Python's `re` backtracks: a few characters such as `(a+)+b` keep it busy for ever, and from another thread nothing
    stops it. So it runs in a process of its own, with limits that the kernel enforces. A pattern is data and can't do
    anything but take time and memory: that needs no container.
    """
    told = json.dumps([pattern, texts, CPU_SECONDS, MEMORY])
    command = [sys.executable, "-I", "-S", "-c", _TRIAL]
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=_WALL_SECONDS, check=False)
    if done.returncode == -signal.SIGXCPU:
        return _miss(f"The pattern {_cut(pattern)} takes more than {CPU_SECONDS} s.", FailureMode.SANDBOX_TIMEOUT)
    if done.returncode < 0:
        return _miss(f"The pattern {_cut(pattern)} ends Python itself.", FailureMode.RUNTIME_ERROR)
    if done.returncode:
        raise RuntimeError(f"a pattern could not be tried: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    if "invalid" in answer:
        return _miss(f"{_cut(pattern)} is no regular expression: {answer['invalid']}.", FailureMode.SYNTAX_ERROR)
    if "costly" in answer:
        return _miss(f"The pattern {_cut(pattern)} takes too much memory.", FailureMode.SANDBOX_OOM)
    matched: list[bool] = answer["matched"]
    return matched


def _miss(message: str, mode: FailureMode) -> CheckResult:
    return CheckResult(ok=False, message=message, mode=mode)


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


MATCHES = Check("matches", Matches, matches)
