"""The accelerators by `nvidia-smi`, and waiting until the memory of the server before is free again."""

import threading
from functools import partial
from pathlib import Path

import pytest

from pytest_polecat.asking.launch import keeper
from pytest_polecat.asking.launch.devices import nvidia_devices, wait_released
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
from pytest_polecat.asking.launch.keeper import Servers
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Device
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import marked_processes

MIB = 2**20
TWO = "NVIDIA H200, 143771, 143100, 570.86.15\nNVIDIA GeForce RTX 3060, 12288, 11000, 570.86.15\n"
BUSY = TWO.replace("143100", "100000")
NEVER = threading.Event()


class Card:
    """A `nvidia-smi` on the PATH, which prints `answer`; it writes down what it was asked."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._answer, self._asked = folder / "answer", folder / "asked"
        program = folder / "nvidia-smi"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self._asked}\nexec cat {self._answer}\n', encoding="utf-8")
        program.chmod(0o755)

    def says(self, answer: str) -> None:
        self._answer.write_text(answer, encoding="utf-8")

    @property
    def asked(self) -> list[str]:
        return self._asked.read_text(encoding="utf-8").splitlines() if self._asked.exists() else []


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    made = Card(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return made


def device(free: int | None, name: str = "CUDA0", memory: int | None = 1000 * MIB) -> tuple[Device, ...]:
    return (Device(name=name, memory=memory, free=free),)


def test_the_devices_are_told_with_their_memory_in_bytes(card: Card) -> None:
    card.says(TWO)
    assert nvidia_devices() == (
        Device(name="CUDA0", description="NVIDIA H200", memory=143771 * MIB, free=143100 * MIB, driver="570.86.15"),
        Device(
            name="CUDA1",
            description="NVIDIA GeForce RTX 3060",
            memory=12288 * MIB,
            free=11000 * MIB,
            driver="570.86.15",
        ),
    )
    assert card.asked == ["--query-gpu=name,memory.total,memory.free,driver_version --format=csv,noheader,nounits"]


def test_memory_that_the_driver_does_not_tell_is_unknown(card: Card) -> None:
    card.says("NVIDIA GB10, [N/A], [N/A], 580.95.05\n")
    (found,) = nvidia_devices()
    assert (found.description, found.memory, found.free) == ("NVIDIA GB10", None, None)


def test_a_name_may_hold_a_comma(card: Card) -> None:
    card.says("Tesla, the old one, 100, 50, 470.1\n")
    assert nvidia_devices()[0].description == "Tesla, the old one"


@pytest.mark.parametrize("answer", ["", "No devices were found\n", "\n\n"])
def test_an_answer_without_devices_gives_none(answer: str, card: Card) -> None:
    card.says(answer)
    assert nvidia_devices() == ()


def test_a_driver_that_fails_gives_none(card: Card, tmp_path: Path) -> None:
    card.says(TWO)
    (tmp_path / "bin" / "nvidia-smi").write_text(f"#!/bin/sh\necho '{TWO}'\nexit 9\n", encoding="utf-8")
    assert nvidia_devices() == ()


def test_without_the_program_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_devices() == ()


def test_memory_that_is_free_again_is_not_waited_for(card: Card) -> None:
    card.says(TWO)
    before = nvidia_devices()
    assert wait_released(before, nvidia_devices, NEVER) is None
    assert len(card.asked) == 2


def test_memory_is_waited_for_until_it_is_free_again() -> None:
    looks = iter([device(100 * MIB), device(500 * MIB), device(985 * MIB)])
    assert wait_released(device(1000 * MIB), lambda: next(looks), NEVER) is None
    assert next(looks, None) is None


def test_memory_that_stays_taken_is_told(card: Card) -> None:
    card.says(TWO)
    before = nvidia_devices()
    card.says(BUSY)
    told = wait_released(before, nvidia_devices, NEVER, timeout=0.01)
    assert told == "memory of the server before was not seen to be free again within 0.01 s: 43100 MiB of CUDA0"


def test_waiting_ends_when_it_is_given_up() -> None:
    give_up = threading.Event()
    give_up.set()
    assert wait_released(device(1000 * MIB), lambda: device(0), give_up, timeout=1000)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((), device(0)),
        (device(None), device(0)),
        (device(1000 * MIB, memory=None), device(0)),
        (device(1000 * MIB), device(None)),
        (device(1000 * MIB), device(0, name="CUDA1")),
        (device(1000 * MIB), ()),
    ],
)
def test_what_can_not_be_known_is_not_waited_for(before: tuple[Device, ...], now: tuple[Device, ...]) -> None:
    assert wait_released(before, lambda: now, NEVER) is None


def servers(profile: Profile, run: RunDir) -> Servers:
    profiles = {name: profile.model_copy(update={"name": name}) for name in ("tiny", "other")}
    return Servers(profiles, {"embedded": EmbeddedLauncher()}, None, run, grace=0.3)


def test_memory_is_waited_for_when_the_server_before_is_gone_and_the_next_not_yet_there(
    card: Card, profile: Profile, run: RunDir, marked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[tuple[int | None, list[int]]] = []

    def wait(before: tuple[Device, ...], *_: object) -> None:
        waits.append((before[0].free, marked_processes(marked)))

    monkeypatch.setattr(keeper, "wait_released", wait)
    card.says(TWO)
    with servers(profile, run) as kept:
        assert kept.wait("tiny").devices == nvidia_devices()
        card.says(BUSY)
        served = kept.wait("other")
        assert waits == [(143100 * MIB, [])]
    assert (served.devices[0].free, served.notes) == (100000 * MIB, ())


def test_memory_that_stays_taken_is_noted_with_the_next_server(
    card: Card, profile: Profile, run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "wait_released", partial(wait_released, timeout=0.01))
    card.says(TWO)
    with servers(profile, run) as kept:
        kept.wait("tiny")
        card.says(BUSY)
        (note,) = kept.wait("other").notes
    assert "43100 MiB of CUDA0" in note
