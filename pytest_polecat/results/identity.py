"""The identity of a run, gathered when it starts and completed when it ends."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import pytest_polecat
from pytest_polecat.asking.asker import WeightHashes
from pytest_polecat.asking.canary import canary_request, constrained
from pytest_polecat.asking.kept import KeptReplies, reply_key
from pytest_polecat.asking.launch.devices import nvidia_devices
from pytest_polecat.asking.profile_text import without_secrets
from pytest_polecat.asking.profiles import fingerprint
from pytest_polecat.records.attempt import Case
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import content_hash
from pytest_polecat.records.run import Host, ProfileRun, Run, Served, SuiteRun
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
    weights: Mapping[str, WeightHashes],
) -> Run:
    """The identity as known before the first question; `weights` are the hashes of each profile's weights."""
    selection = run.selection()
    return Run(
        id=run.id,
        started=_now(),
        command=("pytest", *(str(arg) for arg in config.invocation_params.args)),
        host=_host(),
        seed=seed,
        epochs=epochs,
        concurrency=max((profile.parallel for profile in profiles.values()), default=None),
        selected=len(cases),
        deselected=selection.get("deselected", 0),
        profiles={
            name: ProfileRun(profile=without_secrets(each), hash=fingerprint(each, weights.get(name)))
            for name, each in profiles.items()
        },
        suites=_suites(run.questions().values(), cases),
        extra={"workers": workers},
    )


def finished(identity: Run, run: RunDir, *, interrupted: bool) -> Run:
    """The identity completed with how each profile was served."""
    profiles = {name: _served(each, run) for name, each in identity.profiles.items()}
    status = "interrupted" if interrupted else "finished"
    return identity.model_copy(
        update={"status": status, "finished": _now(), "profiles": profiles, "sandbox": run.sandbox()}
    )


def _served(profile: ProfileRun, run: RunDir) -> ProfileRun:
    try:
        state: dict[str, Any] = json.loads(run.server_state(profile.profile.name).read_bytes())
        served = Served.model_validate(state["served"]) if state.get("served") else None
    except (OSError, ValueError, ValidationError):
        return profile
    if served is not None:
        served = served.model_copy(update={"constrains": _constrains(profile, run)})
    return profile.model_copy(update={"served": served, "error": state.get("message") or None})


def _constrains(profile: ProfileRun, run: RunDir) -> bool | None:
    reply = KeptReplies(run).get(reply_key(profile.hash, canary_request(profile.profile)))
    return None if reply is None else constrained(reply)


def _suites(questions: Iterable[dict[str, Any]], cases: Sequence[Case]) -> dict[str, SuiteRun]:
    points = {(case.suite, case.question): case.points for case in cases}
    suites: dict[str, SuiteRun] = {}
    hashes: dict[str, list[str]] = {}
    for line in questions:
        name = line["suite"]
        hashes.setdefault(name, []).append(line["hash"])
        suites[name] = SuiteRun(
            suite=name,
            version=str(line["version"]),
            licence=line["licence"],
            file=line["file"],
            hash=content_hash(sorted(hashes[name])),
            questions=len(hashes[name]),
            points=sum(value for (suite, _), value in points.items() if suite == name),
        )
    return suites


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
