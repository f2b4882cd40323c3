"""The flags of a build, from its help; and a command line cut into flags and their values."""

import re

import pytest

from pytest_polecat.asking.launch.binary.flags import Argument, BadFlagError, nearest_flags, parse_help
from pytest_polecat.asking.launch.binary.program import Build
from pytest_polecat.asking.launch.binary.translation import read
from tests.asking.launch.builds import DATA, NEW, OLD, VINTAGE

BUILDS = pytest.mark.parametrize("build", [NEW, OLD, VINTAGE], ids=lambda build: build.name)


def arguments(build: Build, *words: str) -> list[tuple[str, ...]]:
    return [argument.words for argument in read(words, build)]


@pytest.mark.parametrize("number", [11434, 9093])
def test_every_flag_of_a_recorded_help_text_is_found(number: int) -> None:
    text = (DATA / f"llama-server-b{number}-help.txt").read_text(encoding="utf-8")
    heads = [line for line in text.splitlines() if re.match(r"--?[A-Za-z]", line)]
    named = {word.rstrip(",") for head in heads for word in re.match(r"((-\S+\s*)+)", head)[1].split()}  # type: ignore[index]
    assert named == set(parse_help(text))
    assert len(named) > 380


@BUILDS
def test_no_description_is_taken_for_a_value(build: Build) -> None:
    for flag in build.flags.values():
        assert len(flag.hint.split()) <= 1 or flag.hint.isupper() or flag.hint.startswith("<tensor name"), flag
        assert flag.text, flag
        assert "-----" not in flag.text, flag


@pytest.mark.parametrize(
    ("flag", "values"),
    [
        ("--jinja", 0),
        ("--no-jinja", 0),
        ("-kvo", 0),
        ("--no-kv-offload", 0),
        ("-c", 1),
        ("--spec-type", 1),
        ("-ot", 1),
        ("-hf", 1),
        ("--cpu-strict", 1),
        ("-fa", 1),
        ("--control-vector-layer-range", 2),
    ],
)
def test_the_help_tells_how_many_words_follow_a_flag(flag: str, values: int) -> None:
    assert NEW.flags[flag].values == values
    assert OLD.flags[flag].values == values


def test_all_spellings_are_one_flag() -> None:
    assert NEW.flags["-ngl"] is NEW.flags["--gpu-layers"] is NEW.flags["--n-gpu-layers"]
    assert NEW.flags["-ngl"].spellings == ("-ngl", "--gpu-layers", "--n-gpu-layers")


def test_a_removed_flag_is_known_and_not_taken() -> None:
    assert "--draft-max" in NEW.flags
    assert NEW.flags["--draft-max"].removed
    assert not NEW.takes("--draft-max")
    assert VINTAGE.takes("--draft-max")


def test_a_command_line_is_cut_into_flags_with_their_values() -> None:
    assert arguments(NEW, "-m", "m.gguf", "--jinja", "-c", "4096") == [("-m", "m.gguf"), ("--jinja",), ("-c", "4096")]
    assert read(["-c", "4096"], NEW) == [Argument("-c", ("4096",))]
    assert arguments(NEW) == []


def test_underscores_count_as_dashes_in_a_flag_and_not_in_its_value() -> None:
    assert arguments(NEW, "--ctx_size", "4096", "--chat_template_kwargs", '{"enable_thinking":false}') == [
        ("--ctx-size", "4096"),
        ("--chat-template-kwargs", '{"enable_thinking":false}'),
    ]


@pytest.mark.parametrize("words", [("-ngl", "-1"), ("--reasoning-budget", "-1"), ("--yarn-ext-factor", "-1.0e-3")])
def test_a_negative_number_is_a_value(words: tuple[str, ...]) -> None:
    assert arguments(NEW, *words) == [words]


def test_a_pattern_that_looks_like_a_flag_is_the_value_of_the_flag_before_it() -> None:
    assert arguments(NEW, "--chat-template", "--{{ messages }}", "--jinja") == [
        ("--chat-template", "--{{ messages }}"),
        ("--jinja",),
    ]


def test_a_repeated_flag_stays_repeated() -> None:
    assert arguments(NEW, "-ot", "a=CPU", "-ot", "b=CPU") == [("-ot", "a=CPU"), ("-ot", "b=CPU")]


@BUILDS
@pytest.mark.parametrize(
    ("words", "cut"),
    [
        (("-fa", "-c", "4096"), [("-fa",), ("-c", "4096")]),
        (("-fa",), [("-fa",)]),
        (("--flash-attn", "on"), [("--flash-attn", "on")]),
        (("-fa", "auto", "-c", "1"), [("-fa", "auto"), ("-c", "1")]),
        (("-fa", "0"), [("-fa", "0")]),
    ],
)
def test_flash_attention_has_a_value_or_none_whatever_the_build(
    words: tuple[str, ...], cut: list[tuple[str, ...]], build: Build
) -> None:
    assert arguments(build, *words) == cut


@BUILDS
@pytest.mark.parametrize("words", [("--no-mmap",), ("-lm", "none"), ("--draft-max", "8"), ("--lookup",), ("-cd", "1")])
def test_the_words_of_other_builds_can_be_read(words: tuple[str, ...], build: Build) -> None:
    assert arguments(build, *words, "--port", "1") == [words, ("--port", "1")]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--ctx-sise", "1"), "there is no flag --ctx-sise; nearest: --ctx-size"),
        (("-nlg", "1"), "there is no flag -nlg; nearest: -ngl"),
        (("--qqqqqqqqqqqqqq",), "there is no flag --qqqqqqqqqqqqqq; drop it"),
        (("--ctx-size=4096",), "--ctx-size=4096: the server takes no `=`; write --ctx-size 4096"),
        (("-c=4096",), "-c=4096: the server takes no `=`; write -c 4096"),
        (("--override_kv=a_b.c_d=int:6",), "the server takes no `=`; write --override-kv a_b.c_d=int:6"),
        (("--jinja", "on"), "'on' belongs to no flag; drop it, or write the flag before it"),
        (("m.gguf",), "'m.gguf' belongs to no flag"),
        (("--jinja", "-1"), "'-1' belongs to no flag"),
        (("--",), "'--' belongs to no flag"),
        (("-",), "'-' belongs to no flag"),
        (("",), "'' belongs to no flag"),
        (("--jinja", "-c"), "-c has no value; write one after it, or drop it"),
        (("--control-vector-layer-range", "1"), "--control-vector-layer-range has no value"),
    ],
)
def test_words_that_can_not_be_read_are_refused_with_the_mend(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(BadFlagError, match=re.escape(problem)):
        read(words, NEW)


def test_the_nearest_flags_are_taken_from_those_that_there_are() -> None:
    assert nearest_flags("--ctx-siz", NEW.flags)[0] == "--ctx-size"
    with pytest.raises(BadFlagError, match=r"no flag --spec-ngram-sizen; nearest: (?!.*--spec-ngram-size-n\b)"):
        read(["--spec-ngram-sizen", "1"], NEW)
