"""A command line in the words of the build that is there, whatever build it was written for."""

import re
import shlex

import pytest

from pytest_polecat.asking.launch.binary.flags import BadFlagError
from pytest_polecat.asking.launch.binary.program import Build
from pytest_polecat.asking.launch.binary.translation import Translated, canonical, read, spelling, translate
from tests.asking.launch.builds import NEW, OLD, VINTAGE, VINTAGE_HELP, build


def translated(command: str, build: Build) -> Translated:
    return translate(read(shlex.split(command), build), build)


def words(command: str, build: Build) -> str:
    """The command line as it becomes for a build."""
    return " ".join(word for argument in translated(command, build).arguments for word in argument.words)


def refusal(command: str, build: Build) -> str:
    with pytest.raises(BadFlagError) as refused:
        translated(command, build)
    return str(refused.value)


SAME = """
-m m.gguf
--model m.gguf
-hf u/m:Q4_K_M
--hf-repo u/m
-ngl 99
-ngl all
--n-gpu-layers 99
--jinja
--no-jinja
--reasoning off
-rea on
--reasoning-budget 0
--reasoning-format none
--chat-template-kwargs {"enable_thinking":false}
--cache-type-k q8_0
-ctv q8_0
-c 4096
--ctx-size 4096
-np 2
--parallel 2
-kvu
--cont-batching
-nocb
-fa on
--flash-attn auto
-ot blk\\.1=CPU
--override-tensor blk\\.1=CPU
-cmoe
--cpu-moe
-ncmoe 4
--override-kv qwen3moe.expert_used_count=int:6
--spec-draft-n-max 4
--spec-draft-p-min 0.5
--draft-p-min 0.5
-ngld 99
-ctkd q8_0
-devd none
-cmoed
-otd blk\\.1=CPU
--spec-type ngram-simple
-t 8
-tb 8
-b 2048
-ub 512
--mmproj p.gguf
-mm p.gguf
--cache-prompt
-cram 0
--cache-reuse 256
-ctxcp 8
--cache-idle-slots
--slot-save-path /tmp
-lv 4
-to 10
--threads-http 2
--no-warmup
-dev CUDA0
-sm none
-ts 1,1
-mg 0
--swa-full
--context-shift
--sleep-idle-seconds 10
--temp 0.6
--top-p 0.95
--fit off
"""


@pytest.mark.parametrize("command", SAME.strip().splitlines())
def test_what_both_builds_call_the_same_stays_as_it_was_written(command: str) -> None:
    as_given = " ".join(shlex.split(command))
    for known in (NEW, OLD):
        assert words(command, known) == as_given
        assert translated(command, known).notes == ()


