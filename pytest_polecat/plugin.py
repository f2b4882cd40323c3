"""The pytest plugin: hooks in the order in which pytest calls them, each a few lines.

Nothing heavy is imported here: a session that asks no questions must not notice that polecat is installed.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_polecat.fixtures import (
    conversation,
    grade,
    model,
    polecat_case,
    polecat_grading,
    polecat_replies,
    profile,
    question,
    reply,
    sandbox,
    score,
    server,
)
from pytest_polecat.options import add_options, used

if TYPE_CHECKING:
    from pytest_polecat.settings import Settings

# Pytest finds fixtures among the names of a plugin.
__all__ = [
    "conversation",
    "grade",
    "model",
    "polecat_case",
    "polecat_grading",
    "polecat_replies",
    "profile",
    "question",
    "reply",
    "sandbox",
    "score",
    "server",
]

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
GENERATED = pytest.StashKey[int]()

SUITE_FILES = (".polecat.yaml", ".polecat.yml", ".polecat.jsonl")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks for third parties."""
    from pytest_polecat import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings; look up models and suites if any are asked for."""
    config.addinivalue_line("markers", "polecat_questions(questions): set by @polecat.question and @polecat.suite")
    config.stash[GENERATED] = 0
    config.pluginmanager.register(_Selecting(), "polecat-selecting")
    if config.getoption("polecat_sandbox") == "process" and not hasattr(config, "workerinput"):
        from pytest_polecat import sandboxing

        sandboxing.allow_process(config)
    if used(config):
        from pytest_polecat import startup

        startup.prepare(config, settings_of(config))


def settings_of(config: pytest.Config) -> Settings:
    """The settings of the session, read when first needed."""
    if SETTINGS not in config.stash:
        from pytest_polecat.settings import Settings

        config.stash[SETTINGS] = Settings.from_config(config)
    return config.stash[SETTINGS]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """In an xdist controller, plan the run before workers start: they are told where it is."""
    config = session.config
    if not used(config) or hasattr(config, "workerinput") or not settings_of(config).asks:
        return
    settings = settings_of(config)
    from pytest_polecat import session as session_parts
    from pytest_polecat import xdist

    session_parts.check(config, settings)
    session_parts.join_pytest_html(config)
    if xdist.distributes(config) and not config.option.collectonly:
        session_parts.plan_distributed(config, settings)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A suite file is a module of questions."""
    if not file_path.name.endswith(SUITE_FILES):
        return None
    from pytest_polecat import registry
    from pytest_polecat.questions import collecting

    return collecting.collect_file(file_path, parent, registry.grader(parent.config).expectation)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Questions × epochs × models: one item each."""
    if "polecat_case" not in metafunc.fixturenames:
        return
    from pytest_polecat import registry
    from pytest_polecat.questions import collecting

    validate = registry.grader(metafunc.config).expectation
    cases = collecting.parametrize(metafunc, settings_of(metafunc.config), validate)
    metafunc.config.stash[GENERATED] += len(cases)


class _Selecting:
    """Chooses among what is left when every other plugin has chosen.

    Pytest's `--lf` deselects after all hooks that are no wrappers: this is a wrapper around that one, registered later.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Limits and samples, then one model after the other, whatever order other plugins made."""
        yield
        if config.stash[GENERATED]:
            _select(config, items)


def _select(config: pytest.Config, items: list[pytest.Item]) -> None:
    from pytest_polecat.questions import collecting

    settings = settings_of(config)
    collecting.refuse_doubles(items)
    left_out = collecting.select(items, settings)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        unwanted = set(left_out)
        items[:] = [item for item in items if item not in unwanted]
    collecting.group_by_model(items, settings.models)
    if settings.asks and not config.option.collectonly:
        _leave_finished_out(config, settings, items)


def _leave_finished_out(config: pytest.Config, settings: Settings, items: list[pytest.Item]) -> None:
    from pytest_polecat import session as session_parts

    finished = session_parts.select(config, settings, items).finished
    if finished:
        config.hook.pytest_deselected(items=finished)
        unwanted = set(finished)
        items[:] = [item for item in items if item not in unwanted]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """In an xdist worker a usage error ends the session; by itself, pytest would wait for that worker for ever."""
    try:
        return (yield)
    except pytest.UsageError as error:
        if not hasattr(session.config, "workerinput") or not used(session.config):
            raise
        from pytest_polecat.xdist import end_worker

        end_worker(session, str(error))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """The selection is final: write it down, and make ready to ask.

    First of all, because an xdist worker tells the controller in this hook that it has collected.
    """
    config = session.config
    if not config.stash[GENERATED] or config.option.collectonly or not settings_of(config).asks:
        return
    from pytest_polecat import session as session_parts

    session_parts.open_session(session, settings_of(config), generated=config.stash[GENERATED])


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Outcomes of questions have categories of their own; `report.outcome` stays pytest's."""
    record = getattr(report, "polecat", None)
    if record is None or report.skipped or record.get("selftest"):
        return None
    return _CATEGORIES.get(record["outcome"])


_CATEGORIES: dict[str, tuple[str, str, tuple[str, dict[str, bool]]]] = {
    "partial": ("partial", "p", ("PARTIAL", {"yellow": True})),
    "missed": ("missed", "m", ("MISSED", {"yellow": True})),
    "broken": ("broken", "B", ("BROKEN", {"red": True})),
}


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(config: pytest.Config) -> Generator[None, Any, Any]:
    """A lone surrogate in a report would end a whole xdist run; a model can write one into any assertion."""
    data = yield
    if not used(config):
        return data
    from pytest_polecat.records.text import without_surrogates

    return without_surrogates(data)
