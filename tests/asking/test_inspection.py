"""What can be said of a profile before its server is started, as data and as lines."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import gguf
import numpy as np
import pytest

from pytest_polecat import cli
from pytest_polecat.asking.inspection import Inspection, Need, Room, inspect, room
from pytest_polecat.asking.inspection_text import inspection_lines, memory_lines, memory_problems, size
from pytest_polecat.asking.launch import builtin_launchers
from pytest_polecat.asking.launch.binary.launcher import BinaryLauncher
from pytest_polecat.asking.profiles import load
from pytest_polecat.demo.model import build
from pytest_polecat.demo.spec import Spec
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Device
from tests.asking.launch.builds import DATA
from tests.asking.launch.helpers import write_random_model

GIB, MIB = 2**30, 2**20
REGEX = r"blk\.([0-2][0-9]|3[0-5])\.ffn_.*_exps\.weight=CPU"
SPEC = Spec.model_validate({"default": "No.", "replies": [{"trigger": "easy question", "text": "Yes."}]})
SERVER = """#!/bin/sh
case "$1" in
    --version) echo "version: 0.6.0-dev (build 11434, commit abc1234)" >&2 ;;
    --list-devices) echo "Available devices:"; echo "  CUDA0: NVIDIA H200 (1000 MiB, 900 MiB free)" ;;
    *) cat "{help}" ;;
esac
"""
FIT = """#!/bin/sh
case "$1" in
    --help) cat "{help}"; echo "-fitp, --fit-print [on|off]             print the memory" ;;
    *) echo "noise"; echo "CUDA0 100 20 3"; echo "Host 10 2 1" ;;
