from pathlib import Path

import pytest
from pydantic import JsonValue

from pytest_polecat.asking.presets import export_ini
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile, Reasoning
from pytest_polecat.records.request import Sampling
from tests.asking.presets.presets_helpers import EXPERTS, Loaded, imported, refused

PRESETS = rf"""; what the router serves
version = 1

[*]
n-gpu-layers = 99
c = 8192
jinja = true
temp = 0.8

[9b-iq4nl]
model = /models/Qwen3.5-9B-IQ4_NL.gguf
ctx-size = 262144 ; all of it
LLAMA_ARG_CACHE_TYPE_K = q8_0
ctv = q8_0
no-kv-offload = on
flash-attn = on
reasoning = off
load-on-startup = true

[35b-a3b-regex]
m = Qwen3.5-35B-A3B.gguf
md = draft.gguf
mm = mmproj.gguf
np = 2
override-tensor = {EXPERTS}
override-kv = qwen3moe.expert_used_count=int:6
temp = 0.6
top-p = 0.95
top-k = 20
presence-penalty = 0.0
dry-multiplier = 0.5
reasoning-budget = 4096
no-jinja = true
"""


def ini(folder: Path, text: str, url: str | None = None) -> Loaded:
    return imported(folder, "models.ini", text, url)


def again(folder: Path, *profiles: Profile) -> dict[str, Profile]:
    """Profiles written as presets and read back."""
    return dict(ini(folder, export_ini(profiles)[0]).profiles)


def test_each_section_becomes_a_profile_with_the_global_one_laid_under_it(tmp_path: Path) -> None:
    found = ini(tmp_path, PRESETS)
    assert found.profiles == {
        "9b-iq4nl": Profile(
            name="9b-iq4nl",
            model="/models/Qwen3.5-9B-IQ4_NL.gguf",
            args={
                "n-gpu-layers": 99,
                "ctx-size": 262144,
                "jinja": True,
                "cache-type-k": "q8_0",
                "cache-type-v": "q8_0",
                "kv-offload": False,
                "flash-attn": "on",
            },
            sampling=Sampling(temperature=0.8),
            reasoning=Reasoning(enabled=False),
        ),
        "35b-a3b-regex": Profile(
            name="35b-a3b-regex",
            model="Qwen3.5-35B-A3B.gguf",
            draft="draft.gguf",
            mmproj="mmproj.gguf",
            parallel=2,
            args={
                "n-gpu-layers": 99,
                "ctx-size": 8192,
                "jinja": False,
                "override-tensor": EXPERTS,
                "override-kv": "qwen3moe.expert_used_count=int:6",
            },
            sampling=Sampling(
                temperature=0.6, top_p=0.95, top_k=20, presence_penalty=0.0, extra={"dry_multiplier": 0.5}
            ),
            reasoning=Reasoning(budget=4096),
        ),
    }
    assert found.notes == ()


def test_a_pattern_stands_in_the_toml_as_it_was_written(tmp_path: Path) -> None:
    assert f"override-tensor = '{EXPERTS}'\n" in ini(tmp_path, PRESETS).text


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("threads = 8", {"threads": 8}),
        ("rope-freq-scale = 0.5", {"rope-freq-scale": 0.5}),
        ("cpu-mask = 00FF", {"cpu-mask": "00FF"}),
        ("cpu-mask = 1e5", {"cpu-mask": "1e5"}),
        ("seed = 99999999999999999999", {"seed": "99999999999999999999"}),
        ("tensor-split = 3,1", {"tensor-split": "3,1"}),
        ("chat-template =", {"chat-template": ""}),
        ('chat-template-kwargs = {"enable_thinking":false}', {"chat-template-kwargs": '{"enable_thinking":false}'}),
        ("override-tensor = a=CPU,b=CPU#;no", {"override-tensor": "a=CPU,b=CPU"}),
        ("flash-attn = true", {"flash-attn": "on"}),
        ("some-newer-flag = true", {"some-newer-flag": True}),
        ("cpu-moe = 1", {"cpu-moe": True}),
        ("cpu-moe = false", {}),
        ("cont-batching = disabled", {"cont-batching": False}),
        ("no-warmup = false", {"warmup": True}),
        ("no-mmap = true", {"no-mmap": True}),
        ("LLAMA_ARG_UBATCH = 512", {"ubatch-size": 512}),
        ("n-predict = 64", {"n-predict": 64}),
        ("reasoning = auto", {"reasoning": "auto"}),
        ("reasoning-budget = -1", {"reasoning-budget": -1}),
        ("top-k = -1", {"top-k": -1}),
    ],
)
def test_a_flag_has_the_type_that_its_value_is_written_with(tmp_path: Path, line: str, args: dict[str, object]) -> None:
    profile = ini(tmp_path, f"[a]\nmodel = a.gguf\n{line}\n").profiles["a"]
    assert profile.args == args
    assert profile.sampling == Sampling()


