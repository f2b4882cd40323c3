import random
from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue

from pytest_polecat.asking.presets import import_profiles
from pytest_polecat.asking.presets.flags import why_not
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.request import Sampling
from tests.asking.presets.presets_helpers import EXPERTS, Loaded, imported, refused

CONFIG = rf"""
healthCheckTimeout: 500
apiKeys: ["sk-sekret"]
macros:
  "server": >
    /opt/llama.cpp/llama-server-b11434
    --port ${{PORT}} --host 127.0.0.1
  models: ${{env.MODEL_STORE}}/gguf
  ctx: 4096
  ctx_args: "--ctx-size ${{ctx}} --jinja"
  flash: on

shared: &shared
  ttl: 60
  concurrencyLimit: 2

models:
  "unsloth/Qwen3.5:Q4":
    <<: *shared
    name: Qwen
    description: the ${{MODEL_ID}}
    macros:
      ctx: 188000
      warm: 0.7
    cmd: |
      # ${{server}} is defined above
      ${{server}} --alias ${{MODEL_ID}} --api-key sk-sekret
        --model ${{models}}/Qwen3.5-35B.gguf ${{ctx_args}} \
      # experts
      -ot "{EXPERTS}"
      -fa ${{flash}} -np 2
    env:
      - "CUDA_VISIBLE_DEVICES=0,1"
      - "HF_HOME=${{env.HF_HOME}}"
      - "HF_TOKEN=sk-sekret"
    filters:
      stripParams: "temperature"
      setParams:
        temperature: ${{warm}}
        dry_multiplier: 0.8
        chat_template_kwargs: {{a: 1}}
        model: other
      setParamsByID:
        "${{MODEL_ID}}:high":
          chat_template_kwargs: {{a: 2}}
        "${{MODEL_ID}}:plain":
          chat_template_kwargs: {{b: 1}}

  frontdoor:
    cmd: GGML_CUDA_NO_PINNED=1 numactl --interleave=all llama-server --port ${{PORT}} -m 'my model.gguf' -ngl 99

  umbrella:
    cmd: llama serve -m x.gguf --log-file /tmp/${{PORT}}.log
    useModelName: x

  contained:
    proxy: http://127.0.0.1:${{PORT}}
    cmd: |
      docker run --name llama-server --rm -p ${{PORT}}:8080
      ghcr.io/ggml-org/llama.cpp:server --model /models/m.gguf

  other:
    cmd: vllm serve some/model --port ${{PORT}}
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_STORE", "/srv/models")


def swap(folder: Path, text: str, url: str | None = None) -> Loaded:
    return imported(folder, "config.yaml", text, url)


def of_command(folder: Path, command: str) -> Loaded:
    return swap(folder, yaml.safe_dump({"models": {"a": {"cmd": command}}}))


def test_commands_of_llama_server_become_profiles(tmp_path: Path) -> None:
    found = swap(tmp_path, CONFIG)
    command = f"""/opt/llama.cpp/llama-server-b11434
  --model /srv/models/gguf/Qwen3.5-35B.gguf
  --ctx-size 188000
  --jinja
  -ot '{EXPERTS}'
  -fa on
  -np 2
