"""Collecting: suite files become modules with one parametrized test, decorated tests become questions.

Everything ends up as ordinary pytest items, parametrized by one `CaseParam` each; which items are kept (limits,
samples) and in which order (models one after the other) is decided here too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_polecat.errors import SuiteError
from pytest_polecat.questions import selftest
from pytest_polecat.questions.cases import CaseParam, Entry
from pytest_polecat.questions.decorators import MARK, Questions, header_of
from pytest_polecat.questions.loading import ValidateCheck, check_problem, constraint_problem, load
from pytest_polecat.settings import Settings

ENTRIES = "__polecat_entries__"
"""The attribute of a suite file's module that holds its entries."""

RUNGS = ("profile", "server", "model", "polecat_replies", "reply", "grade")
"""The fixtures that a question of a suite file climbs; whoever defines one of them anew is heard."""


class SuiteModule(pytest.Module):
    """A suite file as a test module: pytest sees a `test_question`, parametrized with the file's questions."""

    validate_check: ValidateCheck

    def collect(self) -> Any:
        """Load the file; a fault is a collection error of one line."""
        suite = load(self.path, self.validate_check)
        self.obj = _module(self.path, suite.entries, _by_rungs() if self._rung_defined_anew() else _at_once())
        return super().collect()

    def _rung_defined_anew(self) -> bool:
        known = self.session._fixturemanager.getfixturedefs  # noqa: SLF001 - what a name stands for is told nowhere else
        return any(len(known(rung, self) or ()) != 1 for rung in RUNGS)


def _module(path: Path, entries: Sequence[Entry], test_question: Callable[..., None]) -> ModuleType:
    module = ModuleType(path.name.split(".")[0].replace("-", "_"))
    module.__file__ = str(path)
    test_question.__module__ = module.__name__
    setattr(module, ENTRIES, list(entries))
    setattr(module, "test_question", test_question)  # noqa: B010
    return module


def _by_rungs() -> Callable[..., None]:
    def test_question(reply: Any, grade: Callable[[Any], None]) -> None:
        grade(reply)

    return test_question


def _at_once() -> Callable[..., None]:
    def test_question(polecat_grading: Callable[[], None]) -> None:
        polecat_grading()

    return test_question


def collect_file(path: Path, parent: pytest.Collector, validate_check: ValidateCheck) -> pytest.Module:
    """The module of a suite file."""
    module: SuiteModule = SuiteModule.from_parent(parent, path=path)
    module.validate_check = validate_check
    return module


def parametrize(metafunc: pytest.Metafunc, settings: Settings, validate_check: ValidateCheck) -> list[CaseParam]:
    """Give a test its cases: question × epoch × model, each its own item. Returns what it was given."""
    entries, table = _entries(metafunc)
    if entries is not None and not hasattr(metafunc.module, ENTRIES):
        _validate_python(entries, metafunc, validate_check)
    if entries is None:
        cases = [CaseParam(None, name) for name in settings.models] or [CaseParam(None, None)]
    elif settings.selftest:
        cases = [case for entry in entries for case in selftest.cases(entry)]
    else:
        cases = list(_cases(entries, settings))
    ids = [_case_id(case, settings, table=table) for case in cases]
    metafunc.parametrize("polecat_case", cases, ids=ids)
    return cases


def _validate_python(entries: Sequence[Entry], metafunc: pytest.Metafunc, validate_check: ValidateCheck) -> None:
    where = f"{entries[0].file}: {metafunc.function.__name__}" if entries else ""
    for entry in entries:
        problems = [check_problem(spec, validate_check) for spec in entry.question.all_checks]
        if constraint := constraint_problem(entry.question):
            problems.append(f"`constrained` {constraint}")
        for problem in filter(None, problems):
            raise SuiteError(f"{where}: {entry.question.id}: {problem}")
        if entry.question.all_checks and "grade" not in metafunc.fixturenames:
            raise SuiteError(
                f"{where}: {entry.question.id} declares checks that nothing applies; "
                "let the test take `grade` and call grade(reply), or drop them"
            )


