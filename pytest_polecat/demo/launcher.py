"""The launcher `demo`: builds the demo model and has the embedded launcher serve it."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
from pytest_polecat.demo.profiles import PROFILES
from pytest_polecat.errors import PolecatError, ProfileError
from pytest_polecat.records.profile import Profile

_NEEDS = ("gguf", "numpy", "xllamacpp")


class DemoLauncher:
    """Serves the demo model; `model` of the profile is `demo` or `demo-weak`."""

    name = "demo"

    def __init__(self) -> None:
        self._embedded = EmbeddedLauncher()

    def check(self, profile: Profile, models_dir: Path | None) -> None:
        """The extra `demo` must be installed, and the rest fit the embedded launcher. Builds the model."""
        missing = [module for module in _NEEDS if find_spec(module) is None]
        if missing:
            raise ProfileError(
                f"profile {profile.name!r}: launcher 'demo' needs {' and '.join(missing)}; "
                "pip install 'pytest-polecat[demo]'"
            )
        if profile.model not in PROFILES:
            raise ProfileError(
                f"profile {profile.name!r}: launcher 'demo' has no model {profile.model!r}; "
                f"set `model` to one of: {', '.join(PROFILES)}"
            )
        self._embedded.check(self._with_file(profile), models_dir)

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch:
        """The embedded server with the demo model."""
        self.check(profile, models_dir)
        return self._embedded.prepare(self._with_file(profile), models_dir, port)

    def files(self, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:
        """The demo model's file."""
        return self._embedded.files(self._with_file(profile), models_dir)

    def _with_file(self, profile: Profile) -> Profile:
        from pytest_polecat.demo.cache import demo_model

        try:
            path = demo_model(profile.model or "demo")
        except PolecatError as error:
            raise ProfileError(f"profile {profile.name!r}: {error}") from error
        return profile.model_copy(update={"model": str(path)})