@pytest.mark.parametrize(
    ("written", "new", "old"),
    [
        ("--no-mmap", "--load-mode none", "--no-mmap"),
        ("--mmap", "--load-mode mmap", "--mmap"),
        ("--mlock", "--load-mode mlock", "--mlock"),
        ("-dio", "--load-mode dio", "-dio"),
        ("--direct-io", "--load-mode dio", "--direct-io"),
        ("-ndio", "", "-ndio"),
        ("-lm none", "-lm none", "--no-mmap"),
        ("--load-mode none", "--load-mode none", "--no-mmap"),
        ("--load-mode mmap", "--load-mode mmap", ""),
        ("--load-mode auto", "--load-mode auto", ""),
        ("--load-mode mlock", "--load-mode mlock", "--mlock"),
        ("--load-mode mmap+mlock", "--load-mode mmap+mlock", "--mlock"),
        ("--load-mode dio", "--load-mode dio", "--direct-io"),
        ("--no-mmap --mlock", "--load-mode mlock", "--no-mmap --mlock"),
        ("--mlock --no-mmap", "--load-mode mlock", "--mlock --no-mmap"),
        ("--mlock --mmap", "--load-mode mmap+mlock", "--mlock --mmap"),
        ("--no-mmap -ndio", "--load-mode none", "--no-mmap -ndio"),
        ("-fa", "-fa on", "-fa on"),
        ("-fa --jinja", "-fa on --jinja", "-fa on --jinja"),
        ("--draft-max 8", "--spec-draft-n-max 8", "--spec-draft-n-max 8"),
        ("--draft 8", "--spec-draft-n-max 8", "--spec-draft-n-max 8"),
        ("--draft-min 2", "--spec-draft-n-min 2", "--spec-draft-n-min 2"),
        ("-md d.gguf", "-md d.gguf --spec-type draft-simple", "-md d.gguf"),
        ("-hfd u/d", "-hfd u/d --spec-type draft-simple", "-hfd u/d"),
        ("-md d.gguf --spec-type draft-simple", "-md d.gguf --spec-type draft-simple", "-md d.gguf"),
        ("-md d.gguf --spec-type none", "-md d.gguf --spec-type none", "-md d.gguf --spec-type none"),
        ("-md q-mtp.gguf", "-md q-mtp.gguf", "-md q-mtp.gguf"),
        ("-md q-EAGLE3.gguf", "-md q-EAGLE3.gguf", "-md q-EAGLE3.gguf"),
        ("-md d.gguf -cd 4096", "-md d.gguf --spec-type draft-simple", "-md d.gguf -cd 4096"),
        ("--lookup", "--spec-type ngram-simple", "--spec-type ngram-simple"),
        (
            "--lookup --lookup-ngram-min 3",
            "--spec-ngram-simple-size-n 3 --spec-type ngram-simple",
            "--spec-ngram-simple-size-n 3 --spec-type ngram-simple",
        ),
        (
            "--lookup -md d.gguf",
            "-md d.gguf --spec-type ngram-simple,draft-simple",
            "-md d.gguf --spec-type ngram-simple",
        ),
        ("--spec-type ngram-mod,draft-simple", "--spec-type ngram-mod,draft-simple", "--spec-type ngram-mod"),
        ("--spec-type ngram-mod --spec-type draft-mtp", "--spec-type ngram-mod,draft-mtp", None),
        ("--spec-type draft-mtp --spec-draft-n-max 2", "--spec-draft-n-max 2 --spec-type draft-mtp", None),
        ("--spec-type ngram-mod,ngram-simple", "--spec-type ngram-mod,ngram-simple", None),
        ("--reasoning-effort high", "--reasoning-effort high", None),
        ("--reasoning-preserve", "--reasoning-preserve", None),
        ("--kv-unified-per-slot 1", "--kv-unified-per-slot 1", None),
        ("--log-jsonl", "--log-jsonl", None),
        ("--n-cpu-ffn 4", "--n-cpu-ffn 4", None),
        ("--no-webui", "--no-webui", "--no-webui"),
        ("--no-ui", "--no-ui", "--no-webui"),
        ("--swa-checkpoints 2", "--swa-checkpoints 2", "--swa-checkpoints 2"),
    ],
)
def test_a_command_of_one_build_is_run_by_another(written: str, new: str, old: str | None) -> None:
    assert words(written, NEW) == new
    if old is not None:
        assert words(written, OLD) == old
    else:
        assert re.match(r"build b9093-abc1234 of the server|there is no flag --", refusal(written, OLD))