def _entries(metafunc: pytest.Metafunc) -> tuple[list[Entry] | None, bool]:
    own = getattr(metafunc.module, ENTRIES, None)
    if own is not None:
        return own, True
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        return None, False
    questions: Questions = mark.args[0]
    header = header_of(metafunc.module, Path(questions.file))
    return questions.entries(header), questions.table


def _cases(entries: Sequence[Entry], settings: Settings) -> Iterator[CaseParam]:
    for profile in settings.models or (None,):
        for entry in entries:
            for epoch in range(1, settings.epochs + 1):
                for variant in selftest.variants(entry.question, profile or ""):
                    yield CaseParam(entry, profile, epoch, variant)


def _case_id(case: CaseParam, settings: Settings, *, table: bool) -> Any:
    parts = []
    if len(settings.models) > 1:
        parts.append(case.profile or "")
    if case.entry is not None:
        if table:
            parts.append(case.entry.question.id)
        if settings.epochs > 1:
            parts.append(f"e{case.epoch}")
    if settings.selftest and case.profile:
        parts.append(case.profile.removeprefix("@"))
    if case.variant:
        parts.append(str(case.variant))
    return "-".join(parts) if parts else pytest.HIDDEN_PARAM


def case_of(item: pytest.Item) -> CaseParam | None:
    """The case that an item stands for; None if it has nothing to do with polecat."""
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("polecat_case") if callspec is not None else None
    return case if isinstance(case, CaseParam) else None


def select(items: list[pytest.Item], settings: Settings) -> list[pytest.Item]:
    """Apply `--polecat-limit` and `--polecat-sample` to each suite; returns the items to leave out.

    The choice depends on the collected items and the seed only, so that every xdist worker makes the same.
    """
    if settings.limit is None and settings.sample is None:
        return []
    suites: dict[str, dict[str, None]] = {}
    for item in items:
        case = case_of(item)
        if case is not None and case.entry is not None:
            suites.setdefault(case.entry.header.suite, {})[case.entry.question.id] = None
    kept = {suite: set(_chosen(list(ids), settings)) for suite, ids in suites.items()}
    return [item for item in items if _left_out(case_of(item), kept)]


def _chosen(ids: Sequence[str], settings: Settings) -> Sequence[str]:
    chosen = ids
    if settings.sample is not None and settings.sample < len(ids):
        chosen = random.Random(settings.seed).sample(ids, settings.sample)  # noqa: S311 - a sample, not a secret
    return chosen[: settings.limit]


def _left_out(case: CaseParam | None, kept: Mapping[str, set[str]]) -> bool:
    if case is None or case.entry is None:
        return False
    return case.entry.question.id not in kept[case.entry.header.suite]


def group_by_model(items: list[pytest.Item], models: Sequence[str]) -> None:
    """Order items so that each model is loaded once; within a model, and for other items, the order stays.

    Items that ask nothing keep their places before the first question of the first model.
    """
    if len(models) < 2:
        return
    rank = {name: position for position, name in enumerate(models)}

    def model_rank(item: pytest.Item) -> int:
        case = case_of(item)
        return rank.get(case.profile or "", 0) if case is not None else 0

    items.sort(key=model_rank)


def refuse_doubles(items: Sequence[pytest.Item]) -> None:
    """Refuse two questions of one suite with the same id, wherever they stand: results could not be told apart."""
    seen: dict[tuple[object, ...], str] = {}
    headers: dict[str, Entry] = {}
    for item in items:
        case = case_of(item)
        if case is None or case.entry is None:
            continue
        entry = case.entry
        first = headers.setdefault(entry.header.suite, entry)
        if first.header is not entry.header and first.header != entry.header:
            raise pytest.UsageError(
                f"suite {entry.header.suite}: {first.file} and {entry.file} give it different headers; "
                "make them the same, or give the suites different names"
            )
        key = (entry.header.suite, entry.question.id, case.profile, case.epoch, case.variant)
        if key in seen and seen[key] != item.nodeid:
            raise pytest.UsageError(
                f"suite {entry.header.suite}: the id {entry.question.id!r} is used by {seen[key]} and {item.nodeid}; "
                "ids are unique in a suite"
            )
        seen[key] = item.nodeid
