"""Runs that are killed again and again: `POLECAT_SOAK_ROUNDS` of them (3 unless set; `make soak` sets 100).

`POLECAT_SOAK_SEED` draws the moments of an earlier soak again; without it they are new each time.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec

import pytest

from tests.fake_server import FakeServer
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture
from tests.soak.material import Answers, write_questions
from tests.soak.rounds import Calm, Ground, disturb

ROUNDS = int(os.environ.get("POLECAT_SOAK_ROUNDS", "3"))
_PROFILES = ("fake", "demo") if find_spec("xllamacpp") else ("fake",)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(latency=0.1, replies=Answers()) as server:
        yield server


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest) -> str | None:
    """The image of sandboxes; None where Docker does not answer."""
    try:
        return str(request.getfixturevalue("host_image"))
    except pytest.skip.Exception:
        return None


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, image: str | None, server: FakeServer
) -> Callable[[str, bool], Ground]:
    """Makes the ground of a round, given its profile and whether there are workers."""

    def make(profile: str, workers: bool) -> Ground:
        folder = tmp_path_factory.mktemp(profile)
        write_questions(folder, sandbox=image is not None)
        (folder / "polecat.toml").write_text(f'[profiles.fake]\nurl = "{server.url}"\nmodel = "fake"\nparallel = 4\n')
        return Ground(folder, profile, image, server, workers)

    return make


@pytest.fixture(scope="module")
def calm(ground: Callable[[str, bool], Ground]) -> Callable[[str, bool], Calm]:
    """The undisturbed run of such a ground."""
    return cache(lambda profile, workers: ground(profile, workers).calm())


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_that_is_killed_and_resumed_is_as_if_nothing_had_happened(
    number: int, ground: Callable[[str, bool], Ground], calm: Callable[[str, bool], Calm]
) -> None:
    seed = int(os.environ.get("POLECAT_SOAK_SEED") or secrets.randbelow(10**6))
    sys.stdout.write(f"POLECAT_SOAK_SEED={seed}\n")
    profile, workers = _PROFILES[number % len(_PROFILES)], (number + number // 2) % 2 == 1
    place = ground(profile, workers)
    disturb(place, calm(profile, workers), random.Random(f"{seed} {number}"))
    sys.stdout.write(f"{profile}{' -n2' if workers else ''}: killed {', '.join(place.kills)}\n")
