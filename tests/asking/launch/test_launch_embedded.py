"""The embedded launcher: what of a profile it takes, what it refuses, and that the real server does as told."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_polecat.asking.launch import builtin_launchers
from pytest_polecat.asking.launch.base import launcher_of
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher, server_parameters
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.process import ServerProcess, root_of
from pytest_polecat.asking.launch.served import describe
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile, Reasoning

LAUNCHER = EmbeddedLauncher()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Any]:
    """Starts a profile's real server; it is stopped at the end."""
    started: list[ServerProcess] = []

    def serve(profile: Profile) -> ServerProcess:
        process = ServerProcess(LAUNCHER.prepare(profile, None, free_port()), tmp_path / "log", profile.name)
        started.append(process)
        process.wait_ready(30)
        return process

    yield serve
    for process in started:
        process.stop()


def refused(profile: Profile, **changes: object) -> str:
    with pytest.raises(ProfileError) as caught:
        LAUNCHER.check(profile.model_copy(update=changes), None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_builtin_launchers_go_by_their_names() -> None:
    launchers = builtin_launchers()
    assert all(launcher.name == name for name, launcher in launchers.items())
    assert {"embedded", "external"} <= set(launchers)


def test_a_launcher_that_is_not_there_is_named_with_those_that_are(profile: Profile) -> None:
    with pytest.raises(
        ProfileError, match=r"profile 'tiny': there is no launcher 'magic'; .* one of: binary, embedded, external"
    ):
        launcher_of(profile.model_copy(update={"launcher": "magic"}), builtin_launchers())


def test_missing_weights_are_refused_with_the_places_looked_at(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        LAUNCHER.check(profile.model_copy(update={"model": "gone.gguf"}), tmp_path)
    assert "profile 'tiny': `model` = 'gone.gguf' was not found" in str(caught.value)
    assert f"looked at {tmp_path / 'gone.gguf'} and {Path.cwd() / 'gone.gguf'}" in str(caught.value)


def test_weights_are_found_in_the_models_dir(profile: Profile, model: Path) -> None:
    LAUNCHER.check(profile.model_copy(update={"model": model.name}), model.parent)


def test_a_profile_without_a_model_is_refused(profile: Profile) -> None:
    assert "`model` is missing; name a GGUF file" in refused(profile, model=None)


def test_a_missing_wheel_is_refused_with_the_extra(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr("pytest_polecat.asking.launch.embedded.launcher.find_spec", lambda _: None)
    assert "pip install 'pytest-polecat[embedded]'" in refused(profile)


def test_a_command_line_is_refused(profile: Profile) -> None:
    assert "`command` can't apply" in refused(profile, command="llama-server -m x", args={})
    assert "`wrapper` can't apply" in refused(profile, wrapper=("numactl",))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"ctx-sise": 1}, "args.ctx-sise: the embedded server has no such flag; did you mean `ctx-size`?"),
        ({"override-kv": "x"}, "args.override-kv: the embedded server has no such flag"),
        ({"ctx-size": "8k"}, 'args.ctx-size = "8k" should be a whole number'),
        ({"ctx-size": True}, "args.ctx-size = true should be a whole number"),
        ({"ctx-size": 2**40}, "should be a whole number"),
        ({"cache-type-k": "q3"}, 'args.cache-type-k = "q3" should be one of f32, f16'),
        ({"flash-attn": "maybe"}, "should be one of auto, on, off"),
        ({"jinja": "perhaps"}, "should be true or false"),
        ({"rope-freq-base": "x"}, "should be a number"),
        ({"override-tensor": 3}, "should be a text"),
        ({"chat-template-kwargs": "{"}, "should be a table"),
        ({"spec-type": 3}, "should be a list"),
        ({"parallel": 4}, "args.parallel: set it by the profile's own key `parallel`"),
        ({"m": "x"}, "args.m: set it by the profile's own key `model`"),
        ({"port": 1}, "args.port: drop it, it is always set"),
        ({"no-webui": True}, "drop it, it is always set"),
        ({"c": 1, "ctx_size": 2}, "args.ctx_size: the same flag is given twice"),
    ],
)
def test_an_argument_that_it_cannot_take_is_refused_with_the_mend(
    profile: Profile, args: dict[str, object], message: str
) -> None:
    told = refused(profile, args=args)
    assert told.startswith("profile 'tiny': args.")
    assert message in told


def test_flags_become_parameters(profile: Profile) -> None:
    args = {
        "c": 1000,
        "ngl": "all",
        "cache_type_k": "q8_0",
        "fa": True,
        "threads": 3,
        "no-warmup": True,
        "no-kv-offload": True,
        "ot": ["a=CPU", "b=CPU"],
        "chat-template-kwargs": {"x": 1},
        "spec-draft-p-min": 1,
    }
    told = server_parameters(profile.model_copy(update={"args": args}), None)
    wanted = {
        "n_ctx": 1000,
        "n_gpu_layers": -2,
        "cache_type_k": "GGML_TYPE_Q8_0",
        "flash_attn_type": "LLAMA_FLASH_ATTN_TYPE_ENABLED",
        "cpuparams.n_threads": 3,
        "warmup": False,
        "no_kv_offload": True,
        "tensor_buft_overrides": "a=CPU,b=CPU",
        "default_template_kwargs": {"x": "1"},
        "speculative.draft.p_min": 1.0,
    }
    assert {key: told[key] for key in wanted} == wanted


