"""Putting a session together: which parts are registered in which process."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat import registry, startup, xdist
from pytest_polecat.asking.asker import Asker, ServerSource
from pytest_polecat.asking.engine import width
from pytest_polecat.asking.kept import KeptReplies
from pytest_polecat.asking.launch.keeper import RemoteServers, Servers
from pytest_polecat.controller import Controller
from pytest_polecat.errors import PolecatError
from pytest_polecat.grading.grader import constraining_schema
from pytest_polecat.items import ItemHooks, Share, selected_case
from pytest_polecat.questions.collecting import case_of
from pytest_polecat.records.profile import Profile
from pytest_polecat.reporting.pytest_html import PytestHtml
from pytest_polecat.rundir import RunDir
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.settings import Settings

_CONTROLLER = "polecat-controller"


def check(config: pytest.Config, settings: Settings) -> None:
    """Refuse what can't work before anything starts."""
    if len(settings.models) > 1 and xdist.distributes(config):
        raise pytest.UsageError(
            f"--polecat-model: xdist runs ask one model at a time, and {len(settings.models)} were named "
            f"({', '.join(settings.models)}); drop -n, or run pytest once for each"
        )
    if not config.option.collectonly:
        startup.check_launchable(config)


def join_pytest_html(config: pytest.Config) -> None:
    """Register what goes into pytest-html's report; it reads its table's head before any question is collected."""
    if not config.pluginmanager.hasplugin("html"):
        return

    def controller() -> Controller | None:
        return config.pluginmanager.get_plugin(_CONTROLLER)

    part = PytestHtml(
        lambda: kept.verdicts() if (kept := controller()) else [],
        lambda: kept.pages() if (kept := controller()) else {},
    )
    config.pluginmanager.register(part, "polecat-html")


def plan_distributed(config: pytest.Config, settings: Settings) -> None:
    """In an xdist controller: plan the run and register what the controller does."""
    workers = xdist.worker_count(config)
    run = _planned_run(settings)
    try:
        run.make_place()
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None
    controller = _controller(config, settings, run, workers)
    hooks = xdist.XdistHooks(str(controller.run.path), workers, controller)
    config.pluginmanager.register(hooks, "polecat-xdist")


def open_session(session: pytest.Session, settings: Settings, *, generated: int) -> None:
    """Where items run: write the selection down, and register what happens around items."""
    config = session.config
    if not any(_asks(item) for item in session.items):
        return
    given = xdist.worker_input(config)
    run = _planned_run(settings) if given is None else RunDir(Path(given["run"]))
    share = Share() if given is None else Share(given["share"], given["shares"], given["strided"])
    try:
        run.make()
        if share.number == 0:
            _write_selection(session, run, generated)
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None
    servers: ServerSource
    if given is None:
        controller = _controller(config, settings, run, workers=1)
        controller.begin()
        servers, weights = controller.servers, controller.weights
    else:
        servers, weights = RemoteServers(run), given["weights"]
    profiles = config.stash[startup.PROFILES_KEY]
    grader = registry.grader(config)

    def make_asker() -> Asker:
        return Asker(
            servers,
            KeptReplies(run),
            seed=settings.seed,
            schema_of=lambda question: constraining_schema(question, grader),
            connections=width(_slots(profiles), share.of) + 1,
            weights=weights,
            alone=share.of == 1,
        )

    config.stash[startup.RUN], config.stash[startup.SLOTS] = run, -(-_slots(profiles) // share.of)
    if any("sandbox" in getattr(item, "fixturenames", ()) for item in session.items):
        _open_pool(config)
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    hooks = ItemHooks(settings, profiles, grader, make_asker, share, worker)
    config.pluginmanager.register(hooks, "polecat-items")


def _open_pool(config: pytest.Config) -> None:
    """The first containers start while the first questions are asked; if they can't, it is said at once."""
    from pytest_polecat.sandboxing import pool_of

    try:
        pool_of(config)
    except SandboxError as error:
        _tell(config, f"polecat: {error}")


def _slots(profiles: Mapping[str, Profile]) -> int:
    return max(profile.parallel for profile in profiles.values())


def _controller(config: pytest.Config, settings: Settings, run: RunDir, workers: int) -> Controller:
    profiles = config.stash[startup.PROFILES_KEY]
    book = config.stash.get(startup.BOOK, None)
    weights = startup.weight_hashes(config, partial(_tell, config))
    models_dir = book.models_dir if book else None
    servers = Servers(profiles, startup.launchers(config), models_dir, run, weights=weights)
    controller = Controller(config, settings, run, profiles, servers, workers, weights)
    config.pluginmanager.register(controller, _CONTROLLER)
    return controller


def _tell(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(line)


def _planned_run(settings: Settings) -> RunDir:
    if settings.selftest:
        return RunDir(Path(tempfile.mkdtemp(prefix="polecat-selftest-")))
    return RunDir.planned(settings.runs)


def _asks(item: pytest.Item) -> bool:
    case = case_of(item)
    return case is not None and case.profile is not None


def _write_selection(session: pytest.Session, run: RunDir, generated: int) -> None:
    cases = [case for item in session.items if (case := selected_case(item)) is not None]
    asking = sum(1 for item in session.items if case_of(item) is not None)
    run.write_selection(cases, _question_lines(session.items), deselected=generated - asking)


def _question_lines(items: list[pytest.Item]) -> list[dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for item in items:
        case = case_of(item)
        if case is None or case.entry is None or case.entry.hash in lines:
            continue
        entry = case.entry
        lines[entry.hash] = {
            "hash": entry.hash,
            "suite": entry.header.suite,
            "version": entry.header.version,
            "licence": entry.header.licence,
            "file": entry.file,
            "system": entry.header.system,
            "question": entry.question.model_dump(mode="json", exclude_defaults=True),
        }
    return list(lines.values())
