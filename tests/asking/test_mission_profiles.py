"""The repository's own polecat.toml: what each of its profiles becomes, flag by flag."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_polecat.asking.launch.binary.command_line import CommandLine, compose
from pytest_polecat.asking.profiles import ProfileBook, load
from pytest_polecat.asking.weights.overrides import CPU_MOE, Rule
from pytest_polecat.demo.profiles import PROFILES
from pytest_polecat.records.profile import Price, Profile, Reasoning
from pytest_polecat.records.request import Sampling
from tests.asking.launch.builds import NEW, OLD

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "polecat.toml"
PATTERN = r"blk\.([0-2][0-9]|3[0-5])\.ffn_.*_exps\.weight"
PRECISE = Sampling(temperature=0.6, top_p=0.95, top_k=20, presence_penalty=0.0)
INTERACTIVE = "--n-gpu-layers 99 --cache-type-k q8_0 --cache-type-v q8_0 --load-mode none --reasoning off"
MIXTURE = "--n-gpu-layers 99 --cache-type-k q8_0 --cache-type-v q8_0 --load-mode none"
LOCAL = ("0.8b", "2b", "4b", "9b-iq4nl", "27b-iq2m", "35b-a3b-regex", "35b-a3b-cmoe", "frontdoor", "35b-a3b-mtp")

WORDS = {
    "0.8b": f"--model Qwen3.5-0.8B-Q8_0.gguf --ctx-size 262144 {INTERACTIVE}",
    "2b": f"--model Qwen3.5-2B-Q8_0.gguf --ctx-size 262144 {INTERACTIVE}",
    "4b": f"--model Qwen3.5-4B-Q8_0.gguf --ctx-size 262144 {INTERACTIVE}",
    "9b-iq4nl": f"--model Qwen3.5-9B-IQ4_NL.gguf --ctx-size 262144 {INTERACTIVE}",
    "27b-iq2m": f"--model Qwen3.5-27B-UD-IQ2_M.gguf --ctx-size 32768 {INTERACTIVE}",
    "35b-a3b-regex": f"--model Qwen3.5-35B-A3B-IQ4_NL.gguf --ctx-size 188000 {MIXTURE} --override-tensor {PATTERN}=CPU",
    "35b-a3b-cmoe": f"--model Qwen3.5-35B-A3B-IQ4_NL.gguf --ctx-size 262144 {MIXTURE} --cpu-moe",
    "frontdoor": (
        "--model Qwen3-30B-A3B-Instruct-2507-Q4_K_M.gguf --spec-draft-model Qwen3-0.6B-Q8_0.gguf --spec-draft-n-max 16 "
        "--override-kv qwen3moe.expert_used_count=int:6 -t 96 -c 65536 --spec-type ngram-simple,draft-simple"
    ),
    "35b-a3b-mtp": (
        f"--model Qwen3.6-35B-A3B-MTP-UD-Q4_K_XL.gguf --ctx-size 262144 {MIXTURE} --cpu-moe "
        "--spec-draft-n-max 2 --spec-type draft-mtp"
    ),
}


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProfileBook:
    """The profiles, and an empty stand-in for each of their weights."""
    monkeypatch.setenv("POLECAT_MODELS_DIR", str(tmp_path))
    for words in WORDS.values():
        for word in words.split():
            if word.endswith(".gguf"):
                (tmp_path / word).touch()
    return load(CONFIG, builtin=PROFILES)


def composed(book: ProfileBook, name: str) -> tuple[Profile, CommandLine]:
    profile = book.get(name)
    return profile, compose(profile, NEW, book.models_dir)


def test_every_profile_that_launches_a_server_is_told_of_here(book: ProfileBook) -> None:
    launched = {name for name, profile in book.profiles.items() if profile.launcher_name == "binary"}
    assert launched == set(LOCAL) == set(WORDS)


@pytest.mark.parametrize("name", LOCAL)
def test_a_profile_becomes_exactly_this_command_line(name: str, book: ProfileBook, tmp_path: Path) -> None:
    profile, line = composed(book, name)
    words = [str(tmp_path / word) if word.endswith(".gguf") else word for word in WORDS[name].split()]
    wrapper = ["numactl", "--interleave=all"] if name == "frontdoor" else []
    slots = "2" if name == "frontdoor" else "1"
    ours = ["--parallel", slots, "--host", "127.0.0.1", "--port", "9", "--alias", name, "--metrics", "--no-ui"]
    ours += ["--jinja", "--fit", "off", "--offline"]
    assert list(line.argv(profile, 9)) == [*wrapper, "llama-server", *words, *ours]


@pytest.mark.parametrize("name", LOCAL)
def test_no_flag_of_them_had_to_be_translated_for_a_build_of_today(name: str, book: ProfileBook) -> None:
    assert composed(book, name)[1].notes == ()


@pytest.mark.parametrize("name", [name for name in LOCAL if name != "35b-a3b-mtp"])
def test_a_build_from_before_the_flags_were_renamed_runs_them_too(name: str, book: ProfileBook) -> None:
    argv = compose(book.get(name), OLD, book.models_dir).argv(book.get(name), 9)
    assert "--load-mode" not in argv
    assert ("--no-mmap" in argv) == (name != "frontdoor")
    if name == "frontdoor":
        assert argv[argv.index("--spec-type") + 1] == "ngram-simple"


def test_the_interactive_profiles_do_not_think(book: ProfileBook) -> None:
    for name in ("0.8b", "2b", "4b", "9b-iq4nl", "27b-iq2m"):
        assert book.get(name).reasoning == Reasoning(enabled=False)
        assert book.get(name).parallel == 1


def test_the_pattern_of_the_mission_is_kept_to_the_letter(book: ProfileBook) -> None:
    profile, line = composed(book, "35b-a3b-regex")
    assert profile.args["override-tensor"] == r"blk\.([0-2][0-9]|3[0-5])\.ffn_.*_exps\.weight=CPU"
    assert line.placement == (Rule(PATTERN, "CPU"),)
    assert (line.context, profile.max_prompt) == (188000, 150000)


def test_all_experts_of_cmoe_are_placed_on_the_cpu(book: ProfileBook) -> None:
    profile, line = composed(book, "35b-a3b-cmoe")
    assert line.placement == (CPU_MOE,)
    assert (line.context, profile.max_prompt) == (262144, None)


@pytest.mark.parametrize("name", ["35b-a3b-regex", "35b-a3b-cmoe", "35b-a3b-mtp"])
def test_the_mixtures_are_sampled_as_the_mission_wants(name: str, book: ProfileBook) -> None:
    assert book.get(name).sampling == PRECISE
    assert book.get(name).price == Price(electricity=0.30, watts=350, currency="EUR")


def test_frontdoor_has_two_slots_a_draft_and_variables_of_its_own(book: ProfileBook) -> None:
    profile, line = composed(book, "frontdoor")
    assert (profile.parallel, line.context, line.speculates) == (2, 32768, True)
    assert set(line.files) == {"model", "draft"}
    assert line.env(profile)["OMP_NUM_THREADS"] == "1"


def test_the_mtp_profile_speculates_without_a_draft(book: ProfileBook) -> None:
    _, line = composed(book, "35b-a3b-mtp")
    assert (line.speculates, set(line.files)) == (True, {"model"})


@pytest.mark.parametrize(
    ("name", "url", "api", "model", "key_env", "price"),
    [
        (
            "haiku-4.5",
            "https://api.anthropic.com/v1",
            "anthropic",
            "claude-haiku-4-5",
            "ANTHROPIC_API_KEY",
            Price(input=1, cached_input=0.1, output=5),
        ),
        (
            "deepseek",
            "https://api.deepseek.com/v1",
            "openai",
            "deepseek-flash",
            "DEEPSEEK_API_KEY",
            Price(input=0.15, cached_input=0.003, output=0.6),
        ),
        (
            "openrouter",
            "https://openrouter.ai/api/v1",
            "openai",
            "openai/gpt-oss-120b",
            "OPENROUTER_API_KEY",
            Price(input=0.15, cached_input=0.075, output=0.6),
        ),
        (
            "groq",
            "https://api.groq.com/openai/v1",
            "openai",
            "openai/gpt-oss-120b",
            "GROQ_API_KEY",
            Price(input=0.15, cached_input=0.075, output=0.6),
        ),
    ],
)
def test_a_provider_is_reached_with_a_key_from_the_environment(
    name: str, url: str, api: str, model: str, key_env: str, price: Price, book: ProfileBook
) -> None:
    profile = book.get(name)
    assert (profile.launcher_name, profile.url, profile.api) == ("external", url, api)
    assert (profile.model, profile.key_env, profile.price) == (model, key_env, price)


def test_without_its_weights_one_line_says_what_is_missing_and_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "polecat.toml").write_bytes(CONFIG.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--polecat-model=35b-a3b-regex"],
        cwd=tmp_path,
        env={**os.environ, "POLECAT_MODELS_DIR": str(tmp_path / "weights")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    weights = "Qwen3.5-35B-A3B-IQ4_NL.gguf"
    problem = f"profile '35b-a3b-regex': `model` = '{weights}' was not found"
    looked = f"looked at {tmp_path / 'weights' / weights} and {tmp_path / weights}"
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr == f"ERROR: {problem} ({looked}); correct it\n\n"
    assert [path.name for path in tmp_path.iterdir()] == ["polecat.toml"]
