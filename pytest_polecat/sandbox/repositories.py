"""Repositories that are judged by tests of their own, inside the sandbox: for what can't be called from outside.

Code can forge the reports of tests that share its process, so reports alone are not believed. The tests run twice, each
time in a sandbox of its own. In each round some tests, drawn by lot, are altered so that right code fails them (see
`altered.py`), and in the other round the others are. A test is passed if it passed where it was left as it is, and
failed where it was altered. Drawn tests that must pass, and that must fail, run among them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pytest_polecat.errors import SuiteError
from pytest_polecat.sandbox import altered
from pytest_polecat.sandbox.admission import ROOTS, admit, normal
from pytest_polecat.sandbox.canaries import Drawn, draw
from pytest_polecat.sandbox.errors import MemoryLimitError, SandboxError, TimeLimitError
from pytest_polecat.sandbox.reports import read
from pytest_polecat.sandbox.supervised import Finished
from pytest_polecat.sandbox.tested import Demand, RepositoryResult, Round, judge

FLAG = "tamper-evident"
"""The flag of an attempt that was graded in this way."""

TESTS_SECONDS = 60.0

Files = Mapping[str, str | bytes]
Runner = Literal["unittest", "pytest"]

_RUNNER = Path(__file__).parent / "inside" / "repository.py"
_OUTPUT = 4 << 20


@dataclass(frozen=True)
class Plan:
    """What is to run: the test's own files, what is expected of them, and what of the candidate's is used."""

    runner: Runner
    tests: Mapping[str, str | bytes]
    expected: tuple[str, ...]
    edits: Mapping[str, altered.Edit]
    canaries: frozenset[str]
    drawn: Drawn
    files: Mapping[str, str | bytes]
    left_out: Mapping[str, str]

    @property
    def demand(self) -> Demand:
        """What the tests have to do."""
        return Demand(
            expected=self.expected,
            guarded=frozenset(self.edits),
            must_fail=self.canaries | self.drawn.failing,
            must_pass=self.drawn.passing,
            left_out=self.left_out,
        )

    def order(self) -> list[str]:
        """The test files in the order of their ids, with the canaries' anywhere between."""
        paths = list(dict.fromkeys(_file_of(each) for each in self.expected))
        for path in {self.drawn.path, *map(_file_of, self.canaries)}:
            paths.insert(secrets.randbelow(len(paths) + 1), path)
        return paths

    def round(self, changed: frozenset[str], secret: str) -> tuple[dict[str, str | bytes], bytes]:
        """The files for a round in which these tests are altered, and what the runner is asked."""
        own: dict[str, str | bytes] = {**self.tests, self.drawn.path: self.drawn.source}
        # One function stands behind all ids that differ in parameters alone.
        changes = {edit for test, edit in self.edits.items() if test in changed}
        for path in {edit.path for edit in changes}:
            own[path] = altered.apply(_text(path, own[path]), [edit for edit in changes if edit.path == path])
        every = [*self.expected, *sorted(self.canaries), *self.drawn.ids]
        paths = self.order()
        asked = {
            "secret": secret,
            "runner": self.runner,
            "roots": [root or "." for root in ROOTS],
            "folders": sorted({str(PurePosixPath(path).parent) for path in paths}),
            "tests": [[path, _text(path, own[path]), _of_file(path, every)] for path in paths],
        }
        return {**self.files, **own}, json.dumps(asked).encode()


def make_plan(files: Files, tests: Files, expected: Sequence[str], canaries: Files, runner: Runner) -> Plan:
    """Look at what the author gives, and draw the canaries. Raises `SuiteError`."""
    own = {**tests, **canaries}
    ids = tuple(dict.fromkeys(expected))
    if not ids:
        raise SuiteError("no test is expected to pass; name ids: expected=['tests/test_queue.py::test_order']")
    for path in own:
        if normal(path) != path:
            raise SuiteError(f"{path!r} is no path of a file in the repository; write it like tests/test_queue.py")
    strange = [each for each in ids if "::" not in each or _file_of(each) not in tests]
    if strange:
        raise SuiteError(f"{strange[0]} is not in `tests`; give the file there: the candidate's own proves nothing")
    sources = {path: _text(path, own[path]) for path in {*map(_file_of, ids), *canaries}}
    drawn = draw(_file_of(ids[0]), ids, {*files, *own})
    admitted, left_out = admit(files, {*own, drawn.path})
    try:
        edits = altered.edits({path: text for path, text in sources.items() if path in tests})
        of_canaries = altered.ids({path: sources[path] for path in canaries})
    except (SyntaxError, ValueError) as error:
        raise SuiteError(f"a test file is no Python: {error}") from error
    return Plan(
        runner=runner,
        tests=own,
        expected=ids,
        edits={each: edits[_function_of(each)] for each in ids if _function_of(each) in edits},
        canaries=frozenset(of_canaries),
        drawn=drawn,
        files=admitted,
        left_out=left_out,
    )


def run_tests(run: Callable[..., Finished], plan: Plan, timeout: float) -> RepositoryResult:
    """Run both rounds and judge. `run` is `Sandbox.run`, `timeout` the seconds that a round may take.

    Raises `TamperingError` for forged reports, `TimeLimitError` and `MemoryLimitError` for what they say, and
    `SandboxError` when the image lacks the runner.
    """
    functions = sorted({_function_of(each) for each in plan.edits})
    lot = {each for each in functions if secrets.randbits(1)}
    first = frozenset(each for each in plan.edits if _function_of(each) in lot)
    rounds = []
    for changed in (first, frozenset(plan.edits) - first):
        secret = secrets.token_hex(16)
        files, asked = plan.round(changed, secret)
        command = ["python3", "-I", "-c", _RUNNER.read_text(encoding="utf-8")]
        finished = run(command, files=files, stdin=asked, timeout=timeout, output_limit=_OUTPUT)
        rounds.append(Round(changed, finished, read(finished.stdout, secret)))
        if rounds[-1].reports.absent:
            _look_for_runner(run, plan.runner)
        reports = rounds[-1].reports
        if finished.limited or reports.forged or not reports.tests:
            break  # the other round could change nothing
    result = judge(plan.demand, rounds)
    if result.limited == "time":
        raise TimeLimitError(f"the tests took longer than {timeout:g} s: {result.message}")
    if result.limited == "memory":
        raise MemoryLimitError(f"the tests took more memory than they may: {result.message}")
    return result


def _look_for_runner(run: Callable[..., Finished], runner: str) -> None:
    """Whether the image has it: asked again without the candidate, who may have said so."""
    if run(["python3", "-I", "-c", f"import {runner}"]).status != 0:
        raise SandboxError(
            f"the sandbox's image has no {runner}; use runner='unittest', or an image that has it: "
            "--polecat-sandbox-image=NAME"
        )


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _function_of(test: str) -> str:
    """The test without the parameters that pytest gave it."""
    return test.partition("[")[0]


def _of_file(path: str, tests: Sequence[str]) -> list[str]:
    return [each for each in tests if _file_of(each) == path]


def _text(path: str, content: str | bytes) -> str:
    try:
        return content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError as error:
        raise SuiteError(f"the test file {path} is not UTF-8: {error}") from error
