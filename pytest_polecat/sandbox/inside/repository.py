"""Runs a repository's tests inside a sandbox, and tells how each one ended. Standard library, and pytest if asked for.

The tests share this process with the code of a model, which may replace every part of it: what is told here is no
verdict. The host knows which tests it altered so that they must fail, and nothing in here does.

What to do comes as JSON on standard input; what happened goes to standard output, a line of JSON each, with a secret
before it that keeps those lines apart from whatever is printed.

    {"id", "status", "why"}    how a test ended: passed, failed, skipped, xfailed, xpassed
    {"problem"}                something beside the tests went wrong
    {"absent"}                 there is no such runner
    {"end"}                    everything has run
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import types
import unittest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Tell = Callable[[dict[str, Any]], None]

_TEXT = 300
_WORST = ("failed", "xpassed", "xfailed", "skipped", "passed")


def teller(secret: str) -> Tell:
    """Writes a line past everything that captures or replaces the standard output, in one piece."""
    out, write, dumps = os.dup(1), os.write, json.dumps

    def tell(message: dict[str, Any]) -> None:
        write(out, f"\npolecat-tests:{secret}:{dumps(message)}\n".encode())

    return tell


def reason(error: BaseException | None) -> str:
    """An exception in a line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"[:_TEXT]


class Told(unittest.TestResult):
    """Tells how each test ended: by the worst thing that happened to it."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self.tell = tell
        self.events: list[tuple[str, str]] = []

    def startTest(self, test: Any) -> None:
        self.events = []

    def stopTest(self, test: Any) -> None:
        status, why = min(self.events or [("failed", "nothing came of it")], key=lambda each: _WORST.index(each[0]))
        self.tell({"id": test.polecat_id, "status": status, "why": why})

    def note(self, test: Any, status: str, why: str = "") -> None:
        """Something happened to a test, or to what is around the tests of a class or module."""
        if isinstance(test, unittest.TestCase):
            self.events.append((status, why))
        else:
            self.tell({"problem": f"{test}: {why}"[:_TEXT]})

    def addSuccess(self, test: Any) -> None:
        self.note(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        self.note(test, "failed", reason(err[1]))

    addError = addFailure

    def addSkip(self, test: Any, why: str) -> None:
        self.note(test, "skipped", str(why)[:_TEXT])

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.note(test, "xfailed", reason(err[1]))

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.note(test, "xpassed")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.note(test, "failed", reason(err[1]))


def run_unittest(asked: dict[str, Any], tell: Tell) -> None:
    """Run tests of `unittest`, and plain functions without arguments."""
    # Compiled before any code of the model runs: it may replace the files.
    codes = [(path, compile(source, path, "exec", dont_inherit=True), ids) for path, source, ids in asked["tests"]]
    _look_for_modules(asked)
    suite = unittest.TestSuite()
    for path, code, ids in codes:
        try:
            module = _load(path, code)
        except BaseException as error:
            tell({"problem": f"{path} can't be imported: {reason(error)}"})
            continue
        for each in ids:
            try:
                suite.addTest(_case(module, each))
            except BaseException as error:
                tell({"problem": f"{each} can't be made: {reason(error)}"})
    suite.run(Told(tell))


def _load(path: str, code: types.CodeType) -> types.ModuleType:
    """The module of a test file, of the code that came along."""
    name = path.removesuffix(".py").replace("/", ".")
    parent, _, own = name.rpartition(".")
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    assert spec is not None  # noqa: S101 - its name ends in .py
    module = importlib.util.module_from_spec(spec)
    package = importlib.import_module(parent) if parent else None
    sys.modules[name] = module
    exec(code, vars(module))  # noqa: S102
    if package:
        setattr(package, own, module)
    return module


def _case(module: types.ModuleType, name: str) -> unittest.TestCase:
    """The test of this id."""
    *classes, method = name.split("::")[1:]
    home: Any = module
    for each in classes:
        home = getattr(home, each)
    case: Any
    if isinstance(home, type) and issubclass(home, unittest.TestCase):
        case = home(method)
    else:
        case = unittest.FunctionTestCase(getattr(home() if classes else home, method))
    case.polecat_id = name
    return case  # type: ignore[no-any-return]


class Plugin:
    """What pytest tells: a test passed if each of its phases did."""

    def __init__(self, asked: dict[str, Any], tell: Tell) -> None:
        self.wanted = {each for _, _, ids in asked["tests"] for each in ids}
        self.tell = tell
        self.events: dict[str, list[tuple[str, str]]] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Run no other tests."""
        items[:] = [item for item in items if item.nodeid in self.wanted]

    def pytest_collectreport(self, report: Any) -> None:
        """A file that can't be collected."""
        if report.failed:
            self.tell({"problem": f"{report.nodeid} can't be collected: {_last_line(report)}"})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A phase of a test."""
        events = self.events.setdefault(report.nodeid, [])
        status = report.outcome
        if hasattr(report, "wasxfail"):
            status = "xpassed" if report.passed else "xfailed"
        events.append((status, "" if report.passed else _last_line(report)))
        if report.when == "teardown":
            status, why = min(self.events.pop(report.nodeid), key=lambda each: _WORST.index(each[0]))
            self.tell({"id": report.nodeid, "status": status, "why": why})


def _last_line(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return str(text).strip().partition("\n")[0][:_TEXT]


def run_pytest(asked: dict[str, Any], tell: Tell) -> None:
    """Run tests by pytest, if the image has it."""
    try:
        import pytest
    except ImportError:
        tell({"absent": "pytest"})
        return
    _look_for_modules(asked)
    paths = [path for path, _, _ in asked["tests"]]
    options = ["--rootdir=.", "--import-mode=append", "--continue-on-collection-errors", "-p", "no:cacheprovider"]
    try:
        pytest.main([*options, *paths], plugins=[Plugin(asked, tell)])
    except BaseException as error:
        tell({"problem": f"pytest ended: {reason(error)}"})


def _look_for_modules(asked: dict[str, Any]) -> None:
    """The repository's modules are found first, those beside the tests last: none hides one of Python's."""
    sys.path[:0] = [os.path.abspath(each) for each in asked["roots"]]
    sys.path += [os.path.abspath(each) for each in asked["folders"]]


def main() -> None:
    """Read, run, tell; nothing that is left running is waited for."""
    asked = json.loads(sys.stdin.buffer.read())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    tell = teller(asked.pop("secret"))
    {"unittest": run_unittest, "pytest": run_pytest}[asked.pop("runner")](asked, tell)
    tell({"end": True})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
