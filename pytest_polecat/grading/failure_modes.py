"""Recognising why a reply is no answer, before any check looks at it."""

import re

from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply

_SPACE = re.compile(r"\s+")


def no_answer(reply: Reply, prompt: str) -> tuple[FailureMode, str] | None:
    """The mode and a sentence if the reply can't earn anything whatever the checks say; else None.

    A failed request, an empty reply, thinking that used up the token budget, and an echo of the whole prompt are
    no answers: many a check (`excludes`, `words: {max: 20}`) would hold for them.
    """
    if reply.error is not None:
        return reply.error.mode, reply.error.message
    if reply.empty:
        if reply.truncated and reply.reasoning:
            return FailureMode.THINKING_EXHAUSTED, "The model used its whole token budget for thinking."
        if reply.truncated:
            return FailureMode.TRUNCATED, "The reply was cut off before any visible text."
        return FailureMode.EMPTY, "The reply is empty."
    if not reply.tool_calls and _folded(reply.content) == _folded(prompt):
        return FailureMode.REPETITION, "The reply only repeats the prompt."
    return None


def missed_mode(reply: Reply | None, mode: FailureMode) -> FailureMode:
    """The mode to book for a miss: a cut-off reply is `truncated`, whatever the checks then found wrong in it."""
    if reply is not None and reply.truncated:
        return FailureMode.TRUNCATED
    return mode


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()
