"""The exact command line that a profile becomes."""

import re
import shlex
from pathlib import Path

import pytest

from pytest_polecat.asking.commands import written
from pytest_polecat.asking.launch.binary.command_line import CommandLine, compose
from pytest_polecat.asking.launch.binary.launcher import shown
from pytest_polecat.asking.profile_text import without_secrets
from pytest_polecat.asking.profiles import load
from pytest_polecat.asking.weights.overrides import Rule
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile
from tests.asking.launch.builds import NEW, OLD, VINTAGE
from tests.asking.launch.helpers import write_random_model

OURS = ("--parallel", "1", "--host", "127.0.0.1", "--port", "1234", "--alias", "a", "--metrics", "--no-ui", "--jinja")
OURS_OF_NEW = (*OURS, "--fit", "off", "--offline")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("m.gguf", "d.gguf", "p.gguf", "my model.gguf"):
        (tmp_path / name).touch()
    return tmp_path


def profile(**keys: object) -> Profile:
    return Profile.model_validate({"name": "a", **keys})


def own(line: CommandLine) -> str:
    """The words that come from the profile, the folder of the weights left out."""
    folders = {str(path.parent) for path in line.files.values()}
    text = shlex.join(word for argument in line.arguments for word in argument.words)
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    return text


def refusal(asked: Profile, models: Path | None) -> str:
    with pytest.raises(ProfileError) as refused:
        compose(asked, NEW, models)
    message = str(refused.value)
    assert message.startswith("profile 'a': ")
    assert message.isprintable()
    return message.removeprefix("profile 'a': ")


# What polecat adds


def test_polecat_keeps_address_slots_and_log_under_control(models: Path) -> None:
    line = compose(profile(model="m.gguf"), NEW, models)
    assert line.argv(profile(), 1234) == ("llama-server", "--model", str(models / "m.gguf"), *OURS_OF_NEW)


def test_an_older_build_is_not_given_what_it_does_not_know(models: Path) -> None:
    asked = profile(model="m.gguf", parallel=2)
    vintage = compose(asked, VINTAGE, models).argv(asked, 1)
    assert vintage[3:] == ("--parallel", "2", "--host", "127.0.0.1", "--port", "1")
    assert "--no-webui" in compose(asked, OLD, models).argv(asked, 1)


def test_what_the_user_says_of_the_address_and_the_log_gives_way(models: Path) -> None:
    command = (
        "llama-server -m m.gguf --host 0.0.0.0 --port 8080 -a nick --metrics --no-webui --slots --api-key sk-1 "
        "--log-file x.log --log-disable --ssl-key-file k"
    )
    line = compose(profile(command=command), NEW, models)
    assert own(line) == "--model m.gguf"
    assert line.argv(profile(), 1234)[3:] == OURS_OF_NEW


def test_what_the_user_says_of_templates_fitting_and_the_network_stays(models: Path) -> None:
    asked = profile(args={"jinja": False, "fit": "on", "offline": True}, model="m.gguf")
    argv = compose(asked, NEW, models).argv(asked, 1)
    assert [argv.count(word) for word in ("--jinja", "--no-jinja", "--fit", "off", "--offline")] == [0, 1, 1, 0, 1]


