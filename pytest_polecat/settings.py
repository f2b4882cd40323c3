"""The options of a run, read once: command line and ini keys become one frozen `Settings`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Settings:
    """What the user asked for.

    `models` and `suites` are names as given. `limit` takes the first questions of each suite, `sample` draws that many
    of each suite with `seed`. `runs` is the folder that run folders are made in. `config` is the polecat.toml named by
    the user, if any.
    """

    models: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    epochs: int = 1
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    runs: Path = Path("polecat-runs")
    config: Path | None = None
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
            selftest=selftest,
        )

    @property
    def asks(self) -> bool:
        """Whether questions will be asked at all."""
        return bool(self.models) or self.selftest


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and ini key of polecat."""
    group = parser.getgroup("polecat", "evaluation of language models")
    option = group.addoption
    option(
        "--polecat-model",
        metavar="NAME",
        action="append",
        default=[],
        help="Profile of the model to ask, from polecat.toml or built in (demo, demo-weak); repeatable. "
        "Without a path or --polecat-suite, the bundled quality suites are asked",
    )
    option(
        "--polecat-suite",
        metavar="NAME",
        action="append",
        default=[],
        help="Suite to ask: a bundled one, one that an installed package brings, or a path; repeatable",
    )
    option("--polecat-epochs", metavar="N", type=_at_least(1), default=1, help="Ask every question N times")
    option("--polecat-limit", metavar="N", type=_at_least(1), help="Ask the first N questions of each suite only")
    option("--polecat-sample", metavar="N", type=_at_least(1), help="Ask N questions of each suite, drawn by the seed")
    option(
        "--polecat-seed",
        metavar="N",
        type=_at_least(0),
        default=0,
        help="Seed of the first epoch, the next ones count up, and of --polecat-sample (default: 0)",
    )
    option("--polecat-runs", metavar="DIR", help="Folder to keep runs in (default: polecat-runs)")
    option("--polecat-config", metavar="FILE", help="The polecat.toml to use (default: searched upward from here)")
    option(
        "--polecat-selftest",
        action="store_true",
        help="Check suites instead of models: reference answers must earn every point, wrong and empty ones "
        "and an echo of the prompt none",
    )
    parser.addini("polecat_model", "Profiles to ask when --polecat-model is not given", type="args", default=[])
    parser.addini("polecat_runs", "Folder to keep runs in, relative to the current one", default="polecat-runs")


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            import argparse

            raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
        return value

    number.__name__ = "number"
    return number


def _existing_file(config: pytest.Config, value: Any) -> Path | None:
    if value is None:
        return None
    file: Path = config.invocation_params.dir / value
    if not file.is_file():
        raise pytest.UsageError(f"--polecat-config: there is no file {file}")
    return file