"""
    qwen = Profile(
        name="unsloth-Qwen3.5-Q4",
        description="the unsloth/Qwen3.5:Q4",
        command=command,
        env={"CUDA_VISIBLE_DEVICES": "0,1"},
        parallel=2,
        sampling=Sampling(temperature=0.7, extra={"dry_multiplier": 0.8, "chat_template_kwargs": {"a": 1}}),
    )
    high: dict[str, JsonValue] = {"dry_multiplier": 0.8, "chat_template_kwargs": {"a": 2}}
    plain: dict[str, JsonValue] = {"dry_multiplier": 0.8, "chat_template_kwargs": {"b": 1}}
    assert found.profiles == {
        qwen.name: qwen,
        f"{qwen.name}-high": qwen.model_copy(
            update={"name": f"{qwen.name}-high", "sampling": Sampling(temperature=0.7, extra=high)}
        ),
        f"{qwen.name}-plain": qwen.model_copy(
            update={"name": f"{qwen.name}-plain", "sampling": Sampling(temperature=0.7, extra=plain)}
        ),
        "frontdoor": Profile(
            name="frontdoor",
            command="llama-server\n  -m 'my model.gguf'\n  -ngl 99\n",
            wrapper=("numactl", "--interleave=all"),
            env={"GGML_CUDA_NO_PINNED": "1"},
        ),
        "umbrella": Profile(name="umbrella", command="llama serve\n  -m x.gguf\n  --log-file /tmp/5800.log\n"),
    }


def test_what_could_not_come_along_is_told_without_secrets(tmp_path: Path) -> None:
    found = swap(tmp_path, CONFIG)
    assert "sekret" not in found.text + " ".join(found.notes)
    assert [note[: note.index(";") if ";" in note else None] for note in found.notes] == [
        'unsloth-Qwen3.5-Q4: this is "unsloth/Qwen3.5:Q4" there, which is no name for a profile',
        "unsloth-Qwen3.5-Q4: env.HF_TOKEN is left out: secrets stay out of polecat.toml",
        "unsloth-Qwen3.5-Q4: filters sets model, which is left out: polecat sets it",
        f"unsloth-Qwen3.5-Q4: --api-key is left out: {why_not('api-key')}",
        "unsloth-Qwen3.5-Q4: ${env.MODEL_STORE} stands for the value that it has now, which was put in",
        "unsloth-Qwen3.5-Q4: filters.stripParams is left out: polecat sends what it is told to",
        'unsloth-Qwen3.5-Q4-high: this is "unsloth/Qwen3.5:Q4:high" there, which is no name for a profile',
        'unsloth-Qwen3.5-Q4-plain: this is "unsloth/Qwen3.5:Q4:plain" there, which is no name for a profile',
        "unsloth-Qwen3.5-Q4-plain: filters sets model, which is left out: polecat sets it",
        "contained: is skipped: its command starts no llama-server on this machine",
        "other: is skipped: its command starts no llama-server on this machine",
    ]


def test_commands_are_readable_in_the_toml(tmp_path: Path) -> None:
    text = swap(tmp_path, CONFIG).text
    assert "command = '''\n/opt/llama.cpp/llama-server-b11434\n  --model /srv" in text
    assert f"\n  -ot '{EXPERTS}'\n" in text


def test_with_a_url_every_model_is_asked_through_llama_swap(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9292/v1"
    found = swap(tmp_path, CONFIG.replace("MODEL_STORE", "NOT_SET_HERE"), url)
    assert {profile.url for profile in found.profiles.values()} == {url}
    assert [profile.model for profile in found.profiles.values()] == [
        "unsloth/Qwen3.5:Q4",
        "unsloth/Qwen3.5:Q4:high",
        "unsloth/Qwen3.5:Q4:plain",
        "frontdoor",
        "umbrella",
        "contained",
        "other",
    ]
    assert found.profiles["unsloth-Qwen3.5-Q4"].description == "the unsloth/Qwen3.5:Q4"
    assert found.notes[-1].startswith("this llama-swap asks for a key: ")


def test_identifiers_that_become_the_same_name_are_told_apart(tmp_path: Path) -> None:
    models = {name: {"cmd": f"llama-server -m {number}"} for number, name in enumerate(["a/b", "a:b", "日本", "語"])}
    assert list(swap(tmp_path, yaml.safe_dump({"models": models}, sort_keys=False)).profiles) == [
        "a-b",
        "a-b-2",
        "model",
        "model-2",
    ]


def test_a_models_own_macro_is_what_a_shared_one_sees(tmp_path: Path) -> None:
    text = """
macros: {size: 1, args: "-c ${size}"}
models:
  a: {cmd: "llama-server ${args}", macros: {size: 2}}
  b: {cmd: "llama-server ${args}"}