# Args


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"ctx-size": 4096}, "--ctx-size 4096"),
        ({"ctx_size": 4096, "--threads": 2}, "--ctx-size 4096 --threads 2"),
        ({"c": 4096, "ngl": 99, "ctk": "q8_0"}, "-c 4096 -ngl 99 -ctk q8_0"),
        ({"ot": r"blk\.1=CPU"}, r"-ot 'blk\.1=CPU'"),
        ({"ot": ["a=CPU", "b=CUDA0"]}, "-ot a=CPU,b=CUDA0"),
        ({"ts": [3, 1]}, "-ts 3,1"),
        ({"cpu-moe": True, "swa-full": False}, "--cpu-moe"),
        ({"jinja": False, "warmup": False}, "--no-jinja --no-warmup"),
        ({"fa": True}, "-fa on"),
        ({"flash-attn": False}, "--flash-attn off"),
        ({"reasoning": False}, "--reasoning off"),
        ({"mmap": False}, "--load-mode none"),
        ({"no-mmap": True}, "--load-mode none"),
        ({"mlock": False}, ""),
        ({"dio": True}, "--load-mode dio"),
        ({"reasoning-budget": -1, "temp": 0.6}, "--reasoning-budget -1 --temp 0.6"),
        (
            {"chat-template-kwargs": {"enable_thinking": False}},
            """--chat-template-kwargs '{"enable_thinking": false}'""",
        ),
        ({"draft-max": 8}, "--spec-draft-n-max 8"),
    ],
)
def test_args_are_flags_without_their_dashes(args: dict[str, object], words: str, models: Path) -> None:
    assert own(compose(profile(model="m.gguf", args=args), NEW, models)) == f"--model m.gguf {words}".strip()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"ctx-sise": 1}, "args: there is no flag --ctx-sise; nearest: --ctx-size"),
        ({"no-such-switch-at-all": False}, "args: there is no flag --no-such-switch-at-all"),
        ({"ctx-size": None}, "args: ctx-size has no value; write one, or drop it"),
        ({"jinja": "yes"}, "args: 'yes' belongs to no flag"),
        ({"ot": "("}, "args: "),
        ({"ot": "a"}, "args: the override 'a' of 'a' lacks its buffer; write PATTERN=BUFFER"),
        ({"parallel": 4}, "args: --parallel 4 does not fit the profile's `parallel` = 1; set the slots by that key"),
        ({"np": 4}, "args: -np 4 does not fit the profile's `parallel` = 1; set the slots by that key"),
        ({"m": "d.gguf"}, "args: --model stands here, and the profile has `model` too; keep one"),
    ],
)
def test_bad_args_are_refused_with_the_key_and_the_mend(args: dict[str, object], problem: str, models: Path) -> None:
    assert refusal(profile(model="m.gguf", args=args), models).startswith(problem)


def test_the_reasoning_of_a_profile_becomes_flags_unless_they_are_there(models: Path) -> None:
    keys = {"model": "m.gguf", "reasoning": 512}
    assert own(compose(profile(**keys), NEW, models)) == "--model m.gguf --reasoning on --reasoning-budget 512"
    asked = profile(**keys, args={"rea": "auto", "reasoning-budget": 9})
    assert own(compose(asked, NEW, models)) == "--model m.gguf -rea auto --reasoning-budget 9"


# Commands


def test_a_command_of_many_lines_is_one(models: Path) -> None:
    command = "llama-server \\\n  -m m.gguf \\\n  -ngl 99 --no-mmap \\\n-c 4096\n"
    line = compose(profile(command=command), NEW, models)
    assert own(line) == "--model m.gguf -ngl 99 --load-mode none -c 4096"
    assert line.notes == ("--no-mmap became --load-mode none",)


@pytest.mark.parametrize(
    ("command", "wrapper", "env", "program"),
    [
        ("llama-server -c 1", (), {}, "llama-server"),
        ("/opt/llama/llama-server.exe -c 1", (), {}, "/opt/llama/llama-server.exe"),
        ("llama serve -c 1", (), {}, "llama"),
        ("llama server -c 1", (), {}, "llama"),
        ("A=1 B='x y' llama-server -c 1", (), {"A": "1", "B": "x y"}, "llama-server"),
        ("env A=1 llama-server -c 1", (), {"A": "1"}, "llama-server"),
        ("numactl --interleave=all llama-server -c 1", ("numactl", "--interleave=all"), {}, "llama-server"),
        ("A=1 nice -n 5 ./llama-server -c 1", ("nice", "-n", "5"), {"A": "1"}, "./llama-server"),
        ("nice env B=2 llama-server -c 1", ("nice", "env", "B=2"), {}, "llama-server"),
        ("./my-own-build -c 1", (), {}, "./my-own-build"),
        ("A= my-build -c 1", (), {"A": ""}, "my-build"),
    ],
)
def test_variables_and_wrappers_stand_before_the_program(
    command: str, wrapper: tuple[str, ...], env: dict[str, str], program: str
) -> None:
    said = written(profile(command=command))
    assert (said.wrapper, said.env, said.program, said.words) == (wrapper, env, program, ("-c", "1"))


