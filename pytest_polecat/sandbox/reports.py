"""What the tests' process told: lines of JSON with a secret before them, among whatever else it printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_polecat.sandbox.mirrors import printable

_MARK = b"polecat-tests:"
_TEXT = 300


@dataclass(frozen=True)
class Ended:
    """How a test ended: passed, failed, skipped, xfailed or xpassed, and why."""

    status: str
    why: str


@dataclass(frozen=True)
class Reports:
    """All that was told in a round. `ended` says that the runner came to its end, `absent` that there is none.

    `doubled` are the ids that ended more than once, `forged` says what can't come from the runner.
    """

    tests: Mapping[str, Ended]
    doubled: tuple[str, ...]
    problems: tuple[str, ...]
    forged: tuple[str, ...]
    ended: bool
    absent: bool
    printed: str


def read(stdout: bytes, secret: str) -> Reports:
    """Take the reports out of the standard output of a round."""
    told: list[Any] = []
    printed = []
    forged = set()
    for line in stdout.split(b"\n"):
        if not line.startswith(_MARK):
            printed.append(line)
            continue
        if printed and not printed[-1]:
            printed.pop()  # each report begins a line of its own
        if not line.startswith(_MARK + secret.encode() + b":"):
            forged.add("a report with a wrong secret")
        else:
            told.append(_message(line[len(_MARK) + len(secret) + 1 :]))
    tests: dict[str, Ended] = {}
    doubled, problems = [], []
    for message in told:
        match message:
            case {"id": str(name), "status": str(status), "why": str(why)}:
                if name in tests:
                    doubled.append(name)
                tests[name] = Ended(status, printable(why, _TEXT))
            case {"problem": str(text)}:
                problems.append(printable(text, _TEXT))
            case {"absent": _} | {"end": _}:
                pass
            case _:
                forged.add("a report that the runner does not make")
    return Reports(
        tests=tests,
        doubled=tuple(dict.fromkeys(doubled)),
        problems=tuple(problems),
        forged=tuple(sorted(forged)),
        ended=any(isinstance(each, dict) and "end" in each for each in told),
        absent=any(isinstance(each, dict) and "absent" in each for each in told),
        printed=b"\n".join(printed).decode(errors="replace"),
    )


def _message(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
