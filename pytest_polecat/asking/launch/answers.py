"""What a server tells of itself: `/props`, `/slots` and `/v1/models` of llama.cpp's server.

Other servers lack the first two, or all three: what they don't say stays unknown.
"""

from typing import Any, Self
from urllib.parse import quote

import httpx

from pytest_polecat.asking.apis import auth_headers
from pytest_polecat.asking.launch.process import root_of
from pytest_polecat.asking.profiles import api_key
from pytest_polecat.asking.secrets import HIDDEN, safe_url
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.request import Sampling
from pytest_polecat.records.run import Served
from pytest_polecat.records.text import template_hash

_SHORTEST_SECRET = 8
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_SAMPLING = tuple(name for name in Sampling.model_fields if name not in ("stop", "extra"))


def http_client(profile: Profile, url: str, timeout: float = 10) -> httpx.Client:
    """A client for a server's API, with the profile's key. A proxy from the environment is for other machines."""
    headers = auth_headers(profile.api, api_key(profile))
    return httpx.Client(headers=headers, timeout=timeout, trust_env=httpx.URL(url).host not in _THIS_MACHINE)


def without_key(profile: Profile, text: str) -> str:
    """A text of the server's without the key that it may quote."""
    key = api_key(profile) or ""
    return text.replace(key, HIDDEN) if len(key) >= _SHORTEST_SECRET else text


class Answers:
    """The documents of one server; an empty one for each that it lacks."""

    def __init__(self, props: object, slots: object, models: object) -> None:
        self.props = _dict(props)
        self.slots = _list(slots)
        self.models = _list(_dict(models).get("data"))

    @classmethod
    def of_single(cls, client: httpx.Client, url: str) -> Self:
        """Of a server that serves one model."""
        root = root_of(url)
        return cls(_get(client, root + "/props"), _get(client, root + "/slots"), _get(client, url + "/models"))

    @classmethod
    def of_routed(cls, client: httpx.Client, url: str, model: str, by: str) -> Self:
        """Of one model behind a router: llama-server's own, or llama-swap (`by` its name)."""
        root = root_of(url)
        name = quote(model, safe="")
        if by == "llama-swap":
            props, slots = (f"{root}/upstream/{quote(model)}/{document}" for document in ("props", "slots"))
        else:
            props, slots = (f"{root}/{document}?model={name}" for document in ("props", "slots"))
        return cls(_get(client, props), _get(client, slots), _get(client, url + "/models"))

    @property
    def speculative(self) -> bool | None:
        """Whether speculation is on."""
        return bool(self.slots[0]["speculative"]) if self.slots and "speculative" in self.slots[0] else None

    def served(self, profile: Profile, url: str) -> Served:
        """All of it as a record."""
        template = self.props.get("chat_template")
        return Served(
            launcher=profile.launcher_name,
            url=safe_url(url),
            build=_text(self.props.get("build_info")),
            model=self._model(profile),
            model_path=_text(self.props.get("model_path")),
            slots=_count(self.props.get("total_slots")) or len(self.slots) or None,
            n_ctx=self._n_ctx(),
            speculative=self.speculative,
            template_hash=template_hash(template) if isinstance(template, str) else None,
            modalities=self._modalities(),
            sampling=self._sampling(profile),
        )

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

    def _sampling(self, profile: Profile) -> dict[str, Any]:
        """The profile's parameters over the server's own defaults."""
        settings = _dict(_dict(self.props.get("default_generation_settings")).get("params"))
        # The server counts in 32 bits: 0.8 is 0.800000011920929 there.
        defaults = {name: _rounded(settings[name]) for name in _SAMPLING if isinstance(settings.get(name), int | float)}
        # -1: as many tokens as the context holds.
        defaults = {name: value for name, value in defaults.items() if name != "max_tokens" or value > 0}
        return {**defaults, **profile.sampling.fields()}


def _get(client: httpx.Client, url: str) -> object:
    try:
        response = client.get(url)
        return response.json() if response.is_success else None
    except (httpx.HTTPError, ValueError):
        return None


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