esac
"""


def executable(path: Path, text: str) -> Path:
    path.write_text(text.format(help=DATA / "llama-server-b11434-help.txt"), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of 40 layers, a dense model with its draft, and a model of another vocabulary."""
    folder = tmp_path_factory.mktemp("weights")
    build(SPEC, folder / "Mixture-IQ4_NL.gguf", layers=40, experts=8, context=262144)
    build(SPEC, folder / "dense.gguf")
    build(SPEC, folder / "draft.gguf", corrupt=3)
    write_random_model(folder / "stranger.gguf")
    bare = gguf.GGUFWriter(folder / "bare.gguf", "llama")
    bare.add_tensor("output_norm.weight", np.ones(4, dtype=np.float32))
    bare.write_header_to_file()
    bare.write_kv_data_to_file()
    bare.write_tensors_to_file()
    bare.close()
    (folder / "broken.gguf").write_bytes(b"this is no model")
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that tells what the recorded build told, and serves nothing."""
    program = executable(tmp_path / "llama-server", SERVER)
    monkeypatch.setenv("POLECAT_LLAMA_SERVER", str(program))
    return program


def looked_at(models: Path, **keys: object) -> tuple[Inspection, list[str]]:
    """The inspection of a profile, and its lines."""
    profile = Profile.model_validate({"name": "a", **keys})
    inspection = inspect(profile, builtin_launchers(), models)
    return inspection, list(inspection_lines(inspection, profile))


def problems(models: Path, **keys: object) -> tuple[str, ...]:
    inspection, lines = looked_at(models, **keys)
    assert lines[-len(inspection.problems) :] == [f"  problem  {problem}" for problem in inspection.problems]
    return inspection.problems


@pytest.mark.usefixtures("server")
def test_the_layers_that_a_pattern_takes_are_shown_with_those_that_it_leaves(models: Path) -> None:
    inspection, lines = looked_at(models, model="Mixture-IQ4_NL.gguf", args={"ot": REGEX, "c": 188000})
    (override,) = inspection.weights["model"].overrides
    assert (override.layers, override.tensors) == (tuple(range(10, 36)), 26 * 3)
    assert inspection.untaken == (*range(10), *range(36, 40))
    pattern = next(index for index, line in enumerate(lines) if line.startswith("  pattern"))
    taken, target, left = lines[pattern : pattern + 3]
    assert taken == f"  pattern  {REGEX[:-4]} takes 78 tensors, {size(override.size)}, layers 10–35"
    assert target == "           to CPU"
    assert left == "           the experts of layers 0–9, 36–39 are not taken"


@pytest.mark.usefixtures("server")
def test_all_experts_are_taken_by_cpu_moe(models: Path) -> None:
    inspection, lines = looked_at(models, model="Mixture-IQ4_NL.gguf", args={"cpu-moe": True})
    assert inspection.weights["model"].overrides[0].layers == tuple(range(40))
    assert inspection.untaken == ()
    assert not any("not taken" in line for line in lines)


def test_the_weights_and_the_exact_command_line_are_shown(models: Path, server: Path) -> None:
    inspection, lines = looked_at(models, model="Mixture-IQ4_NL.gguf", args={"no-mmap": True})
    file = models / "Mixture-IQ4_NL.gguf"
    ours = "--parallel 1 --host 127.0.0.1 --port PORT --alias a --metrics --no-ui --jinja --fit off --offline"
    assert lines[:3] == [
        "a",
        f"  server   {server}, build b11434-abc1234",
        f"  command  {server} --model {file} --load-mode none {ours}",
    ]
    weights = inspection.weights["model"]
    assert (weights.layers, weights.experts, weights.experts_used, weights.mtp) == (40, 8, 2, False)
    assert lines[3].startswith(f"  model    {file}, llama demo, IQ4_NL, {size(file.stat().st_size)}, ")
    assert "40 layers, 8 experts (2 used), trained for 262144 tokens, template " in lines[3]
    assert lines[-2:] == ["  note     --no-mmap became --load-mode none", "  ok       nothing wrong was found"]


@pytest.mark.usefixtures("server")
def test_a_fitting_draft_is_no_problem(models: Path) -> None:
    inspection, lines = looked_at(models, model="dense.gguf", draft="draft.gguf")
    assert inspection.problems == ()
    assert any(line.startswith("  draft    ") for line in lines)
    assert "--spec-type draft-simple was added: build b11434-abc1234 ignores a draft model without it" in (
        inspection.notes
    )


@pytest.mark.usefixtures("server")
def test_a_draft_of_another_vocabulary_is_a_problem(models: Path) -> None:
    found = problems(models, model="dense.gguf", draft="stranger.gguf")
    assert found
    assert all(problem.startswith("the draft does not fit: ") for problem in found)
    assert any("BOS" in problem for problem in found)


@pytest.mark.usefixtures("server")
def test_a_draft_without_a_vocabulary_is_a_problem(models: Path) -> None:
    (found,) = problems(models, model="dense.gguf", draft="bare.gguf")
    assert found.startswith(f"the draft does not fit: {models / 'bare.gguf'} has no vocabulary")


@pytest.mark.usefixtures("server")
def test_a_draft_is_looked_at_even_if_the_flags_are_wrong(models: Path) -> None:
    flag, *draft = problems(models, model="dense.gguf", draft="stranger.gguf", args={"ctx-sise": 1})
    assert flag.startswith("profile 'a': args: there is no flag --ctx-sise; nearest: --ctx-size")
    assert draft


@pytest.mark.usefixtures("server")
def test_multi_token_prediction_needs_its_layers(models: Path) -> None:
    assert problems(models, model="dense.gguf", args={"spec-type": "draft-mtp"}) == (
        "--spec-type draft-mtp needs layers for multi-token prediction, and the weights have none",
    )


@pytest.mark.usefixtures("server")
def test_an_override_of_another_architecture_is_a_problem(models: Path) -> None:
    (found,) = problems(models, model="dense.gguf", args={"override-kv": "qwen3moe.expert_used_count=int:6"})
    assert "these weights are of architecture 'llama'; write llama.expert_used_count" in found


@pytest.mark.usefixtures("server")
def test_weights_that_are_not_there_are_a_problem(models: Path) -> None:
    (found,) = problems(models, model="gone.gguf")
    assert found.startswith(f"profile 'a': `model` = 'gone.gguf' was not found (looked at {models / 'gone.gguf'}")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("args", [{}, {"ot": REGEX}])
def test_weights_that_can_not_be_read_are_a_problem(args: dict[str, object], models: Path) -> None:
    (found,) = problems(models, model="broken.gguf", draft="draft.gguf", args=args)
    assert str(models / "broken.gguf") in found


def test_without_a_server_the_weights_are_looked_at_all_the_same(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POLECAT_LLAMA_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    inspection, _ = looked_at(models, model="dense.gguf")
    assert inspection.weights["model"].layers == 2
    (found,) = inspection.problems
    assert found.startswith("profile 'a': there is no llama-server or llama on the PATH; install llama.cpp, or name ")


@pytest.mark.usefixtures("server")
def test_a_longer_context_than_the_model_was_trained_for_is_noted(models: Path) -> None:
    inspection, _ = looked_at(models, model="dense.gguf", args={"c": 65536}, parallel=2)
    assert "a slot is to have 32768 tokens, and the model was trained for 8192" in inspection.notes


def test_a_profile_of_an_api_has_no_weights(models: Path) -> None:
    inspection, lines = looked_at(models, url="http://127.0.0.1:1/v1")
    assert (inspection.weights, inspection.need, inspection.problems) == ({}, None, ())
    assert lines == ["a", "  ok       nothing wrong was found"]


# Memory


@pytest.mark.usefixtures("server")
def test_experts_on_the_cpu_move_their_bytes_there(models: Path) -> None:
    keys = {"model": "Mixture-IQ4_NL.gguf"}
    on_device = looked_at(models, **keys, args={"c": 4096})[0].need
    on_host = looked_at(models, **keys, args={"c": 4096, "cpu-moe": True})[0].need
    assert on_device
    assert on_host
    assert on_device.device + on_device.host == on_host.device + on_host.host
    assert on_host.device < on_device.device


@pytest.mark.usefixtures("server")
def test_the_server_s_own_account_of_its_memory_is_taken_where_there_is_one(models: Path, server: Path) -> None:
    executable(server.with_name("llama-fit-params"), FIT)
    inspection, lines = looked_at(models, model="dense.gguf", draft="draft.gguf")
    notes = ("by llama-fit-params", "`draft` is not counted")
    assert inspection.need == Need(device=123 * MIB, host=13 * MIB, notes=notes)
    assert "  needs    123.0 MiB on accelerators, 13.0 MiB of the machine's own memory" in "\n".join(lines)


@pytest.mark.usefixtures("server")
def test_the_room_is_what_the_server_says_of_its_devices(models: Path) -> None:
    inspection, _ = looked_at(models, model="dense.gguf")
    now = room([inspection])
    assert now.devices == (Device(name="CUDA0", description="NVIDIA H200", memory=1000 * MIB, free=900 * MIB),)
    assert now.device == 900 * MIB


def needing(name: str, device: int, host: int) -> Inspection:
    return Inspection(profile=name, need=Need(device * GIB, host * GIB, ("estimated",)))


CARD = Device(name="CUDA0", description="H200", memory=12 * GIB, free=10 * GIB)


def test_the_memory_of_several_profiles_is_summed_up() -> None:
    three = [needing("a", 4, 1), needing("b", 3, 2), Inspection(profile="c")]
    assert list(memory_lines(three, Room((CARD,), 16 * GIB))) == [
        "together   7.0 GiB on accelerators, 3.0 GiB of the machine's own memory",
        "free now   10.0 GiB of 12.0 GiB on CUDA0 (H200)",
        "free now   16.0 GiB of the machine's own memory",
    ]
    assert list(memory_lines(three[2:], Room((CARD,), 16 * GIB))) == []


@pytest.mark.parametrize(
    ("devices", "host", "lacks"),
    [
        ((CARD,), 16, None),
        ((CARD,), None, None),
        ((CARD.model_copy(update={"free": None}),), 16, None),
        ((CARD.model_copy(update={"free": 3 * GIB}),), 16, "the accelerators lack 1.0 GiB"),
        ((CARD.model_copy(update={"free": 3 * GIB}), CARD), 16, None),
        ((CARD,), 1, "the machine's own memory lacks 1.0 GiB"),
        ((), 5, "the machine's own memory lacks 1.0 GiB"),
        ((), 6, None),
    ],
)
def test_what_does_not_fit_is_told_with_what_is_lacking(
    devices: tuple[Device, ...], host: int | None, lacks: str | None
) -> None:
    now = Room(devices, host * GIB if host else None)
    assert list(memory_problems([needing("a", 4, 2)], now)) == ([f"a does not fit: {lacks}"] if lacks else [])


def test_profiles_that_fit_one_after_the_other_are_no_problem() -> None:
    both = [needing("a", 8, 1), needing("b", 8, 1)]
    assert list(memory_problems(both, Room((CARD,), 16 * GIB))) == []
    assert list(memory_problems([replace(both[0], need=None)], Room((), 0))) == []


# The command


CONFIG = """
[profiles.good]
model = "dense.gguf"
args.ctx-size = 512
[profiles.also-good]
model = "draft.gguf"
args.ctx-size = 512
[profiles.bad]
model = "dense.gguf"
draft = "stranger.gguf"
[profiles.large]
model = "Mixture-IQ4_NL.gguf"
args.ctx-size = 100000000
"""


class Profiles(Protocol):
    def __call__(self, *arguments: str) -> tuple[int, str]: ...


@pytest.fixture
def profiles(
    server: Path,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Profiles:
    """`polecat profiles …`: its exit status and what it printed."""
    (tmp_path / "polecat.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("POLECAT_MODELS_DIR", str(models))
    monkeypatch.delenv("POLECAT_LLAMA_SERVER")

    def run(*arguments: str) -> tuple[int, str]:
        config = str(tmp_path / "polecat.toml")
        argv = ["polecat", "-c", config, "profiles", *arguments, "--llama-server", str(server)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return status, capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("names", "status", "said"),
    [
        (["good"], 0, "  ok       nothing wrong was found"),
        (["good", "also-good"], 0, "together   "),
        (["good", "bad"], 1, "  problem  the draft does not fit: "),
        (["large"], 1, "problem    large does not fit: the accelerators lack "),
    ],
)
def test_checking_profiles_tells_by_the_exit_status_whether_something_is_wrong(
    names: list[str], status: int, said: str, profiles: Profiles
) -> None:
    ended, printed = profiles("check", *names)
    assert ended == status
    assert any(line.startswith(said) for line in printed.splitlines())
    assert [line for line in printed.splitlines() if line in names] == names


def test_the_command_line_that_is_shown_is_exactly_the_one_that_is_launched(
    profiles: Profiles, server: Path, models: Path, tmp_path: Path
) -> None:
    status, printed = profiles("show", "bad")
    profile = load(tmp_path / "polecat.toml").get("bad")
    launch = BinaryLauncher(str(server)).prepare(profile, models, 4321)
    head = printed.splitlines().index("# command line for build b11434-abc1234, with the port that is free then:")
    shown, note = printed.splitlines()[head + 1 : head + 3]
    assert status == 0
    assert shlex.split(shown.removeprefix("#   ").replace("PORT", "4321")) == list(launch.argv) == list(launch.shown)
    assert note == "# --spec-type draft-simple was added: build b11434-abc1234 ignores a draft model without it"
    assert launch.speculates
    assert set(launch.files) == {"model", "draft"}