def test_wrappers_go_before_the_program_and_variables_into_its_environment(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "1")
    command = "A=1 B=1 numactl --interleave=all llama-server -m m.gguf"
    asked = profile(command=command, wrapper=["nice", "-n", "5"], env={"B": "2"})
    line = compose(asked, NEW, models)
    assert line.argv(asked, 1)[:6] == ("nice", "-n", "5", "numactl", "--interleave=all", "llama-server")
    assert (line.env(asked)["A"], line.env(asked)["B"], line.env(asked)["GGML_NO_BACKTRACE"]) == ("1", "2", "1")
    assert "LLAMA_ARG_CTX_SIZE" not in line.env(asked)


def test_files_of_a_command_are_found_in_the_folder_of_the_weights(models: Path) -> None:
    line = compose(profile(command="llama-server -m 'my model.gguf' -md d.gguf -mm p.gguf"), NEW, models)
    assert line.files == {
        key: models / name
        for key, name in zip(("model", "draft", "mmproj"), ("my model.gguf", "d.gguf", "p.gguf"), strict=True)
    }
    assert own(line).endswith("--spec-draft-model d.gguf --mmproj p.gguf --spec-type draft-simple")
    assert line.speculates


def test_files_by_key_and_by_command_are_the_same(models: Path) -> None:
    by_key = compose(profile(model="m.gguf", draft="d.gguf", mmproj="p.gguf", args={"c": 1}), NEW, models)
    by_command = compose(profile(command="llama-server -m m.gguf -c 1 -md d.gguf -mm p.gguf"), NEW, models)
    assert by_key.argv(profile(), 1) == by_command.argv(profile(), 1)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            {"command": "llama-server -m m.gguf --jinjer"},
            "command: there is no flag --jinjer; nearest: --jinja or --no-jinja",
        ),
        ({"command": "llama-server m.gguf"}, "command: 'm.gguf' belongs to no flag"),
        ({"command": "llama-server -c"}, "command: -c has no value"),
        ({"command": "llama-server -m m.gguf -c=1"}, "command: -c=1: the server takes no `=`; write -c 1"),
        ({"command": "llama-server -c 1"}, "`model` is missing; name a GGUF file"),
        (
            {"command": "llama-server -m m.gguf", "model": "d.gguf"},
            "command: --model stands here, and the profile has `model` too; keep one",
        ),
        (
            {"command": "llama-server -m m.gguf -md d.gguf", "draft": "d.gguf"},
            "command: --spec-draft-model stands here, and the profile has `draft` too; keep one",
        ),
        ({"command": "llama-server -m gone.gguf"}, "`model` = 'gone.gguf' was not found (looked at "),
        ({"model": "m.gguf", "draft": "gone.gguf"}, "`draft` = 'gone.gguf' was not found (looked at "),
        ({"command": "llama-server -m m.gguf -np 2"}, "command: -np 2 does not fit the profile's `parallel` = 1"),
    ],
)
def test_a_bad_command_is_refused_with_the_key_and_the_mend(
    keys: dict[str, object], problem: str, models: Path
) -> None:
    message = refusal(profile(**keys), models)
    assert message.startswith(problem)
    if "looked at" in problem:
        assert str(models / "gone.gguf") in message


def test_weights_that_the_server_fetches_need_no_file() -> None:
    line = compose(profile(command="llama-server -hf u/m:Q4_K_M -hfd u/d"), NEW, None)
    assert (dict(line.files), line.speculates) == ({}, True)
    assert "--offline" not in line.argv(profile(), 1)


