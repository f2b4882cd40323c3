"""The identity of a run, gathered when it starts and completed when it ends."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import pytest_polecat
from pytest_polecat.asking.canary import canary_request, constrained
from pytest_polecat.asking.identities import Identities
from pytest_polecat.asking.kept import KeptReplies, reply_key
from pytest_polecat.asking.launch.devices import nvidia_devices
from pytest_polecat.asking.launch.state import read_state
from pytest_polecat.asking.profile_text import without_secrets
from pytest_polecat.records.attempt import Case
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import content_hash
from pytest_polecat.records.run import Host, ProfileRun, Resumption, Run, SuiteRun
from pytest_polecat.rundir import RunDir


def started(
    run: RunDir,
    config: pytest.Config,
    profiles: Mapping[str, Profile],
    cases: Sequence[Case],
    *,
    seed: int,
    epochs: int,
    workers: int,
    identities: Identities,
) -> Run:
    """The identity as known before the first question."""
    selection = run.selection()
    return Run(
        id=run.id,
        started=_now(),
        command=_command(config),
        host=_host(),
        seed=seed,
        epochs=epochs,
        concurrency=max((profile.parallel for profile in profiles.values()), default=None),
        selected=len(cases),
        deselected=selection.get("deselected", 0),
        profiles={
            name: ProfileRun(
                profile=without_secrets(each),
                hash=identities.hashes[name],
                weights=dict(identities.weights.get(name, {})),
            )
            for name, each in profiles.items()
        },
        suites=_suites(run.question_lines(), cases),
        extra={"workers": workers},
    )


def resumed(identity: Run, before: Run, run: RunDir, *, finished: int, changes: Sequence[str]) -> Run:
    """The identity of a run that goes on: that of its first session, with what is known anew.

    `before` is how an earlier session left it; where a profile is still the same, so is how it was served.
    """
    profiles = {
        name: _served(was, run) if (was := before.profiles.get(name)) and was.hash == each.hash else each
        for name, each in identity.profiles.items()
    }
    session = Resumption(started=identity.started, command=identity.command, finished=finished, changes=tuple(changes))
    return identity.model_copy(
        update={
            "started": before.started,
            "command": before.command,
            "profiles": profiles,
            "resumptions": (*before.resumptions, session),
        }
    )


def replayed(identity: Run, source: Run) -> Run:
    """The identity of a run that grades the replies of another: its models were served as they were there."""
    profiles = {name: source.profiles[name] for name in identity.profiles}
    return identity.model_copy(update={"profiles": profiles, "replay_of": source.id})


def served_differently(before: Run, now: Run) -> list[str]:
    """Sentences about servers that are not what they were in an earlier session of the same run."""
    sentences = []
    for name, each in now.profiles.items():
        was = before.profiles[name].served if name in before.profiles else None
        if was is None or each.served is None:
            continue
        for key in ("build", "model", "template_hash", "n_ctx", "slots"):
            old, new = getattr(was, key), getattr(each.served, key)
            if old != new:
                sentences.append(
                    f"{name}: the server's {key} was {old} in an earlier session of this run, and is {new}"
                )
    return sentences


def _command(config: pytest.Config) -> tuple[str, ...]:
    return ("pytest", *(str(arg) for arg in config.invocation_params.args))


def finished(identity: Run, run: RunDir, *, interrupted: bool) -> Run:
    """The identity completed with how each profile was served."""
    profiles = {name: _served(each, run) for name, each in identity.profiles.items()}
    status = "interrupted" if interrupted else "finished"
    return identity.model_copy(
        update={"status": status, "finished": _now(), "profiles": profiles, "sandbox": run.sandbox()}
    )


def _served(profile: ProfileRun, run: RunDir) -> ProfileRun:
    state = read_state(run, profile.profile.name)
    if state is None:
        return profile
    served = state.served
    if served is not None:
        served = served.model_copy(update={"constrains": _constrains(profile, run)})
    return profile.model_copy(update={"served": served or profile.served, "error": state.message or None})


def _constrains(profile: ProfileRun, run: RunDir) -> bool | None:
    reply = KeptReplies(run).get(reply_key(profile.hash, canary_request(profile.profile)))
    return None if reply is None else constrained(reply)


def _suites(questions: Iterable[dict[str, Any]], cases: Sequence[Case]) -> dict[str, SuiteRun]:
    points: dict[str, dict[str, float]] = {}
    for case in cases:
        points.setdefault(case.suite, {})[case.question] = case.points
    hashes: dict[str, list[str]] = {}
    suites: dict[str, SuiteRun] = {}
    unproven: dict[str, list[str]] = {}
    for line in questions:
        name = line["suite"]
        hashes.setdefault(name, []).append(line["hash"])
        if line.get("unproven"):
            unproven.setdefault(name, []).append(line["question"]["id"])
        if name not in suites:
            version, licence = str(line["version"]), line["licence"]
            suites[name] = SuiteRun(suite=name, version=version, licence=licence, file=line["file"])
    return {
        name: suite.model_copy(
            update={
                "hash": content_hash(sorted(hashes[name])),
                "questions": len(hashes[name]),
                "points": sum(points.get(name, {}).values()),
                "unproven": tuple(unproven.get(name, ())),
            }
        )
        for name, suite in suites.items()
    }


def _host() -> Host:
    return Host(
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        processor=_processor(),
        cores=os.cpu_count(),
        memory=_memory(),
        accelerators=nvidia_devices(),
        python=platform.python_version(),
        pytest=pytest.__version__,
        polecat=pytest_polecat.__version__,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="seconds")
