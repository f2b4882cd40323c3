"""The options of a run, read once: command line and ini keys become one frozen `Settings`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.errors import PolecatError
from pytest_polecat.records.run import Run
from pytest_polecat.rundir import RunDir


@dataclass(frozen=True)
class Replay:
    """A run whose kept replies are graded anew, and its identity."""

    source: RunDir
    run: Run

    def models(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The profiles to grade: those wanted, else all of the run's. A usage error for one that it never asked."""
        for name in wanted:
            if name not in self.run.profiles:
                known = ", ".join(self.run.profiles)
                raise pytest.UsageError(f"--polecat-replay: the run {self.run.id} asked {known}, and never {name}")
        return wanted or tuple(self.run.profiles)


@dataclass(frozen=True)
class Settings:
    """What the user asked for.

    `models` and `suites` are names as given. `limit` takes the first questions of each suite, `sample` draws that many
    of each suite with `seed`. `runs` is the folder that run folders are made in. `resume` is the run to go on with,
    empty for the newest; `path` is what stood behind a bare --polecat-resume and is a path of tests. `replay` is the
    run whose replies are graded anew, with its identity. `config` is the polecat.toml named by the user, if any;
    `llama_server` the program named by the user. `allow_unproven` lets questions be asked that no self-test has proven.
    """

    models: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    epochs: int = 1
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    runs: Path = Path("polecat-runs")
    resume: str | None = None
    path: str | None = None
    replay: Replay | None = None
    config: Path | None = None
    llama_server: str | None = None
    selftest: bool = False
    allow_unproven: bool = False

    @classmethod
    def from_config(cls, config: pytest.Config) -> Settings:
        """Read the options of a pytest run; a bad value is a usage error that names the option."""
        option = config.getoption
        models = tuple(dict.fromkeys(option("polecat_model") or config.getini("polecat_model")))
        selftest = bool(option("polecat_selftest"))
        runs = config.invocation_params.dir / Path(option("polecat_runs") or config.getini("polecat_runs")).expanduser()
        resume, path = _resume(option("polecat_resume"), runs, config.invocation_params.dir)
        replay = _replay(option("polecat_replay"), runs)
        _check_against_each_other(config, models, selftest=selftest)
        if replay is not None:
            models = replay.models(models)
        return cls(
            models=() if selftest else models,
            suites=tuple(option("polecat_suite")),
            epochs=option("polecat_epochs") or (replay.run.epochs if replay else 1),
            limit=option("polecat_limit"),
            sample=option("polecat_sample"),
            seed=next(filter(_given, (option("polecat_seed"), replay and replay.run.seed)), 0),
            runs=runs,
            resume=resume,
            path=path,
            replay=replay,
            config=_existing_file(config, option("polecat_config")),
            llama_server=option("polecat_llama_server"),
            selftest=selftest,
            allow_unproven=bool(option("polecat_allow_unproven") or config.getini("polecat_allow_unproven")),
        )

    @property
    def asks(self) -> bool:
        """Whether questions will be asked at all."""
        return bool(self.models) or self.selftest


def _given(value: int | None) -> bool:
    return value is not None


def _check_against_each_other(config: pytest.Config, models: tuple[str, ...], *, selftest: bool) -> None:
    resume, replay = config.getoption("polecat_resume"), config.getoption("polecat_replay")
    if selftest and config.getoption("polecat_model"):
        raise pytest.UsageError("--polecat-selftest needs no model: it answers itself; drop --polecat-model")
    if resume is not None and replay is not None:
        raise pytest.UsageError(
            "--polecat-resume goes on with a run, --polecat-replay begins a new one; drop one of them"
        )
    if selftest and (resume is not None or replay is not None):
        raise pytest.UsageError("--polecat-selftest keeps no run; drop --polecat-resume and --polecat-replay")
    if resume is not None and not models:
        raise pytest.UsageError("--polecat-resume goes with the run's own command; add its --polecat-model")


def _resume(value: str | None, runs: Path, start: Path) -> tuple[str | None, str | None]:
    """The run to go on with, and the path that argparse took for it."""
    if not value or any((folder / "run.json").is_file() for folder in (runs / value, start / value)):
        return value, None
    if (start / value.partition("::")[0]).exists():
        return "", value
    raise pytest.UsageError(
        f"--polecat-resume: there is no run {value!r}, neither in {runs} nor as a folder of its own"
    )


def _replay(name: str | None, runs: Path) -> Replay | None:
    if name is None:
        return None
    try:
        source = RunDir.found(runs, name)
        return Replay(source, source.read_run())
    except PolecatError as error:
        raise pytest.UsageError(f"--polecat-replay: {error}") from None


def _existing_file(config: pytest.Config, value: Any) -> Path | None:
    if value is None:
        return None
    file: Path = config.invocation_params.dir / value
    if not file.is_file():
        raise pytest.UsageError(f"--polecat-config: there is no file {file}")
    return file
