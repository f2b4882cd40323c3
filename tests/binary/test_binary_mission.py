"""The repository's own profiles, end to end: the real program, and stand-ins under the names of their weights."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pytest_polecat import cli
from pytest_polecat.asking.profiles import load
from pytest_polecat.demo.template import TEMPLATE
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.text import template_hash
from tests.binary import helpers
from tests.binary.conftest import Keep
from tests.binary.helpers import MISSION, SUITE, Identity, Machine, flags_of, without_port
from tests.end_to_end.conftest import Bench

FROM_THE_REPOSITORY = f"--polecat-config={MISSION}"


def ask(bench: Bench, name: str) -> Identity:
    """Ask the suite, which has to pass; how it was served."""
    bench.suite(SUITE)
    result = bench.ask(FROM_THE_REPOSITORY, model=name)
    result.stdout.fnmatch_lines(["*polecat: 2/2 points (100 %)*"])
    assert result.ret == 0
    return Identity.of(bench.run, name)


def test_the_regex_profile_runs_and_its_identity_is_complete(bench: Bench, machine: Machine, weights: Path) -> None:
    identity = ask(bench, "35b-a3b-regex")
    served, model = identity.served, identity.weights
    pattern = r"blk\.([0-2][0-9]|3[0-5])\.ffn_.*_exps\.weight"
    file = weights / helpers.EXPERTS
    assert served.command[0] == machine.build.argv[0]
    assert flags_of(without_port(served.command)) == {
        "--model": str(file),
        "--ctx-size": "188000",
        "--n-gpu-layers": "99",
        "--load-mode": "none",
        "--cache-type-k": "q8_0",
        "--cache-type-v": "q8_0",
        "--override-tensor": f"{pattern}=CPU",
        "--parallel": "1",
        "--host": "127.0.0.1",
        "--port": "PORT",
        "--alias": "35b-a3b-regex",
        "--fit": "off",
        **dict.fromkeys(("--metrics", "--no-ui", "--jinja", "--offline"), ""),
    }
    (taken,) = model.overrides
    assert (taken.pattern, taken.buffer) == (pattern, "CPU")
    assert taken.layers == tuple(range(10, 36))
    assert taken.tensors == 26 * 3
    assert served.build == machine.build.name
    assert served.model_path == model.path == str(file)
    assert model.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (model.architecture, model.layers, model.experts, model.quant) == ("llama", 40, 8, "IQ4_NL")
    assert (served.slots, served.speculative) == (1, False)
    assert served.n_ctx is not None
    assert 188000 <= served.n_ctx < 188000 + 256
    assert served.template_hash == model.template_hash == template_hash(TEMPLATE)
    assert not served.notes
    wanted = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "presence_penalty": 0.0}
    assert wanted.items() <= served.sampling.items()
    assert {"min_p", "repeat_penalty"} <= served.sampling.keys()
    host = bench.run.read_run().host
    assert host.cores
    assert host.memory
    assert host.processor


def test_the_cmoe_profile_runs_and_takes_the_experts_of_all_layers(bench: Bench, machine: Machine) -> None:
    identity = ask(bench, "35b-a3b-cmoe")
    flags = flags_of(identity.served.command)
    assert "--cpu-moe" in flags
    assert flags["--ctx-size"] == "262144"
    (taken,) = identity.weights.overrides
    assert (taken.layers, taken.tensors, taken.buffer) == (tuple(range(40)), 120, "CPU")
    assert (identity.served.n_ctx, identity.served.build) == (262144, machine.build.name)


def test_the_interactive_profile_runs(plain: Bench) -> None:
    identity = ask(plain, "9b-iq4nl")
    flags = flags_of(identity.served.command)
    assert (flags["--n-gpu-layers"], flags["--cache-type-k"], flags["--reasoning"]) == ("99", "q8_0", "off")
    assert (identity.served.n_ctx, identity.served.slots) == (262144, 1)


@pytest.fixture
def numactl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many machines have none: one that leaves the memory as it is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "numactl"
    script.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_an_override_of_another_architectures_key_is_refused_before_the_launch(plain: Bench) -> None:
    plain.suite(SUITE)
    result = plain.ask(FROM_THE_REPOSITORY, model="frontdoor")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: profile 'frontdoor': command: --override-kv: 'qwen3moe.expert_used_count' *llama.expert_used_count"]
    )
    assert not plain.runs


@pytest.mark.usefixtures("numactl")
def test_the_frontdoor_profile_speculates_in_two_slots(plain: Bench, weights: Path) -> None:
    command = load(MISSION).get("frontdoor").command
    assert command is not None
    here = command.replace("qwen3moe.expert_used_count=int:6", "llama.expert_used_count=int:4").replace("-t 96", "-t 1")
    plain.profile("door", f"command = '''{here}'''\nparallel = 2")
    plain.suite(SUITE)
    result = plain.ask("-v", model="door")
    result.stdout.fnmatch_lines(["*polecat: 2/2 points (100 %)*"])
    served = Identity.of(plain.run, "door").served
    assert served.command[:2] == ("numactl", "--interleave=all")
    flags = flags_of(served.command)
    assert flags["--override-kv"] == "llama.expert_used_count=int:4"
    assert flags["--spec-type"] == "ngram-simple,draft-simple"
    assert (served.slots, served.n_ctx, served.speculative) == (2, 32768, True)
    assert served.draft is not None
    assert served.draft.path == str(weights / helpers.DRAFT)
    assert served.draft.sha256
    kept = [file.read_text() for file in plain.run.path.glob("replies/*.json")]
    assert any("draft_n_accepted" in reply for reply in kept)


def test_a_profile_of_layers_for_multi_token_prediction_says_that_the_weights_have_none(plain: Bench) -> None:
    plain.suite(SUITE)
    result = plain.ask(FROM_THE_REPOSITORY, model="35b-a3b-mtp")
    assert result.ret == 1
    for attempt in plain.attempts.values():
        assert (attempt.outcome, attempt.mode) == (Outcome.BROKEN, FailureMode.SERVER_CRASH)
        assert "was asked for MTP speculation, which the model has no layers for; drop `spec-type`" in attempt.message


@pytest.mark.parametrize("name", ["35b-a3b-regex", "35b-a3b-cmoe", "9b-iq4nl"])
def test_show_prints_the_command_line_that_is_launched(
    name: str, keep: Keep, weights: Path, machine: Machine, marked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLECAT_MODELS_DIR", str(weights))
    shown = CliRunner().invoke(cli.app, ["-c", str(MISSION), "profiles", "show", name])
    assert shown.exit_code == 0, shown.output
    served = keep(load(MISSION).get(name)).wait(name)
    assert shlex.join(without_port(served.command)) in shown.output
    assert list(helpers.servers(marked, machine.program).values()) == [served.command]
