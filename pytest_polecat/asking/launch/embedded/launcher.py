"""The launcher `embedded`: the llama.cpp server inside the xllamacpp wheel, in a process of its own.

Nothing to build or install beyond `pip install 'pytest-polecat[embedded]'`. It is the same server with the same API,
but it takes parameters instead of a command line: see `embedded.flags`.
"""

import importlib.metadata
import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pydantic import JsonValue

from pytest_polecat.asking.launch.base import Launch, find_file, server_environment
from pytest_polecat.asking.launch.embedded.flags import BadFlagError, parameters
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

_CONTEXT_PER_SLOT = 4096
_MODULE = "pytest_polecat.asking.launch.embedded.server"


class EmbeddedLauncher:
    """Starts the server of the xllamacpp wheel."""

    name = "embedded"

    def check(self, profile: Profile, models_dir: Path | None) -> None:
        """The wheel must be installed, the weights be there, and every flag be one that this server takes."""
        if find_spec("xllamacpp") is None:
            raise ProfileError(
                f"profile {profile.name!r}: launcher 'embedded' needs xllamacpp; pip install 'pytest-polecat[embedded]'"
            )
        if profile.command or profile.wrapper:
            key = "command" if profile.command else "wrapper"
            raise ProfileError(
                f"profile {profile.name!r}: the embedded server has no command line, so `{key}` can't apply; "
                'write `args`, or set launcher = "binary"'
            )
        server_parameters(profile, models_dir)

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch:
        """A child process that runs the server with these parameters."""
        self.check(profile, models_dir)
        parameters = server_parameters(profile, models_dir)
        command = ("-m", _MODULE, "--port", str(port), "--params", json.dumps(parameters))
        context = parameters["n_ctx"]
        return Launch(
            # -P: a file in the current folder must not pass for a module of the server.
            argv=(sys.executable, "-P", *command),
            env=server_environment(profile),
            url=f"http://127.0.0.1:{port}/v1",
            shown=("python", *command),
            files=self.files(profile, models_dir),
            build=f"xllamacpp {importlib.metadata.version('xllamacpp')}",
            context=context // profile.parallel if isinstance(context, int) and context > 0 else None,
            speculates=bool(parameters.get("speculative.types")),
            template=str(parameters.get("chat_template") or "") or None,
        )

    def files(self, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:
        """The weights that the profile's own keys name."""
        named = ("model", *(key for key in ("draft", "mmproj") if getattr(profile, key)))
        return {key: find_file(profile, key, models_dir) for key in named}


def server_parameters(profile: Profile, models_dir: Path | None) -> dict[str, JsonValue]:
    """What the profile means for the embedded server: `{"attribute.path": value}`. Raises `ProfileError`."""
    files = {
        path: str(find_file(profile, key, models_dir))
        for key, path in (
            ("model", "model.path"),
            ("draft", "speculative.draft.mparams.path"),
            ("mmproj", "mmproj.path"),
        )
        if key == "model" or getattr(profile, key)
    }
    try:
        given = parameters(profile.args)
    except BadFlagError as error:
        raise ProfileError(f"profile {profile.name!r}: {error}") from None
    defaults: dict[str, JsonValue] = {
        "n_ctx": _CONTEXT_PER_SLOT * profile.parallel,
        # What the profile says is what is run, or nothing: the server must not fit it to the device in silence.
        "fit_params": False,
    }
    if profile.draft:
        defaults["speculative.types"] = ["COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE"]
    fixed: dict[str, JsonValue] = {
        "model_alias": [profile.name],
        "n_parallel": profile.parallel,
        "endpoint_metrics": True,
        "endpoint_slots": True,
        "ui": False,
    }
    return {**defaults, **given, **_thinking(profile, given), **files, **fixed}


def _thinking(profile: Profile, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
    parameters: dict[str, JsonValue] = {}
    enabled, budget = profile.reasoning.enabled, profile.reasoning.budget
    if enabled is not None:
        variables = given.get("default_template_kwargs")
        parameters["enable_reasoning"] = int(enabled)
        parameters["default_template_kwargs"] = {
            **(variables if isinstance(variables, dict) else {}),
            "enable_thinking": json.dumps(enabled),
        }
    if budget is not None:
        parameters["sampling.reasoning_budget_tokens"] = budget
    return parameters