def test_a_section_overrides_the_global_one_in_any_spelling(tmp_path: Path) -> None:
    text = "[*]\nkvu = true\nngl = 10\n[a]\nm = a.gguf\nno-kv-unified = true\nLLAMA_ARG_N_GPU_LAYERS = 20\n"
    assert ini(tmp_path, text).profiles["a"].args == {"kv-unified": False, "n-gpu-layers": 20}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_end_of_line_ends_a_line(tmp_path: Path, newline: str) -> None:
    (tmp_path / "a.ini").write_bytes(newline.join(["[a]", "m = a.gguf  ", "c = 5"]).encode())
    found = imported(tmp_path, "b.ini", (tmp_path / "a.ini").read_bytes().decode())
    assert found.profiles["a"].model == "a.gguf"
    assert found.profiles["a"].args == {"ctx-size": 5}


def test_keys_before_the_first_section_belong_to_the_default_one(tmp_path: Path) -> None:
    assert ini(tmp_path, "model = a.gguf\nc = 5\n").profiles["default"].args == {"ctx-size": 5}


def test_what_stands_there_twice_counts_as_in_llama_server_and_is_told(tmp_path: Path) -> None:
    text = "[a]\nm = old.gguf\nc = 1\n[a]\nm = a.gguf\nc = 2\nc = 3\nctx-size = 4\n"
    found = ini(tmp_path, text)
    assert found.profiles["a"].model == "a.gguf"
    assert found.profiles["a"].args == {"ctx-size": 4}
    assert found.notes == (
        "[a] stands there twice; as in llama-server, the later one counts alone",
        "[a] c stands there twice; the later one counts",
        "[a] ctx-size is ctx-size again, in another spelling; as in llama-server, it counts",
    )


def test_how_a_server_is_reached_is_left_out_and_told_once(tmp_path: Path) -> None:
    text = "[*]\nhost = 0.0.0.0\n[a]\nm = a.gguf\napi-key = sekret\nhft = sekret\na = x\n[b]\nm = b.gguf\n"
    found = ini(tmp_path, text)
    assert "sekret" not in found.text + " ".join(found.notes)
    assert [note.partition(":")[0] for note in found.notes] == [
        "[*] host is left out",
        "[a] a is left out",
        "[a] api-key is left out",
        "[a] hft is left out",
    ]


def test_a_section_without_weights_is_told_unless_it_is_named_like_a_repository(tmp_path: Path) -> None:
    found = ini(tmp_path, "[*]\nc = 5\n[ggml-org/gemma-3:Q4_0]\n[empty]\nt = 4\n")
    assert found.profiles["ggml-org-gemma-3-Q4_0"].args == {"ctx-size": 5, "hf-repo": "ggml-org/gemma-3:Q4_0"}
    assert found.notes == (
        'ggml-org-gemma-3-Q4_0: this is "ggml-org/gemma-3:Q4_0" there, which is no name for a profile',
        "[empty] names no weights, so it became no profile; add model = FILE.gguf",
    )


def test_slots_that_are_left_to_the_server_are_told(tmp_path: Path) -> None:
    found = ini(tmp_path, "[a]\nm = a.gguf\nparallel = -1\n")
    assert found.profiles["a"].parallel == 1
    assert found.notes == ("a: parallel = -1 leaves the slots to llama-server, and is left out: polecat asks for 1",)


def test_a_router_is_asked_by_the_names_that_it_gives(tmp_path: Path) -> None:
    found = ini(tmp_path, "[9b:ud-iq4_nl]\nm = a.gguf\nc = 5\n[b]\nm = b.gguf\n", url="http://127.0.0.1:8080/v1")
    assert {name: (profile.url, profile.model) for name, profile in found.profiles.items()} == {
        "9b-ud-iq4_nl": ("http://127.0.0.1:8080/v1", "9b:IQ4_NL"),
        "b": ("http://127.0.0.1:8080/v1", "b"),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a]\n  m = a\n", "models.ini:2: this line begins with a blank, which llama-server refuses"),
        ("[a\nm = a\n", "models.ini:1: not a section; write [NAME]"),
        ("[ ]\n", "models.ini:1: this section has no name; write [NAME]"),
        ("[a]\nsekret\n", "models.ini:2: neither a section nor a key; write [NAME] or key = value"),
        ("[a]\nm = a\njinja = yes\n", "models.ini:3: [a] jinja: neither true nor false; write one of them"),
        ("[a]\nm = a\nnp = two\n", "models.ini:3: [a] np: must be a whole number of slots"),
        ("[a]\nm = a\ntemp = warm\n", "models.ini:3: [a] temp: must be a number"),
        (
            "[a]\nm = a\nLLAMA_ARG_NO_JINJA = true\n",
            "models.ini:3: [a] LLAMA_ARG_NO_JINJA: llama-server's presets read this name as if it had no NO in it;",
        ),
    ],
)
def test_a_wrong_line_is_refused_with_its_place_and_the_mend(tmp_path: Path, text: str, problem: str) -> None:
    message = refused(tmp_path, "models.ini", text)
    assert message.startswith(problem)
    assert "sekret" not in message


