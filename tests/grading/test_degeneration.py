"""Why an answer was missed: loops, echoes, another script, refusals, and what only looks like them."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.grading.degeneration import echo, loop, script_switch
from pytest_polecat.grading.failure_modes import degeneration, missed_mode, no_answer
from pytest_polecat.grading.refusals import refusal
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError, Reply, ToolCall

DATA = Path(__file__).parents[1] / "data" / "degeneration"
DEGENERATE: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((DATA / "degenerate.yaml").read_text("utf-8"))
INNOCENT: dict[str, dict[str, str]] = yaml.safe_load((DATA / "innocent.yaml").read_text("utf-8"))

SICK = [
    pytest.param(FailureMode(mode), each, id=f"{mode}-{name}")
    for mode, replies in DEGENERATE.items()
    for name, each in replies.items()
]


def said(each: dict[str, Any]) -> str:
    return str(each.get("reply", "")) + str(each.get("piece", "")) * int(each.get("times", 1))


@pytest.mark.parametrize(("mode", "each"), SICK)
def test_what_a_model_did_not_mean_is_recognised(mode: FailureMode, each: dict[str, Any]) -> None:
    found = degeneration(Reply(content=said(each)), [each.get("prompt", "When does the ferry leave?")])
    assert found is not None
    assert found[0] is mode
    assert found[1]


@pytest.mark.parametrize("each", INNOCENT.values(), ids=INNOCENT)
def test_what_only_looks_so_is_not(each: dict[str, str]) -> None:
    assert degeneration(Reply(content=each["reply"]), [each.get("prompt", "Write it down.")]) is None


@pytest.mark.parametrize("each", INNOCENT.values(), ids=INNOCENT)
def test_what_only_looks_so_is_not_although_its_prompt_is_unknown(each: dict[str, str]) -> None:
    assert degeneration(Reply(content=each["reply"]), ()) is None


def test_the_reference_explains_every_failure_mode_and_says_whose_doing_it_is() -> None:
    page = (DATA.parents[2] / "docs/reference/failure-modes.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| the (\w+)'s \|$", page, re.MULTILINE)
    assert {name: whose != "model" for name, whose in rows} == {mode.value: mode.infrastructure for mode in FailureMode}


def test_a_loop_is_described_by_its_piece_and_its_number() -> None:
    assert loop("So: " + "I check it again. " * 50) == 'The reply repeats "i check it again." 50 times on end.'


def test_a_refusal_quotes_the_sentence_that_declines() -> None:
    found = degeneration(Reply(content="I'm sorry. I can't help with that. Goodbye."), ["Sing."])
    assert found == (FailureMode.REFUSAL, "The model declines to answer: I can't help with that.")


def test_a_long_text_and_one_with_code_are_no_refusal() -> None:
    assert refusal("I can't help with that. " + "But here is what I know of the matter. " * 40) is None
    assert refusal("I can't help with that, but:\n```python\nx = 1\n```") is None


def test_a_reply_that_was_cut_off_in_a_loop_is_a_loop() -> None:
    looped = degeneration(Reply(content="the " * 300, finish_reason="length"), ())
    assert looped is not None
    assert looped[0] is FailureMode.REPETITION
    assert degeneration(Reply(content="The ferry", finish_reason="length"), ()) == (FailureMode.TRUNCATED, "")


def test_thinking_that_ran_in_a_loop_until_its_end_is_said_to_have() -> None:
    thought = Reply(reasoning="Wait, let me check that again. " * 40, finish_reason="length")
    mode, why = no_answer(thought, "") or (None, "")
    assert mode is FailureMode.THINKING_EXHAUSTED
    assert 'The thinking repeats "wait, let me check that again." 40 times' in why


def test_a_failed_request_an_empty_reply_and_a_call_are_none_of_these() -> None:
    failed = AskError(mode=FailureMode.GENERATION_TIMEOUT, message="too slow")
    assert degeneration(Reply(content="the " * 300, error=failed), ()) is None
    assert degeneration(Reply(finish_reason="length"), ()) is None
    call = (ToolCall(name="ferries"),)
    assert degeneration(Reply(content="I can't help with that.", tool_calls=call), ()) is None


@pytest.mark.parametrize(
    "mode", [FailureMode.WRONG_ANSWER, FailureMode.FORMAT_VIOLATION, FailureMode.EXTRACTION_FAILED]
)
@pytest.mark.parametrize("why", [FailureMode.REFUSAL, FailureMode.ECHO, FailureMode.SCRIPT_SWITCH])
def test_a_refusal_says_more_than_that_the_answer_is_not_there(mode: FailureMode, why: FailureMode) -> None:
    assert missed_mode(mode, (why, "So it is.")) == (why, "So it is.")


@pytest.mark.parametrize("mode", [FailureMode.SYNTAX_ERROR, FailureMode.RUNTIME_ERROR, FailureMode.SANDBOX_TIMEOUT])
def test_what_became_of_the_code_says_more_than_the_words_around_it(mode: FailureMode) -> None:
    assert missed_mode(mode, (FailureMode.SCRIPT_SWITCH, "So it is.")) == (mode, "")
    assert missed_mode(mode, (FailureMode.REPETITION, "So it is."))[0] is FailureMode.REPETITION
    assert missed_mode(mode, None) == (mode, "")


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab .\n!0人のяα\"'`>|"), max_size=600), st.text(max_size=80))
def test_no_text_makes_them_raise(text: str, prompt: str) -> None:
    for found in (loop(text * 3), echo(text, prompt), script_switch(text, prompt), refusal(text)):
        assert found is None or found.strip()


@given(st.text(alphabet="abcdefgh ", min_size=4, max_size=60).filter(str.strip), st.integers(0, 300))
def test_whatever_comes_often_enough_on_end_is_a_loop(piece: str, before: int) -> None:
    text = random.Random(0).sample("abcdefghijklmnopqrstuvwxyz" * 20, before)
    assert loop("".join(text) + (piece + ".") * 200)


MEGABYTE = 1_000_000
HOSTILE = {
    "one letter": "a" * MEGABYTE,
    "words": "the " * (MEGABYTE // 4),
    "nearly a loop": "".join("a" * 99 + chr(0x100 + number % 5000) for number in range(MEGABYTE // 100)),
    "a loop with growing gaps": " ".join("word " * (number % 90) + str(number) for number in range(4400)),
    "random letters": "".join(random.Random(1).choices("ab", k=MEGABYTE)),
    "brackets": "(" * MEGABYTE,
    "quotation marks": '"“«「' * (MEGABYTE // 4),
    "scripts": "人я " * (MEGABYTE // 3),
    "fences": "```\n" * (MEGABYTE // 4),
    "sentences": "".join(f"This is the sentence of number {number}. " for number in range(26_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_is_looked_through_at_once(text: str) -> None:
    degeneration(Reply(content=text), ["Write it down.", text[: MEGABYTE // 2]])
