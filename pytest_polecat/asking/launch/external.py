"""The launcher `external`: a server that runs already, reached by its URL."""

from collections.abc import Mapping
from pathlib import Path

import httpx

from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.profiles import api_key
from pytest_polecat.asking.secrets import safe_url
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile


class ExternalLauncher:
    """Any OpenAI-compatible API: a llama-server of one's own, llama-swap, a router, a provider."""

    name = "external"

    def check(self, profile: Profile, models_dir: Path | None) -> None:  # noqa: ARG002 - the launcher's contract
        """The URL must be one, and the API key must be there if the profile says that one is needed."""
        if not profile.url:
            raise ProfileError(f"profile {profile.name!r}: `url` is missing; give the API's base, with its /v1")
        if not _is_http(profile.url):
            raise ProfileError(
                f"profile {profile.name!r}: `url` = {safe_url(profile.url)!r} is not an address; write http://HOST:PORT/v1"
            )
        api_key(profile)

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch | None:  # noqa: ARG002
        """Nothing to start."""
        self.check(profile, models_dir)
        return None

    def files(self, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:  # noqa: ARG002
        """None that can be looked at."""
        return {}


def _is_http(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)
