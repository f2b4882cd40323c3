"""What is served is what the profile says, and nothing else: settings from elsewhere, flags that the server ignores."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pytest_polecat.asking.launch.binary.launcher import BinaryLauncher
from pytest_polecat.asking.launch.binary.program import VARIABLE
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.process import ServerProcess, root_of
from pytest_polecat.errors import ProfileError, ServerError
from tests.binary import helpers
from tests.binary.conftest import Keep
from tests.binary.helpers import DENSE, DRAFT, Machine


@pytest.fixture
def meddling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that a server would take from the user's environment and configuration file."""
    config = tmp_path / "config" / "llama.cpp" / "config.ini"
    config.parent.mkdir(parents=True)
    config.write_text("[*]\ntemp = 0.125\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parents[1]))
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "1024")


@pytest.mark.usefixtures("meddling")
def test_the_servers_own_environment_and_configuration_file_do_not_reach_it(
    keep: Keep, machine: Machine, tmp_path: Path
) -> None:
    profile = machine.profile("small.gguf", args={"threads": 1})
    served = keep(profile).wait("tiny")
    assert served.n_ctx == 8192
    assert served.sampling["temperature"] != pytest.approx(0.125)


@pytest.mark.usefixtures("meddling")
def test_without_our_care_they_would(machine: Machine, weights: Path, tmp_path: Path) -> None:
    profile = machine.profile(weights / "small.gguf", args={"threads": 1})
    launch = replace(BinaryLauncher().prepare(profile, None, free_port()), env=dict(os.environ))
    process = ServerProcess(launch, tmp_path / "log", "tiny", grace=0.3)
    try:
        process.wait_ready(30)
        settings = httpx.get(root_of(launch.url) + "/props", trust_env=False).json()["default_generation_settings"]
    finally:
        process.stop()
    assert settings["params"]["temperature"] == pytest.approx(0.125)
    assert settings["n_ctx"] == 1024


def test_a_profiles_own_environment_reaches_the_server(keep: Keep, machine: Machine) -> None:
    profile = machine.profile("small.gguf", args={"threads": 1}, env={"LLAMA_ARG_CTX_SIZE": "2048"})
    assert keep(profile).wait("tiny").n_ctx == 2048


def test_a_draft_speculates(keep: Keep, machine: Machine, weights: Path) -> None:
    served = keep(machine.profile("small.gguf", draft=DRAFT)).wait("tiny")
    assert served.speculative is True
    assert served.draft is not None
    assert served.draft.path == str(weights / DRAFT)
    assert any("draft-simple was added" in note for note in served.notes)


def test_a_draft_of_another_vocabulary_is_refused_although_the_server_runs(keep: Keep, machine: Machine) -> None:
    servers = keep(machine.profile("small.gguf", draft="stranger.gguf"))
    with pytest.raises(ServerError, match=r"left speculation off .* the draft's vocabulary does not fit"):
        servers.wait("tiny")


def test_a_context_beyond_the_training_context_is_refused(keep: Keep, machine: Machine) -> None:
    servers = keep(machine.profile("small.gguf", args={"ctx-size": 16384, "threads": 1}))
    with pytest.raises(ServerError, match="gives a slot 8192 tokens of context, not 16384: the model was trained"):
        servers.wait("tiny")


def test_the_limit_of_the_training_context_can_be_lifted_as_the_error_says(keep: Keep, machine: Machine) -> None:
    args = {"ctx-size": 16384, "threads": 1, "override-kv": "llama.context_length=int:16384"}
    assert keep(machine.profile("small.gguf", args=args)).wait("tiny").n_ctx == 16384


def test_the_context_is_shared_by_the_slots(keep: Keep, machine: Machine) -> None:
    served = keep(machine.profile("small.gguf", parallel=4)).wait("tiny")
    assert (served.slots, served.n_ctx) == (4, 1024)


def test_another_number_of_slots_than_wanted_is_refused(keep: Keep, machine: Machine) -> None:
    profile = machine.profile("small.gguf", parallel=2, wrapper=["sh", "-c", 'exec "$@" --parallel 1', "sh"])
    servers = keep(profile)
    with pytest.raises(ServerError, match="the server has 1 slots, not `parallel` = 2"):
        servers.wait("tiny")


def test_weights_without_a_template_leave_a_note(keep: Keep, machine: Machine) -> None:
    served = keep(machine.profile("bare.gguf")).wait("tiny")
    assert served.weights is not None
    assert served.weights.template_hash is None
    assert "the weights carry no chat template: the server used one of its own" in served.notes


def test_a_template_of_the_profiles_own_is_served(keep: Keep, machine: Machine, tmp_path: Path) -> None:
    template = tmp_path / "own.jinja"
    template.write_text("{% for message in messages %}{{ message.content }}\n{% endfor %}")
    args = {"ctx-size": 4096, "threads": 1, "chat-template-file": str(template)}
    served = keep(machine.profile("small.gguf", args=args)).wait("tiny")
    assert served.weights is not None
    assert served.template_hash != served.weights.template_hash
    assert not served.notes


def test_flags_of_older_builds_run_in_this_builds_words(keep: Keep, machine: Machine) -> None:
    command = f"llama-server -m {DENSE} -md {DRAFT} -c 4096 -t 1 -fa --no-mmap --draft-max 8 -ctk q8_0 --lookup"
    served = keep(machine.profile(None, command=command)).wait("tiny")
    assert served.speculative is True
    flags = helpers.flags_of(served.command)
    assert (flags["-fa"], flags["--spec-draft-n-max"]) == ("on", "8")
    assert set(flags["--spec-type"].split(",")) == {"ngram-simple", "draft-simple"}
    assert "--load-mode none" in " ".join(served.command)


def test_a_flag_that_the_build_does_not_know_is_refused_before_the_launch(machine: Machine, weights: Path) -> None:
    profile = machine.profile("small.gguf", args={"ctx-sise": 4096})
    with pytest.raises(ProfileError, match=r"profile 'tiny': args: there is no flag --ctx-sise; nearest: .*--ctx-size"):
        BinaryLauncher().check(profile, weights)


@pytest.fixture
def umbrella(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `llama` on the PATH that serves by its command `serve`; no llama-server there, and none named."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "llama"
    script.write_text(f'#!/bin/sh\n[ "$1" = serve ] && shift\nexec "{machine.program}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return script


def test_the_umbrella_program_is_found_and_serves(
    keep: Keep, machine: Machine, umbrella: Path, weights: Path, marked: str
) -> None:
    profile = machine.profile("small.gguf")
    BinaryLauncher().check(profile, weights)
    served = keep(profile).wait("tiny")
    assert served.command[:2] == (str(umbrella), "serve")
    assert served.build == machine.build.name
    (words,) = helpers.servers(marked, machine.program).values()
    assert words[1:] == served.command[2:]