def test_the_slots_of_a_command_are_those_of_the_profile(tmp_path: Path, models: Path) -> None:
    file = tmp_path / "polecat.toml"
    for flag in ("-np", "--parallel"):
        file.write_text(f"[profiles.a]\ncommand = 'llama-server -m m.gguf -c 8192 {flag} 4'", encoding="utf-8")
        asked = load(file).get("a")
        line = compose(asked, NEW, models)
        assert (asked.parallel, line.context) == (4, 2048)
        assert line.argv(asked, 1).count("--parallel") == 1
    file.write_text("[profiles.a]\ncommand = 'llama-server -m m.gguf -np 4'\nparallel = 2", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"profiles\.a\.parallel: is 2, but the command asks for 4 slots; keep one"):
        load(file)


@pytest.mark.parametrize(("args", "context"), [({}, None), ({"c": 0}, None), ({"c": 8192}, 4096)])
def test_the_context_of_a_slot_is_known_before_the_start(
    args: dict[str, object], context: int | None, models: Path
) -> None:
    assert compose(profile(model="m.gguf", parallel=2, args=args), NEW, models).context == context


def test_the_rules_of_placement_stand_in_the_order_of_the_flags(models: Path) -> None:
    line = compose(profile(command="llama-server -m m.gguf -ot a=CPU,b=CUDA0 -ncmoe 2 -ot c=CPU"), NEW, models)
    assert [rule.pattern[:9] for rule in line.placement] == ["a", "b", r"blk\.(0|1", "c"]
    assert line.placement[1] == Rule("b", "CUDA0")


def test_an_override_of_another_architecture_is_refused_before_the_start(tmp_path: Path) -> None:
    write_random_model(tmp_path / "llama.gguf")
    for key, fits in (
        ("llama.expert_used_count", True),
        ("llama.block_count", True),
        ("qwen3moe.expert_used_count", False),
    ):
        asked = profile(model="llama.gguf", args={"override-kv": f"{key}=int:6"})
        if fits:
            assert "--override-kv" in own(compose(asked, NEW, tmp_path))
        else:
            assert re.match(
                "args: --override-kv: 'qwen3moe.expert_used_count' changes nothing: .* of architecture 'llama'; "
                "write llama.expert_used_count",
                refusal(asked, tmp_path),
            )


# Secrets


def test_no_key_is_in_a_command_line_that_is_shown(models: Path) -> None:
    command = (
        "MY_TOKEN=hunter2 env HF_TOKEN=hunter2 llama-server -m m.gguf --api-key hunter2 -hft hunter2 "
        "--hf_token hunter2 --override-kv tokenizer.ggml.bos_token=int:1"
    )
    asked = profile(
        command=command,
        wrapper=["env", "API_KEY=hunter2", "OMP_NUM_THREADS=1", "tool", "--password", "hunter2"],
        env={"SOME_KEY": "hunter2"},
    )
    line = compose(asked, NEW, models)
    words = shown(line.argv(asked, 1))
    assert "hunter2" not in " ".join(words)
    assert words[:6] == ("env", "API_KEY=***", "OMP_NUM_THREADS=1", "tool", "--password", "***")
    assert "tokenizer.ggml.bos_token=int:1" in words
    assert line.env(asked)["MY_TOKEN"] == "hunter2"
    assert "hunter2" not in without_secrets(asked).model_dump_json()


@pytest.mark.parametrize("key", ["api-key", "hf-token", "hft", "hf_token"])
def test_no_key_among_the_args_is_shown(key: str, models: Path) -> None:
    asked = profile(model="m.gguf", args={key: "hunter2"}, env={"HF_TOKEN": "hunter2", "OMP_NUM_THREADS": "1"})
    assert "hunter2" not in " ".join(shown(compose(asked, NEW, models).argv(asked, 1)))
    recorded = without_secrets(asked)
    assert "hunter2" not in recorded.model_dump_json()
    assert recorded.env["OMP_NUM_THREADS"] == "1"
