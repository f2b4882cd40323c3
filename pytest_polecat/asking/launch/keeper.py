"""The model servers of a run, kept by the controller process: started lazily, one loaded at a time, restarted once."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pytest_polecat.asking.launch.base import Launch, Launcher, launcher_of
from pytest_polecat.asking.launch.devices import Look, wait_released
from pytest_polecat.asking.launch.diagnosis import LaunchFailedError, hidden_settings
from pytest_polecat.asking.launch.lifeline import GRACE
from pytest_polecat.asking.launch.process import ServerProcess
from pytest_polecat.asking.launch.reaching import describe_external
from pytest_polecat.asking.launch.remote import RemoteServers
from pytest_polecat.asking.launch.served import describe, warm_up
from pytest_polecat.asking.launch.state import ServerState, State, open_asks, write_state
from pytest_polecat.errors import PolecatError, RecordingError, ServerError
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Device, Hung, Served
from pytest_polecat.rundir import RunDir
from pytest_polecat.third_party import failure

__all__ = ["RemoteServers", "Servers"]

_PORT_TRIES = 3
_LOOK_FOR_ASKS = 0.1


@dataclass(frozen=True)
class _Order:
    profile: str
    lost: bool = False
    hung: Hung | None = None
    answer: "Future[Served]" = field(default_factory=Future)


@dataclass(frozen=True)
class _Loaded:
    """The server that runs. `before` are the accelerators as `look` told them just before it was started."""

    profile: str
    process: ServerProcess
    served: Served
    look: Look
    before: tuple[Device, ...]


class Servers:
    """The servers of these profiles.

    One thread of its own does all starting and stopping, in the order of the orders, so that callers on any thread
    only wait. Workers' requests (see `state`) are seen to by the same thread. What failed is remembered: it is not
    tried again, and whoever asks gets the same error.
    """

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        launchers: Mapping[str, Launcher],
        models_dir: Path | None,
        run: RunDir,
        grace: float = GRACE,
        weights: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Nothing is started or written yet. `weights` are the hashes of the profiles' files as the run begins."""
        self._weights = weights or {}
        self._profiles = profiles
        self._launchers = launchers
        self._models_dir = models_dir
        self._run = run
        self._grace = grace
        self._orders: queue.Queue[_Order | None] = queue.Queue()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: ServerProcess | None = None
        # Only the keeping thread touches what follows.
        self._loaded: _Loaded | None = None
        self._external: dict[str, Served] = {}
        self._failed: dict[str, ServerError] = {}
        self._restarted: set[str] = set()
        self._states: dict[str, ServerState] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def listen(self) -> None:
        """Answer the workers' requests from now on; no server starts before one asks for it."""
        with self._lock:
            if not self._closing.is_set():
                self._keep_watch()

    def begin(self, profile_name: str) -> None:
        """Start this profile's server in the background, unless it is up; the one loaded before is stopped first."""
        self._order(_Order(profile_name))

    def wait(self, profile_name: str) -> Served:
        """Block until this profile's server is ready. Raises `ServerError` with the diagnosis, `RecordingError`."""
        return self._order(_Order(profile_name)).result()

    def lost(self, profile_name: str, hung: Hung | None = None) -> Served:
        """To be called when a request found the connection dead, or the server hung: how the server is served now.

        A server that died or hung is restarted, once in a run; when it happens again, `ServerError` says why.
        """
        return self._order(_Order(profile_name, lost=True, hung=hung)).result()

    @property
    def starting(self) -> str:
        """What is being started right now, in words; may be asked from any thread."""
        names = [name for name, state in list(self._states.items()) if state.state == "starting"]
        return f"starting the server of {names[0]}" if names else ""

    def stop(self) -> None:
        """End all servers and everybody's waiting; again: nothing happens."""
        with self._lock:
            self._closing.set()
            process, thread = self._process, self._thread
            self._orders.put(None)  # so that the thread looks up at once
        if process:
            process.stop()
        if thread:
            thread.join()

    def _order(self, order: _Order) -> "Future[Served]":
        with self._lock:
            if self._closing.is_set():
                order.answer.set_exception(_ending(order.profile))
                return order.answer
            self._keep_watch()
            self._orders.put(order)
        return order.answer

    def _keep_watch(self) -> None:
        if self._thread is None:
            self._clear_run_folder()
            self._thread = threading.Thread(target=self._keep, name="polecat-servers", daemon=True)
            self._thread.start()

    def _clear_run_folder(self) -> None:
        """Nobody may take what an earlier session left in a resumed run for news."""
        self._run.make()
        for name in self._profiles:
            self._run.server_state(name).unlink(missing_ok=True)
        self._drop_asks()

    # The keeping thread

    def _keep(self) -> None:
        try:
            while not self._closing.is_set():
                with contextlib.suppress(queue.Empty):
                    if order := self._orders.get(timeout=_LOOK_FOR_ASKS):
                        self._answer(order)
                self._answer_asks()
        finally:
            with self._lock:
                self._closing.set()
            self._refuse_orders()
            self._unload()
            self._stop_states()
            self._drop_asks()

    def _answer(self, order: _Order) -> None:
        try:
            served = self._serve(order)
        except BaseException as error:
            order.answer.set_exception(error)
        else:
            order.answer.set_result(served)

    def _answer_asks(self) -> None:
        for file, ask in open_asks(self._run):
            if ask and not self._closing.is_set():
                with contextlib.suppress(ServerError, RecordingError, OSError):
                    self._serve(_Order(ask.profile, ask.lost, ask.hung))
            file.unlink(missing_ok=True)

    def _serve(self, order: _Order) -> Served:
        """The server of this profile, started, checked or restarted as need be; failures are remembered and told."""
        name = order.profile
        if name in self._failed:
            error = self._failed[name]
            raise ServerError(str(error), error.mode)
        try:
            return self._current(order) or self._start(name)
        except RecordingError:
            raise
        except BaseException as error:  # a third party's launcher may raise anything
            if self._closing.is_set():
                raise _ending(name) from error
            failure = _as_server_error(name, error)
            self._failed[name] = failure
            self._tell(name, "failed", message=str(failure), mode=failure.mode)
            raise failure from error

    def _current(self, order: _Order) -> Served | None:
        """What serves this profile now; None: nothing does. Raises when its server died or hung for the second time."""
        name = order.profile
        if not order.lost and name in self._external:
            return self._external[name]
        loaded = self._loaded
        if not loaded or loaded.profile != name:
            return None
        hangs = order.hung is not None and order.hung.url == loaded.served.url
        if loaded.process.poll() is None and not hangs:
            return loaded.served
        failure = loaded.process.failure()
        if order.hung is not None and loaded.process.poll() is None:
            failure = LaunchFailedError(f"profile {name!r}: {order.hung.message}", FailureMode.SERVER_CRASH, "crash")
        self._unload()
        if name in self._restarted:
            raise LaunchFailedError(f"{failure}\n(it had been restarted once before)", failure.mode, failure.kind)
        self._restarted.add(name)
        return self._start(name, after=failure)

    def _start(self, name: str, after: ServerError | None = None) -> Served:
        profile = self._profile(name)
        launcher = launcher_of(profile, self._launchers)
        self._tell(name, "starting")
        launch = launcher.prepare(profile, self._models_dir, free_port())
        if launch is None:
            served = describe_external(profile, self._closing)
            _check_unchanged(profile, self._external.get(name), served)
            self._external[name] = served
        else:
            kept = self._unload()
            served = self._load(profile, launcher, launch)
            if kept:
                served = served.model_copy(update={"notes": (*served.notes, kept)})
        why = {"message": f"restarted once, because {after}", "mode": after.mode} if after else {}
        self._tell(name, "ready", served=served, **why)
        return served

    def _profile(self, name: str) -> Profile:
        if name not in self._profiles:
            raise ServerError(f"there is no profile {name!r} in this run; known are: {', '.join(self._profiles)}")
        return self._profiles[name]

    def _load(self, profile: Profile, launcher: Launcher, launch: Launch) -> Served:
        """Start the server; a port that was taken meanwhile is exchanged for another, twice."""
        for _ in range(_PORT_TRIES - 1):
            try:
                return self._load_once(profile, launch)
            except LaunchFailedError as failure:
                if failure.kind != "port":
                    raise
            launch = launcher.prepare(profile, self._models_dir, free_port()) or launch
        return self._load_once(profile, launch)

    def _load_once(self, profile: Profile, launch: Launch) -> Served:
        before = launch.look()
        start = time.monotonic()
        with self._lock:
            # `stop` either finds this process or prevents it.
            if self._closing.is_set():
                raise _ending(profile.name)
            process = ServerProcess(launch, self._run.server_log(profile.name), profile.name, self._grace)
            self._process = process
        try:
            served = self._made_ready(profile, launch, process, start)
        except BaseException:
            process.stop()
            raise
        self._loaded = _Loaded(profile.name, process, served, launch.look, before)
        return served

    def _made_ready(self, profile: Profile, launch: Launch, process: ServerProcess, start: float) -> Served:
        process.wait_ready(profile.ready_timeout)
        ready_seconds = time.monotonic() - start
        try:
            served = describe(profile, launch, ready_seconds, self._weights.get(profile.name))
            warm_up(profile, launch.url)
            notes = (*served.notes, *hidden_settings(process.log))
        except ServerError as error:
            if process.poll() is not None:
                raise process.failure() from error
            raise
        return served.model_copy(update={"notes": notes})

    def _unload(self) -> str | None:
        """Stop the loaded server, and see its memory free: a sentence about what stayed taken, if any."""
        loaded, self._loaded = self._loaded, None
        if not loaded:
            return None
        loaded.process.stop()
        with contextlib.suppress(RecordingError):  # a full disk is told where something is lost by it
            self._tell(loaded.profile, "unloaded")
        return wait_released(loaded.before, loaded.look, self._closing)

    def _tell(self, name: str, state: State, **news: Any) -> None:
        """Write the state; what is no news stays as it was: a report wants to know how a stopped server had served."""
        before = self._states.get(name, ServerState(state=state))
        self._states[name] = before.model_copy(update={"state": state, **news})
        try:
            write_state(self._run, name, self._states[name])
        except OSError as error:
            with contextlib.suppress(OSError):  # what it says is not true any more
                self._run.server_state(name).unlink(missing_ok=True)
            raise RecordingError.of(self._run.path, error) from error

    def _stop_states(self) -> None:
        for name in self._profiles:
            if name not in self._failed:
                with contextlib.suppress(RecordingError):
                    self._tell(name, "stopped")

    def _drop_asks(self) -> None:
        for file, _ in open_asks(self._run):
            file.unlink(missing_ok=True)

    def _refuse_orders(self) -> None:
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return
            if order is not None:
                order.answer.set_exception(_ending(order.profile))


def _check_unchanged(profile: Profile, before: Served | None, now: Served) -> None:
    """A score is of one model: what answers at an address may have been exchanged meanwhile."""
    if before is None:
        return
    for name in ("model", "model_path", "build", "template_hash"):
        was, is_ = getattr(before, name), getattr(now, name)
        if was != is_:
            raise ServerError(
                f"profile {profile.name!r}: another server answers at {now.url}: its {name} was {was}, and is {is_}; "
                "begin a new run",
                mode="connection",
            )


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _as_server_error(profile: str, error: BaseException) -> ServerError:
    if isinstance(error, ServerError):
        return error
    if isinstance(error, PolecatError):
        return ServerError(str(error))
    return ServerError(failure(f"profile {profile!r}: its launcher", error))


def _ending(profile: str) -> ServerError:
    return ServerError(f"profile {profile!r}: the model server was stopped, because the session ends")