def test_the_context_has_room_for_every_slot_unless_told(profile: Profile) -> None:
    told = server_parameters(profile.model_copy(update={"parallel": 3}), None)
    assert (told["n_ctx"], told["n_parallel"]) == (3 * 4096, 3)


def test_thinking_goes_to_the_server_beside_other_template_variables(profile: Profile) -> None:
    changes = {"reasoning": Reasoning(enabled=False), "args": {"chat-template-kwargs": '{"tone": "dry"}'}}
    told = server_parameters(profile.model_copy(update=changes), None)
    assert told["enable_reasoning"] == 0
    assert told["default_template_kwargs"] == {"tone": '"dry"', "enable_thinking": "false"}


def test_a_thinking_budget_goes_to_the_sampler(profile: Profile) -> None:
    told = server_parameters(profile.model_copy(update={"reasoning": Reasoning(budget=50)}), None)
    assert told["sampling.reasoning_budget_tokens"] == 50


def test_the_environment_can_not_change_the_server_in_silence(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "1")
    launch = LAUNCHER.prepare(profile.model_copy(update={"env": {"GGML_X": "1"}}), None, 1234)
    assert "LLAMA_ARG_CTX_SIZE" not in launch.env
    assert (launch.env["GGML_X"], launch.env["PATH"]) == ("1", os.environ["PATH"])


def test_every_flag_is_taken_by_the_real_server_parameters(profile: Profile, tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    from pytest_polecat.asking.launch.embedded.flags import FLAGS
    from pytest_polecat.asking.launch.embedded.server import apply

    values: dict[str, object] = {
        "cache-type-k": "q8_0",
        "cache-type-v": "q4_0",
        "override-tensor": "x=CPU",
        "flash-attn": "off",
        "load-mode": "mmap",
        "split-mode": "row",
        "reasoning-format": "none",
        "spec-type": "ngram-simple",
        "chat-template": "{{ x }}",
        "chat-template-kwargs": {"a": 1},
        "slot-save-path": str(tmp_path),
    }
    for name, flag in FLAGS.items():
        values.setdefault(name, True if flag.convert.__name__ in ("_switch", "<lambda>") else 7)
    params = xllamacpp.CommonParams()
    apply(params, server_parameters(profile.model_copy(update={"args": values}), None))
    assert params.cache_type_k is xllamacpp.ggml_type.GGML_TYPE_Q8_0
    assert params.speculative.types == [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    assert params.no_kv_offload is False
    assert params.model_alias == {"tiny"}


def test_the_real_server_answers_and_is_what_the_profile_says(profile: Profile, model: Path, serving: Any) -> None:
    args = {"ctx-size": 2048, "ctk": "q8_0", "flash-attn": "on", "override-tensor": "ffn_.*=CPU", "threads": 1}
    asked = profile.model_copy(update={"parallel": 2, "args": args})
    process = serving(asked)
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}
    answer = httpx.post(process.launch.url + "/chat/completions", json=body).raise_for_status().json()
    served = describe(asked, process.launch, 0.5)
    assert answer["usage"]["completion_tokens"] == 3
    assert (served.model, served.slots, served.n_ctx) == ("tiny", 2, 1024)
    assert served.model_path == str(model)
    assert served.weights
    assert served.weights.size == model.stat().st_size
    assert (served.modalities, served.ready_seconds, served.launcher) == (("text",), 0.5, "embedded")
    assert served.build
    assert served.build.startswith("xllamacpp ")
    assert served.template_hash
    assert len(served.template_hash) == 16
    assert json.loads(served.command[-1])["n_ctx"] == 2048


def test_metrics_are_on_and_the_web_page_is_off(profile: Profile, serving: Any) -> None:
    root = root_of(serving(profile).launch.url)
    assert httpx.get(root + "/metrics").status_code == 200
    assert httpx.get(root + "/").status_code == 404


def test_speculation_with_a_draft_is_on_in_the_real_server(profile: Profile, model: Path, serving: Any) -> None:
    asked = profile.model_copy(update={"draft": str(model)})
    process = serving(asked)
    slots = httpx.get(root_of(process.launch.url) + "/slots").json()
    assert slots[0]["speculative"] is True
    describe(asked, process.launch, 0)


def test_a_bad_parameter_ends_the_server_process_with_a_clear_line(model: Path) -> None:
    params = {"model.path": str(model), "tensor_buft_overrides": "x=NOWHERE"}
    command = [sys.executable, "-m", "pytest_polecat.asking.launch.embedded.server"]
    done = subprocess.run(
        [*command, "--port", "1", "--params", json.dumps(params)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: the embedded server did not start: unknown buffer type"


def test_an_interrupt_ends_the_server_process_too(profile: Profile, tmp_path: Path) -> None:
    launch = LAUNCHER.prepare(profile, None, free_port())
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(launch.argv, env=launch.env, stderr=log) as process:
        with httpx.Client(trust_env=False) as client:
            while not _healthy(client, root_of(launch.url) + "/health"):
                assert process.poll() is None
            client.get(root_of(launch.url) + "/slots")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0


def _healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_the_wheel_is_there_for_these_tests() -> None:
    assert importlib.util.find_spec("xllamacpp") is not None
