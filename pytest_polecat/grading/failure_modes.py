"""Recognising why a reply is no answer, before any check looks at it, and why one was missed, after they did.

The patterns for that are many: they are imported where an answer has to be looked at.
"""

import re
from collections.abc import Sequence

from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply

Why = tuple[FailureMode, str]
"""A failure mode, and a sentence for the report."""

_SPACE = re.compile(r"\s+")

_VAGUE = frozenset(
    {
        FailureMode.WRONG_ANSWER,
        FailureMode.TEST_FAILURE,
        FailureMode.FORMAT_VIOLATION,
        FailureMode.EXTRACTION_FAILED,
        FailureMode.INVALID_TOOL_CALL,
    }
)
"""The modes that say what was not found, not why it isn't there."""

_RATHER_THAN_VAGUE = frozenset({FailureMode.ECHO, FailureMode.REFUSAL, FailureMode.SCRIPT_SWITCH})


def no_answer(reply: Reply, prompt: str) -> Why | None:
    """The mode and a sentence if the reply can't earn anything whatever the checks say; else None.

    A failed request, an empty reply, thinking that used up the token budget, and an echo of the whole prompt are
    no answers: many a check (`excludes`, `words: {max: 20}`) would hold for them.
    """
    if reply.error is not None:
        return reply.error.mode, reply.error.message
    if reply.empty:
        if reply.truncated and reply.reasoning:
            from pytest_polecat.grading.degeneration import loop

            why = loop(reply.reasoning)
            told = f" {why.replace('The reply', 'The thinking', 1)}" if why else ""
            return FailureMode.THINKING_EXHAUSTED, f"The model used its whole token budget for thinking.{told}"
        if reply.truncated:
            return FailureMode.TRUNCATED, "The reply was cut off before any visible text."
        return FailureMode.EMPTY, "The reply is empty."
    if not reply.tool_calls and _folded(reply.content) == _folded(prompt):
        return FailureMode.ECHO, "The reply only repeats the prompt."
    return None


def degeneration(reply: Reply, told: Sequence[str]) -> Why | None:
    """The mode and a sentence if the reply looks like something that the model did not mean as an answer; else None.

    `told` is what the model had been told, its last prompt last; empty where that is unknown. A reply that was cut off
    in a loop is a loop.
    """
    if reply.error is not None or reply.empty:
        return None
    from pytest_polecat.grading.degeneration import echo, loop, script_switch
    from pytest_polecat.grading.refusals import refusal

    said = reply.content
    if why := loop(said):
        return FailureMode.REPETITION, why
    if reply.truncated:
        return FailureMode.TRUNCATED, ""
    if reply.tool_calls:
        return None
    if told and (why := echo(said, told[-1])):
        return FailureMode.ECHO, why
    if declined := refusal(said):
        return FailureMode.REFUSAL, f"The model declines to answer: {declined}"
    if why := script_switch(said, "\n".join(told)):
        return FailureMode.SCRIPT_SWITCH, why
    return None


def missed_mode(mode: FailureMode, degenerate: Why | None) -> Why:
    """The mode to book for a miss, and a sentence that says why, if any; `degenerate` is of one of the functions above.

    Nothing, a loop and a cut-off reply are booked as such whatever was then found wrong in it. An echo, a refusal and a
    change of script are booked where otherwise it would only be said that the right answer is not there; what became of
    code that ran, say, stays as it is.
    """
    if degenerate is None or (degenerate[0] in _RATHER_THAN_VAGUE and mode not in _VAGUE):
        return mode, ""
    return degenerate


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()