@pytest.mark.parametrize(
    ("written", "vintage"),
    [
        ("-fa", "-fa"),
        ("-fa on", "-fa"),
        ("-fa off", ""),
        ("--flash-attn auto", ""),
        ("--spec-draft-n-max 8", "--draft-max 8"),
        ("--spec-draft-n-min 2", "--draft-min 2"),
        ("--spec-draft-model d.gguf", "--model-draft d.gguf"),
        ("--spec-draft-ctx-size 512", "--ctx-size-draft 512"),
        ("-md d.gguf --spec-type draft-simple", "-md d.gguf"),
        ("--load-mode none", "--no-mmap"),
        ("-lm mmap", ""),
        ("--reasoning off", "--reasoning-budget 0"),
        ("--reasoning on", ""),
        ("--reasoning auto", ""),
    ],
)
def test_a_command_of_today_is_run_by_a_build_of_old(written: str, vintage: str) -> None:
    assert words(written, VINTAGE) == vintage


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("--load-mode dio", "build b5000-abc1234 of the server has no flag --load-mode; take it out of the profile"),
        ("--mmap", "build b5000-abc1234 of the server has no flag --mmap"),
        ("--lookup", "build b5000-abc1234 of the server has no flag --lookup"),
        ("--spec-type ngram-simple", "build b5000-abc1234 of the server does not know --spec-type ngram-simple"),
        ("-ctk q8_0", "build b5000-abc1234 of the server has no flag -ctk"),
        ("--spec-draft-p-min 0.5", "has no flag --spec-draft-p-min; take it out of the profile, or use another build"),
    ],
)
def test_what_a_build_has_no_word_for_is_refused(written: str, problem: str) -> None:
    assert problem in refusal(written, VINTAGE)


def test_several_types_of_speculation_need_a_build_that_takes_a_list() -> None:
    assert refusal("--spec-type ngram-mod,ngram-simple", OLD) == (
        "build b9093-abc1234 of the server takes one --spec-type; keep one of ngram-mod, ngram-simple"
    )


def test_a_type_that_a_build_does_not_know_is_named() -> None:
    problem = "build b9093-abc1234 of the server does not know --spec-type draft-mtp; take it out of the profile"
    assert refusal("--spec-type draft-mtp,ngram-mod", OLD).startswith(problem)


def test_reasoning_needs_a_build_that_knows_of_it() -> None:
    silent = build(VINTAGE_HELP.replace("--reasoning-budget N", "--budget N          "), 4000)
    assert "has no flag --reasoning" in refusal("--reasoning off", silent)


def test_a_removed_flag_without_a_known_successor_is_refused_in_the_build_s_own_words() -> None:
    assert refusal("--spec-ngram-size-m 4", NEW) == (
        "build b11434-abc1234 of the server has no flag --spec-ngram-size-m; use the respective --spec-ngram-*-size-m"
    )


def test_an_unknown_flag_is_refused_whatever_the_build() -> None:
    for known in (NEW, OLD, VINTAGE):
        assert refusal("--no-such-flag-at-all", known).startswith("there is no flag --no-such-flag-at-all; ")


def test_a_note_tells_what_a_flag_became() -> None:
    assert translated("--no-mmap -fa -cd 512 -md d.gguf -c 1", NEW).notes == (
        "--no-mmap became --load-mode none",
        "-fa became -fa on",
        "-cd 512 was left out: build b11434-abc1234 has no word for it",
        "--spec-type draft-simple was added: build b11434-abc1234 ignores a draft model without it",
    )


def test_another_spelling_of_the_same_flag_is_not_worth_a_note() -> None:
    assert translated("--draft-max 4 --no-ui -lm none", OLD).notes == ("-lm none became --no-mmap",)


def test_the_order_of_patterns_is_kept() -> None:
    assert words("-ot b=CPU -cmoe --override-tensor a=CUDA0", NEW) == "-ot b=CPU -cmoe --override-tensor a=CUDA0"


@pytest.mark.parametrize("seed", ["--no-mmap -ngl 99 --jinja --reasoning off -ctk q8_0 -ctv q8_0 -fa -c 262144 -np 1"])
def test_translating_twice_changes_nothing_more(seed: str) -> None:
    for known in (NEW, OLD):
        once = translated(seed, known)
        assert translate(once.arguments, known).arguments == once.arguments


def test_a_flag_has_one_name_here_whatever_its_spelling() -> None:
    assert {canonical(flag) for flag in ("-md", "--model-draft", "--spec-draft-model")} == {"--spec-draft-model"}
    assert canonical("--port") == "--port"
    assert spelling("--spec-draft-model", NEW) == "--spec-draft-model"
    assert spelling("--spec-draft-model", VINTAGE) == "--model-draft"
    assert spelling("--spec-type", VINTAGE) is None
    assert re.fullmatch(r"--(ui|webui)", spelling("--ui", OLD) or "")