"""
    commands = [profile.command for profile in swap(tmp_path, text).profiles.values()]
    assert commands == ["llama-server\n  -c 2\n", "llama-server\n  -c 1\n"]


@pytest.mark.parametrize(
    ("command", "wrapper", "env", "kept"),
    [
        ("env A=1 B='x y' nice -n 5 llama-server -m m", ("nice", "-n", "5"), {"A": "1", "B": "x y"}, "-m m"),
        ("numactl --localalloc llama-server -m m", ("numactl", "--localalloc"), {}, "-m m"),
        ("llama-server --port=1 -a x -m m --reuse-port", (), {}, "-m m"),
    ],
)
def test_what_stands_before_the_program_goes_where_profiles_have_it(
    tmp_path: Path, command: str, wrapper: tuple[str, ...], env: dict[str, str], kept: str
) -> None:
    profile = of_command(tmp_path, command).profiles["a"]
    assert (profile.wrapper, profile.env) == (wrapper, env)
    assert profile.command == f"llama-server\n  {kept}\n"


@pytest.mark.parametrize(
    "command",
    [
        "bash -c 'llama-server -m m'",
        "ssh host llama-server -m m",
        "python -m x llama-server",
        "podman run llama-server",
    ],
)
def test_what_does_not_run_here_as_it_stands_is_skipped(tmp_path: Path, command: str) -> None:
    found = of_command(tmp_path, command)
    assert not found.profiles
    assert len(found.notes) == 1


def test_the_yaml_is_read_as_llama_swap_reads_it(tmp_path: Path) -> None:
    text = "macros: {a: no, b: 12:30, c: 007, d: true}\nmodels: {m: {cmd: 'llama-server ${a} ${b} ${c} ${d}'}}"
    assert swap(tmp_path, text).profiles["m"].command == "llama-server no 12:30 007 true\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "config.yaml: no llama-swap config; it needs a mapping of models"),
        ("a: 1", "config.yaml: models: must be a mapping of models by their IDs, not nothing"),
        ("models: [a]", "config.yaml:1: models: must be a mapping of models by their IDs, not a list"),
        ("models:\n  a: 1", "config.yaml:2: models.a: must be a mapping with a cmd, not the number 1"),
        ("models:\n  a: {}", "config.yaml:2: models.a.cmd: must be the command that starts the model, not nothing"),
        ("models: {a: {cmd: 'x \"'}}", "config.yaml:1: models.a.cmd: not a command line: no closing quotation"),
        ("models: {a: {cmd: '${x}'}}", "config.yaml:1: models.a.cmd: there is no macro ${x}; define it under macros"),
        (
            "models: {a: {cmd: '${env.NOT_SET_HERE}'}}",
            "config.yaml:1: models.a.cmd: ${env.NOT_SET_HERE} is not set in the environment; set it: export NOT_SET",
        ),
        (
            "macros: {a: '${b}', b: 1}\nmodels: {a: {cmd: '${a}'}}",
            "config.yaml:2: models.a.cmd: ${b} is used by a macro that stands before it",
        ),
        ("macros: {PORT: 1}\nmodels: {}", "config.yaml:1: macros.PORT: is a name that llama-swap keeps for itself"),
        ("macros: {a: [1]}\nmodels: {}", "config.yaml:1: macros.a: must be a text, a number, true or false"),
        (
            "models:\n  a:\n    cmd: llama-server -m m\n    env: [A]",
            "config.yaml:4: models.a.env[0]: must be a text such as NAME=value",
        ),
        (
            "models:\n  a:\n    cmd: llama-server -m m\n    filters: {setParams: {x: null}}",
            "config.yaml:4: models.a.filters.setParams.x: is null, which no profile can hold; take it out",
        ),
        (
            "models:\n  a:\n    cmd: llama-server -m m\n    filters: {setParams: {temperature: hot}}",
            "config.yaml: profiles.a.sampling.temperature: must be a number, not a text",
        ),
        ("models: {a: 1, a: 2}", "config.yaml:1: models.a: stands here twice; drop one"),
        ("models: {? [a] : 1}", "config.yaml:1: a key must be a plain word; write one"),
        ("models: {<<: 1}", 'config.yaml:1: models."<<": must be a mapping, or a list of mappings'),
        ("models: {a: 1}}\n", "config.yaml:1: not valid YAML: "),
        ("models: *x", "config.yaml:1: not valid YAML: found undefined alias"),
        ("models: &a {x: *a}", "config.yaml: nested too deeply, or a value holds itself; write it flatter"),
    ],
)
def test_a_wrong_config_is_refused_with_key_and_mend(tmp_path: Path, text: str, problem: str) -> None:
    assert refused(tmp_path, "config.yaml", text).startswith(problem)


def test_aliases_and_macros_that_stand_for_too_much_are_refused(tmp_path: Path) -> None:
    lists = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
    assert "holds more than 100,000 values" in refused(tmp_path, "config.yaml", f"a0: &a0 [x]\n{lists}\nmodels: {{}}")
    macros = {"m0": "x" * 9} | {f"m{n}": f"${{m{n - 1}}}" * 9 for n in range(1, 40)}
    text = yaml.safe_dump({"macros": macros, "models": {"a": {"cmd": "${m39}"}}}, sort_keys=False)
    assert "models.a.cmd: grows too long with its macros" in refused(tmp_path, "config.yaml", text)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9292/v1"])
def test_a_value_of_another_type_anywhere_is_taken_or_refused_in_one_line(tmp_path: Path, url: str | None) -> None:
    others: list[object] = [None, True, 1.5, 10**30, float("inf"), "", "${x}", "'", "\0", [], [None], {}, {"a": None}]
    config = yaml.safe_load(CONFIG)
    file = tmp_path / "config.yaml"
    for place in _places(config, ()):
        changed = yaml.safe_load(CONFIG)
        inner = changed
        for part in place[:-1]:
            inner = inner[part]
        inner[place[-1]] = random.Random(str(place)).choice(others)
        file.write_text(yaml.safe_dump(changed), encoding="utf-8")
        message = ""
        try:
            import_profiles(file, url)
        except ProfileError as error:
            message = str(error)
        assert message.isprintable()
        assert not message or message.startswith(str(file))


def _places(value: object, key: tuple[object, ...]) -> list[tuple[object, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, item in items for place in ((*key, name), *_places(item, (*key, name)))]
