"""What a server that is ready says about itself: `/props`, `/slots` and `/v1/models` of llama.cpp's server.

Other servers lack the first two, or all three: what they don't say stays unknown.
"""

import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.launch.process import root_of
from pytest_polecat.asking.profiles import api_key
from pytest_polecat.errors import ServerError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Served, Weights

REACH_WITHIN = 5.0
"""Seconds for which a server of the user's own is tried again when nobody listens: it may be restarting."""

_PAUSE = 0.2
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def describe(profile: Profile, launch: Launch, ready_seconds: float) -> Served:
    """The record of a server that we launched.

    Raises `ServerError` when it is not what the profile asks for: other weights than requested (a stale server got
    our port), or speculation that was silently left off although the profile has a `draft`.
    """
    answers = _Answers(launch.url, api_key(profile))
    served = answers.served(profile, launch.url).model_copy(
        update={"command": launch.shown, "ready_seconds": round(ready_seconds, 3)}
    )
    if launch.build:
        served = served.model_copy(update={"build": launch.build})
    if launch.model_path:
        _verify_model(profile, launch.model_path, served.model_path)
        size = launch.model_path.stat().st_size
        served = served.model_copy(update={"weights": Weights(path=str(launch.model_path), size=size)})
    if profile.draft and answers.speculative is False:
        raise ServerError(
            f"profile {profile.name!r}: the server left speculation off although `draft` is set: "
            "its vocabulary does not fit the model's, or `spec-type` is missing; the server's log tells more"
        )
    return served


def describe_external(profile: Profile, give_up: threading.Event | None = None) -> Served:
    """The record of the server at `profile.url`, which runs already.

    Waits `profile.ready_timeout` while it says that it is loading, or until `give_up` is set. Raises `ServerError`
    (mode `connection`) when it can't be reached or refuses the key.
    """
    url = (profile.url or "").rstrip("/")
    key = api_key(profile)
    _wait_for(profile, url, key, give_up or threading.Event())
    return _Answers(url, key).served(profile, url)


def _wait_for(profile: Profile, url: str, key: str | None, give_up: threading.Event) -> None:
    start = time.monotonic()
    with _client(url, key) as client:
        while True:
            trouble, patience = _trouble(client, url, profile.ready_timeout)
            if not trouble:
                return
            if time.monotonic() - start >= patience or give_up.wait(_PAUSE):
                raise ServerError(f"profile {profile.name!r}: {url} {trouble}", mode="connection")


def _trouble(client: httpx.Client, url: str, ready_timeout: float) -> tuple[str, float]:
    """What is wrong with the server, empty if nothing, and the seconds for which to try again."""
    try:
        status = client.get(url + "/models").status_code
    except httpx.TimeoutException:
        return "does not answer; check `url` and the server", REACH_WITHIN
    except httpx.HTTPError as error:
        return f"can't be reached ({error}); start the server, or correct `url`", REACH_WITHIN
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return f"refuses the API key (HTTP {status}); set `key_env` to the variable that holds it", 0
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return "is still loading; raise `ready_timeout`", ready_timeout
    # Not every API lists its models: any other answer shows that somebody is there.
    return "", 0


def _client(url: str, key: str | None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # A proxy from the environment is for other machines.
    return httpx.Client(headers=headers, timeout=10, trust_env=httpx.URL(url).host not in _THIS_MACHINE)


class _Answers:
    """The three documents of one server; an empty object for each that it lacks."""

    def __init__(self, url: str, key: str | None) -> None:
        root = root_of(url)
        with _client(url, key) as client:
            self.props = _dict(_get(client, root + "/props"))
            self.slots = _list(_get(client, root + "/slots"))
            self.models = _list(_dict(_get(client, url.rstrip("/") + "/models")).get("data"))

    def served(self, profile: Profile, url: str) -> Served:
        template = self.props.get("chat_template")
        return Served(
            launcher=profile.launcher_name,
            url=url,
            build=_text(self.props.get("build_info")),
            model=self._model(profile),
            model_path=_text(self.props.get("model_path")),
            slots=_count(self.props.get("total_slots")) or len(self.slots) or None,
            n_ctx=self._n_ctx(),
            template_hash=hashlib.sha256(template.encode()).hexdigest()[:16] if isinstance(template, str) else None,
            modalities=self._modalities(),
        )

    @property
    def speculative(self) -> bool | None:
        return bool(self.slots[0]["speculative"]) if self.slots and "speculative" in self.slots[0] else None

    def _model(self, profile: Profile) -> str | None:
        """The name to ask by: a server of many models is asked for the profile's, one of a single model by its own."""
        ids = [_text(model.get("id")) for model in self.models]
        if profile.url and profile.model and (profile.model in ids or len(ids) != 1):
            return profile.model
        return _text(self.props.get("model_alias")) or (ids[0] if len(ids) == 1 else None)

    def _n_ctx(self) -> int | None:
        settings = _dict(self.props.get("default_generation_settings"))
        return _count(settings.get("n_ctx")) or (_count(self.slots[0].get("n_ctx")) if self.slots else None)

    def _modalities(self) -> tuple[str, ...]:
        """What may be put into a message, text included; empty when the server doesn't say."""
        told = self.props.get("modalities")
        return ("text", *(name for name, able in told.items() if able is True)) if isinstance(told, dict) else ()


def _verify_model(profile: Profile, requested: Path, reported: str | None) -> None:
    if reported is not None and Path(reported).resolve() != requested.resolve():
        raise ServerError(
            f"profile {profile.name!r}: the server at its port serves {reported}, not {requested}: "
            "another server has the port; stop it"
        )


def _get(client: httpx.Client, url: str) -> object:
    try:
        response = client.get(url)
        return response.json() if response.is_success else None
    except (httpx.HTTPError, ValueError):
        return None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
