"""Putting a session together: which parts are registered in which process.

What only the controller needs is imported there: everybody waits for the start of a worker.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_polecat import registry, startup, xdist
from pytest_polecat.asking.asker import Asker, ServerSource, Skipped
from pytest_polecat.asking.engine import width
from pytest_polecat.asking.kept import KeptReplies, NoServers
from pytest_polecat.errors import PolecatError, RecordingError
from pytest_polecat.grading.grader import Grader, constraining_schema
from pytest_polecat.items import ItemHooks, Share
from pytest_polecat.places import Place
from pytest_polecat.questions.collecting import case_of
from pytest_polecat.records.activity import Activity
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.selection import CaseBook, Selection
from pytest_polecat.settings import Replay, Settings

if TYPE_CHECKING:
    from pytest_polecat.controller import Controller

_CONTROLLER = "polecat-controller"
_PLACE = pytest.StashKey[Place]()
_SELECTION = pytest.StashKey[Selection]()


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
    from pytest_polecat.reporting.pytest_html import PytestHtml

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
    place = _place(config, settings)
    try:
        if place.before is None:
            place.run.claim()
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None
    controller = _controller(config, settings, place, workers)
    begun = partial(show_progress, config, controller, controller.run.activity)
    hooks = xdist.XdistHooks(str(controller.run.path), workers, controller, begun)
    config.pluginmanager.register(hooks, "polecat-xdist")
    # What is imported by now stays: pytest's ten whole collections at the end need not look at it.
    gc.freeze()


def select(config: pytest.Config, settings: Settings, items: Sequence[pytest.Item]) -> Selection:
    """The selection that these items are, and what of it an earlier session of the run has finished."""
    book = CaseBook(
        startup.identities(config, partial(_tell, config)).hashes, settings.seed, registry.grader(config).checks
    )
    selection = Selection(items, book, _place(config, settings).earlier)
    config.stash[_SELECTION] = selection
    return selection


def open_session(session: pytest.Session, settings: Settings, *, generated: int) -> None:
    """Where items run: write the selection down, and register what happens around items."""
    config = session.config
    selection = config.stash.get(_SELECTION, None)
    if selection is None or not selection.asks:
        return
    del config.stash[_SELECTION]
    given, place = xdist.worker_input(config), _place(config, settings)
    run = place.run
    controller = _controller(config, settings, place, workers=0) if given is None else None
    share = Share() if given is None else Share(given["share"], given["shares"], given["strided"])
    try:
        if controller is not None and place.before is None:
            run.claim()
        run.make()
        if share.number == 0:
            selection.write(run, generated)
        skipped = _skipped(settings.replay)
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None
    servers = _servers(controller, settings, place, selection)
    identities = startup.identities(config, partial(_tell, config))
    profiles = identities.profiles
    grader = registry.grader(config)

    def make_asker() -> Asker:
        return Asker(
            servers,
            KeptReplies(run, settings.replay.source if settings.replay else None),
            seed=settings.seed,
            schema_of=lambda question: constraining_schema(question, grader),
            connections=width(_slots(profiles), share.of) + 1,
            identities=identities,
            skipped=skipped,
            alone=share.of == 1,
        )

    config.stash[startup.RUN], config.stash[startup.SLOTS] = run, -(-_slots(profiles) // share.of)
    if any(_needs_sandbox(item, grader) for item in session.items):
        _open_pool(config)
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    tell = partial(run.tell_activity, worker) if worker else None
    meanwhile = controller.prepare if controller else None
    hooks = ItemHooks(settings, selection.cases, profiles, grader, make_asker, share, worker, tell, meanwhile)
    config.pluginmanager.register(hooks, "polecat-items")
    if controller is not None:
        show_progress(config, controller, hooks.activity)


def controller_of(config: pytest.Config) -> Controller:
    """The controller of a session that asks."""
    from pytest_polecat.controller import Controller

    controller = config.pluginmanager.get_plugin(_CONTROLLER)
    assert isinstance(controller, Controller)  # noqa: S101 - registered when the session was opened
    return controller


def show_progress(config: pytest.Config, controller: Controller, activity: Callable[[], Activity]) -> None:
    """Tell on the terminal how far the run is, where there is one."""
    from pytest_polecat.reporting.progress import ProgressLine, shown

    if shown(config):
        config.pluginmanager.register(ProgressLine(config, lambda: controller.progress(activity())), "polecat-progress")


def _skipped(replay: Replay | None) -> dict[Skipped, str]:
    """What a replay can't know by itself: which questions did not apply to the server that there was."""
    attempts = replay.source.attempts() if replay else ()
    skipped = (attempt for attempt in attempts if attempt.outcome is Outcome.SKIPPED and not attempt.replies)
    return {(attempt.profile, attempt.hash, attempt.epoch): attempt.message for attempt in skipped}


def _servers(controller: Controller | None, settings: Settings, place: Place, selection: Selection) -> ServerSource:
    """Where this process gets its servers from; in pytest itself the controller keeps them, and begins the run now."""
    if controller is not None:
        controller.begin(list(selection.cases.values()))
    if settings.replay is not None:
        return NoServers(settings.replay.source)
    if controller is not None:
        return controller.servers
    from pytest_polecat.asking.launch.remote import RemoteServers

    return RemoteServers(place.run)


def _open_pool(config: pytest.Config) -> None:
    """The first containers start while the first questions are asked; if they can't, it is said at once."""
    from pytest_polecat.sandboxing import pool_of

    try:
        pool_of(config)
    except SandboxError as error:
        _tell(config, f"polecat: {error}")
    except RecordingError as error:
        raise pytest.UsageError(str(error)) from None


def _needs_sandbox(item: pytest.Item, grader: Grader) -> bool:
    case = case_of(item)
    declared = case is not None and case.entry is not None and grader.needs_sandbox(case.entry.question)
    return declared or "sandbox" in getattr(item, "fixturenames", ())


def _slots(profiles: Mapping[str, Profile]) -> int:
    return max(profile.parallel for profile in profiles.values())


def _controller(config: pytest.Config, settings: Settings, place: Place, workers: int) -> Controller:
    from pytest_polecat.asking.launch.keeper import Servers
    from pytest_polecat.controller import Controller

    book = config.stash.get(startup.BOOK, None)
    identities = startup.identities(config, partial(_tell, config))
    models_dir = book.models_dir if book else None
    known = startup.launchers(config)
    servers = Servers(identities.profiles, known, models_dir, place.run, weights=identities.weights)
    controller = Controller(config, settings, place, identities, servers, workers)
    config.pluginmanager.register(controller, _CONTROLLER)
    return controller


def _tell(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(line)


def _place(config: pytest.Config, settings: Settings) -> Place:
    """The run that this session writes; found when first needed."""
    if _PLACE not in config.stash:
        given = xdist.worker_input(config)
        try:
            config.stash[_PLACE] = Place.of(settings) if given is None else Place.given(given)
        except PolecatError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[_PLACE]
