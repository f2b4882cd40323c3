"""The options of a run, read once: command line and ini keys become one frozen `Settings`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Settings:
    """What the user asked for.

    `models` and `suites` are names as given. `limit` takes the first questions of each suite, `sample` draws that many
    of each suite with `seed`. `runs` is the folder that run folders are made in. `config` is the polecat.toml named by
    the user, if any; `llama_server` the program named by the user.
    """

    models: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    epochs: int = 1
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    runs: Path = Path("polecat-runs")
    config: Path | None = None
    llama_server: str | None = None
    selftest: bool = False

    @classmethod
    def from_config(cls, config: pytest.Config) -> Settings:
        """Read the options of a pytest run; a bad value is a usage error that names the option."""
        option = config.getoption
        models = tuple(dict.fromkeys(option("polecat_model") or config.getini("polecat_model")))
        selftest = bool(option("polecat_selftest"))
        if selftest and option("polecat_model"):
            raise pytest.UsageError("--polecat-selftest needs no model: it answers itself; drop --polecat-model")
        runs = option("polecat_runs") or config.getini("polecat_runs")
        return cls(
            models=() if selftest else models,
            suites=tuple(option("polecat_suite")),
            epochs=option("polecat_epochs"),
            limit=option("polecat_limit"),
            sample=option("polecat_sample"),
            seed=option("polecat_seed"),
            runs=config.invocation_params.dir / runs,
            config=_existing_file(config, option("polecat_config")),
            llama_server=option("polecat_llama_server"),
            selftest=selftest,
        )

    @property
    def asks(self) -> bool:
        """Whether questions will be asked at all."""
        return bool(self.models) or self.selftest


def _existing_file(config: pytest.Config, value: Any) -> Path | None:
    if value is None:
        return None
    file: Path = config.invocation_params.dir / value
    if not file.is_file():
        raise pytest.UsageError(f"--polecat-config: there is no file {file}")
    return file
