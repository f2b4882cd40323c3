"""A server that runs already, at a profile's `url`: reached, recognised, and made to load the model.

Behind one address there may be many models: llama-server's own router, or llama-swap. Both load a model when it is
asked for first, which takes minutes, and tell of it only then.
"""

import threading
import time
from concurrent.futures import Future, wait
from typing import Literal

import httpx

from pytest_polecat.asking.launch.answers import Answers, http_client
from pytest_polecat.asking.launch.served import warm_up
from pytest_polecat.asking.secrets import safe_text, safe_url
from pytest_polecat.asking.tables import nearest
from pytest_polecat.errors import ServerError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Served

REACH_WITHIN = 5.0
"""Seconds for which a server of the user's own is tried again when nobody listens: it may be restarting."""

_PAUSE = 0.2

_Kind = Literal["single", "router", "llama-swap"]


def describe_external(profile: Profile, give_up: threading.Event | None = None) -> Served:
    """The record of the server at `profile.url`, which runs already.

    Waits `profile.ready_timeout` while it says that it is loading, or until `give_up` is set. Raises `ServerError`
    (mode `connection`) when it can't be reached, refuses the key, or has no such model.
    """
    url = (profile.url or "").rstrip("/")
    give_up = give_up or threading.Event()
    with http_client(profile, url) as client:
        _wait_for(profile, client, url, give_up)
        answers = Answers.of_single(client, url)
        kind = _kind(answers)
        if kind != "single":
            model = _routed_model(profile, answers, kind)
            _load(profile, url, model, give_up)
            answers = Answers.of_routed(client, url, model, kind)
    served = answers.served(profile, url)
    return served.model_copy(update={"notes": tuple(_notes(profile, served))})


def _notes(profile: Profile, served: Served) -> list[str]:
    notes = []
    if served.slots and served.slots < profile.parallel:
        notes.append(
            f"the server has {served.slots} slots: of `parallel` = {profile.parallel} requests, some queue there"
        )
    if profile.model and served.model and served.model != profile.model:
        notes.append(
            f"the server calls its model {served.model!r}, the profile {profile.model!r}: whose number is this?"
        )
    return notes


def _kind(answers: Answers) -> _Kind:
    if any(model.get("owned_by") == "llama-swap" for model in answers.models):
        return "llama-swap"
    if any(isinstance(model.get("status"), dict) for model in answers.models):
        return "router"
    return "single"


def _routed_model(profile: Profile, answers: Answers, kind: _Kind) -> str:
    names = [str(model.get("id")) for model in answers.models]
    if profile.model and (profile.model in names or kind == "llama-swap"):
        # llama-swap knows aliases that it does not list.
        return profile.model
    near = nearest(profile.model or "", names) or names[:5]
    wrong = f"has no model {profile.model!r}" if profile.model else "serves several models"
    place = f"the {kind} at {safe_url(profile.url or '')}"
    mend = f"set `model` to one of: {', '.join(near)}"
    raise ServerError(f"profile {profile.name!r}: {place} {wrong}; {mend}", mode="connection")


def _load(profile: Profile, url: str, model: str, give_up: threading.Event) -> None:
    """Ask for the model, so that it is loaded; who gives up does not wait for that."""
    loading: Future[None] = Future()

    def ask() -> None:
        try:
            warm_up(profile, url, model)
        except BaseException as error:
            loading.set_exception(error)
        else:
            loading.set_result(None)

    threading.Thread(target=ask, name="polecat-first-request", daemon=True).start()
    while not wait([loading], _PAUSE).done:
        if give_up.is_set():
            raise ServerError(f"profile {profile.name!r}: {safe_url(url)} is still loading {model}", mode="connection")
    loading.result()


def _wait_for(profile: Profile, client: httpx.Client, url: str, give_up: threading.Event) -> None:
    start = time.monotonic()
    while True:
        trouble, patience = _trouble(client, url, profile.ready_timeout)
        if not trouble:
            return
        if time.monotonic() - start >= patience or give_up.wait(_PAUSE):
            raise ServerError(f"profile {profile.name!r}: {safe_url(url)} {trouble}", mode="connection")


def _trouble(client: httpx.Client, url: str, ready_timeout: float) -> tuple[str, float]:
    """What is wrong with the server, empty if nothing, and the seconds for which to try again."""
    try:
        status = client.get(url + "/models").status_code
    except httpx.TimeoutException:
        return "does not answer; check `url` and the server", REACH_WITHIN
    except httpx.HTTPError as error:
        return f"can't be reached ({safe_text(str(error))}); start the server, or correct `url`", REACH_WITHIN
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return f"refuses the API key (HTTP {status}); set `key_env` to the variable that holds it", 0
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return "is still loading; raise `ready_timeout`", ready_timeout
    # Not every API lists its models: any other answer shows that somebody is there.
    return "", 0
