"""The options and ini keys of polecat. Imported by every pytest run, so nothing else stands here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


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
    option("--polecat-epochs", metavar="N", type=_at_least(1), help="Ask every question N times (default: 1)")
    option("--polecat-limit", metavar="N", type=_at_least(1), help="Ask the first N questions of each suite only")
    option("--polecat-sample", metavar="N", type=_at_least(1), help="Ask N questions of each suite, drawn by the seed")
    option(
        "--polecat-seed",
        metavar="N",
        type=_at_least(0),
        help="Seed of the first epoch, the next ones count up, and of --polecat-sample (default: 0)",
    )
    option("--polecat-runs", metavar="DIR", help="Folder to keep runs in (default: polecat-runs)")
    option(
        "--polecat-resume",
        metavar="RUN",
        nargs="?",
        const="",
        help="Go on with a run that did not come to its end, given its own command: what is finished is not asked "
        "again (default: the newest run of the same models)",
    )
    option(
        "--polecat-replay",
        metavar="RUN",
        help="Grade the kept replies of a run anew, in a new run and without any model",
    )
    option(
        "--polecat-llama-server",
        metavar="FILE",
        help="The llama-server (or llama) program that profiles start (default: $POLECAT_LLAMA_SERVER, else on PATH)",
    )
    option(
        "--polecat-sandbox",
        choices=("docker", "process"),
        default="docker",
        help="What a model's code runs in. `process` is UNSAFE, no isolation at all, and takes "
        "POLECAT_UNSAFE_PROCESS_SANDBOX=1 in the environment as well (default: docker)",
    )
    option(
        "--polecat-sandbox-image",
        metavar="IMAGE",
        help="The image that candidates run in (default: the one that `polecat sandbox build` makes)",
    )
    option("--polecat-sandbox-runtime", metavar="NAME", help="The container runtime, such as runsc (default: Docker's)")
    option(
        "--polecat-allow-unproven",
        action="store_true",
        help="Ask questions that no self-test has proven, too; the report names them",
    )
    option("--polecat-config", metavar="FILE", help="The polecat.toml to use (default: searched upward from here)")
    option(
        "--polecat-selftest",
        action="store_true",
        help="Check suites instead of models: reference answers must earn every point, wrong and empty ones "
        "and an echo of the prompt none",
    )
    parser.addini("polecat_model", "Profiles to ask when --polecat-model is not given", type="args", default=[])
    parser.addini("polecat_allow_unproven", "Whether unproven questions may be asked", type="bool", default=False)
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


_USING = ("polecat_model", "polecat_suite", "polecat_selftest", "polecat_resume", "polecat_replay")


def used(config: pytest.Config) -> bool:
    """Whether the user asked for anything that concerns polecat before tests are collected."""
    given = (config.getoption(name) for name in _USING)
    return any(value not in (None, False, []) for value in given) or bool(config.getini("polecat_model"))