def test_a_written_file_read_again_gives_the_same_profiles(tmp_path: Path) -> None:
    profiles = ini(tmp_path, PRESETS).profiles
    assert again(tmp_path, *profiles.values()) == profiles
    text, notes = export_ini(profiles.values())
    assert text.startswith("[9b-iq4nl]\nmodel = /models/Qwen3.5-9B-IQ4_NL.gguf\n")
    assert notes == (
        "35b-a3b-regex: llama-server loads the draft and leaves it idle unless spec-type says how to use it",
    )


def test_a_command_is_written_flag_by_flag(tmp_path: Path) -> None:
    profile = Profile(
        name="tuned",
        command=f"""OMP_NUM_THREADS=1 numactl --interleave=all /opt/llama-server -m q.gguf -ngl 99 --no-mmap -fa \\
            --jinja -ot '{EXPERTS}' -ot output=CPU -c 4096 -c 8192 -np 3 --reasoning-budget -1 --port 80""",
        parallel=2,
        sampling=Sampling(temperature=0.6),
        wrapper=("nice",),
    )
    text, notes = export_ini([profile])
    assert text.splitlines() == [
        "[tuned]",
        "model = q.gguf",
        "n-gpu-layers = 99",
        "load-mode = none",
        "flash-attn = on",
        "jinja = true",
        f"override-tensor = {EXPERTS},output=CPU",
        "ctx-size = 8192",
        "parallel = 3",
        "reasoning-budget = -1",
        "temp = 0.6",
    ]
    assert notes == (
        "tuned: what stands before the program in its command is left out: presets have no place for it",
        "tuned: command is left out: the router sets it, or must not be told",
        "tuned: wrapper is left out: presets have no place for it",
        "tuned: the path of its program is left out: presets have no place for it",
    )


def test_args_are_written_under_the_names_of_today(tmp_path: Path) -> None:
    args: dict[str, JsonValue] = {
        "ctx_size": 5,
        "no-mmap": True,
        "flash-attn": True,
        "cpu-moe": False,
        "override-tensor": ["a=CPU", "b=CPU"],
        "chat-template-kwargs": {"enable_thinking": False},
        "draft-max": 16,
    }
    text, _ = export_ini([Profile(name="a", model="a.gguf", args=args)], models_dir=tmp_path)
    assert text.splitlines() == [
        "[a]",
        f"model = {tmp_path / 'a.gguf'}",
        "ctx-size = 5",
        "load-mode = none",
        "flash-attn = on",
        "override-tensor = a=CPU,b=CPU",
        'chat-template-kwargs = {"enable_thinking": false}',
        "spec-draft-n-max = 16",
        "parallel = 1",
    ]


def test_what_presets_have_no_place_for_is_noted_line_by_line() -> None:
    profile = Profile(
        name="a",
        model="a.gguf",
        env={"A": "1"},
        system="Be brief.",
        prompt_prefix="/no_think ",
        sampling=Sampling(max_tokens=5, extra={"samplers": ["top_k"]}),
        args={"api-key": "sekret"},
    )
    remote = Profile(name="haiku", url="http://127.0.0.1/v1", model="haiku")
    text, notes = export_ini([profile, remote])
    assert "sekret" not in text + " ".join(notes)
    assert [note.partition(" is ")[0] for note in notes] == [
        "a: args.api-key",
        "a: sampling.max_tokens",
        "a: sampling.samplers",
        "a: env",
        "a: system",
        "a: prompt_prefix",
        "haiku:",
    ]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a;b", 'holds ";"'),
        ("a#b", 'holds "#"'),
        ("a\nb", "holds a line break"),
        (" a", "begins or ends with a blank"),
        ("a\t", "begins or ends with a blank"),
    ],
)
def test_a_value_that_presets_cannot_hold_is_refused_with_profile_and_key(value: str, why: str) -> None:
    with pytest.raises(ProfileError) as error:
        export_ini([Profile(name="a", model="a.gguf", args={"chat-template": value})])
    assert str(error.value).startswith(f'profile "a": args.chat-template: {why}')


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        (Profile(name="a", args={"c": 5}), "model: is missing; name a GGUF file"),
        (Profile(name="a", model="a", args={"3d": 5}), "args.3d: is no flag that presets can name; correct it"),
        (Profile(name="a", command="llama-server x"), "command: a word belongs to no flag"),
        (Profile(name="a", command="llama-server 'x"), "command: not a command line: no closing quotation"),
        (Profile(name="a", command="A=1"), "command: names no program"),
    ],
)
def test_a_profile_that_is_no_preset_is_refused(profile: Profile, problem: str) -> None:
    with pytest.raises(ProfileError) as error:
        export_ini([profile])
    assert str(error.value).startswith(f'profile "a": {problem}')
