"""The ladder of fixtures: profile -> server -> model -> reply, and what a grader needs beside it.

Every rung can be overridden in a conftest.py. Nothing heavy is imported here: the module is loaded with the plugin.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_polecat.asking.asker import Asked
    from pytest_polecat.asking.conversation import Conversation
    from pytest_polecat.asking.model import Model, ServerHandle
    from pytest_polecat.grading.readable import ReadableReply
    from pytest_polecat.grading.score import Score
    from pytest_polecat.items import ItemHooks, Sitting
    from pytest_polecat.questions.cases import CaseParam
    from pytest_polecat.records.profile import Profile
    from pytest_polecat.records.question import Question
    from pytest_polecat.sandbox.sandbox import Sandbox


def _item(case: CaseParam) -> pytest.Item:
    if case.item is None:
        pytest.skip("no model was named: choose one with --polecat-model=NAME")
    return case.item


def _asking(case: CaseParam) -> ItemHooks:
    from pytest_polecat.items import ASKING

    return _item(case).config.stash[ASKING]


def _profile(case: CaseParam) -> Profile:
    if case.profile is None:
        pytest.skip("no model was named: choose one with --polecat-model=NAME")
    return _asking(case).profiles[case.profile]


def _sitting(case: CaseParam) -> Sitting:
    from pytest_polecat.items import SITTING

    sitting: Sitting | None = _item(case).stash.get(SITTING, None)
    if sitting is None:
        raise pytest.UsageError("this test is no question: decorate it with @polecat.question or @polecat.suite")
    return sitting


def _question(case: CaseParam) -> Question:
    if case.entry is None:
        raise pytest.UsageError("this test is no question: decorate it with @polecat.question or @polecat.suite")
    return case.entry.question


def _replies(case: CaseParam, asked: Asked) -> tuple[ReadableReply, ...]:
    from pytest_polecat.errors import ServerError
    from pytest_polecat.grading.readable import FROM_REASONING, ReadableReply, answering

    sitting = _sitting(case)
    sitting.asked = asked
    if asked.not_applicable:
        pytest.skip(asked.not_applicable)
    error = asked.replies[-1].error
    if error is not None and error.mode.infrastructure:
        raise ServerError(error.message, error.mode)
    graded = [answering(reply, _question(case).answer_from) for reply in asked.replies]
    if any(read is not reply for read, reply in zip(graded, asked.replies, strict=True)):
        sitting.asked = replace(asked, replies=tuple(graded))
        sitting.flags.append(FROM_REASONING)
    return tuple(ReadableReply.of(reply) for reply in graded)


@pytest.fixture
def polecat_case() -> CaseParam:
    """What the item stands for; the plugin parametrizes it."""
    raise pytest.UsageError("polecat_case is given by the plugin and can't be used by itself")


@pytest.fixture
def profile(polecat_case: CaseParam) -> Profile:
    """The profile of the model to ask; the test is skipped when the user named none."""
    return _profile(polecat_case)


@pytest.fixture
def server(polecat_case: CaseParam, profile: Profile) -> ServerHandle:
    """The profile's server. It starts when first asked; `server.url` and `server.served` wait for it."""
    from pytest_polecat.asking.model import ServerHandle

    return ServerHandle(profile, _asking(polecat_case).engine)


@pytest.fixture
def model(server: ServerHandle) -> Model:
    """The model, to be asked freely: `model.ask("…")` returns a reply. Such questions are not asked ahead."""
    from pytest_polecat.asking.model import Model
    from pytest_polecat.grading.readable import ReadableReply

    return Model(server, ReadableReply.of)


@pytest.fixture
def question(polecat_case: CaseParam) -> Question:
    """The question that the test grades."""
    return _question(polecat_case)


@pytest.fixture
def polecat_replies(polecat_case: CaseParam, model: Model) -> tuple[ReadableReply, ...]:
    """The replies of the question's conversation, one for each turn that was reached.

    What the model caused is in the replies; only a fault of ours or the machine's raises. Where the question says
    `answer_from: reasoning_if_empty`, an empty reply has its reasoning as content, and the attempt is flagged.
    """
    return _replies(polecat_case, model.answer(_item(polecat_case).nodeid, polecat_case))


@pytest.fixture
def reply(polecat_replies: tuple[ReadableReply, ...]) -> ReadableReply:
    """The model's reply (the last one of a conversation), with helpers that read an answer out of it."""
    return polecat_replies[-1]


@pytest.fixture
def score(polecat_case: CaseParam) -> Score:
    """Partial credit: `score.award(2, when=…, note="named group used")`."""
    return _sitting(polecat_case).score


@pytest.fixture
def grade(polecat_case: CaseParam, polecat_replies: tuple[ReadableReply, ...]) -> Callable[[Any], None]:
    """Grade by the question's declared checks: `grade(reply)` fails the test if any of them does not hold."""
    return partial(_by_checks, polecat_case, polecat_replies)


@pytest.fixture
def polecat_grading(polecat_case: CaseParam) -> Callable[[], None]:
    """The ladder in one step, for a data file's question: it is answered, and graded by `polecat_grading()`.

    It stands for `reply` and `grade` where nobody has put a rung of their own (see `SuiteModule`): each rung costs as
    much as asking does.
    """
    profile = _profile(polecat_case)
    engine = _asking(polecat_case).engine
    replies = _replies(polecat_case, engine.answer(_item(polecat_case).nodeid, polecat_case, profile))
    return partial(_by_checks, polecat_case, replies, replies[-1])


def _by_checks(case: CaseParam, replies: tuple[ReadableReply, ...], last: Any) -> None:
    def opened() -> Sandbox:
        from pytest_polecat.sandboxing import open_sandbox

        return open_sandbox(_item(case).config)

    sitting = _sitting(case)
    ahead = sitting.asked.graded if sitting.asked and last is replies[-1] else None
    if isinstance(ahead, Exception):
        raise ahead
    sitting.grade = ahead or _asking(case).grader.grade(_question(case), [*replies[:-1], last], opened)
    missed = sitting.grade.missed
    if missed:
        pytest.fail("; ".join(f"{finding.check}: {finding.message}" for finding in missed), pytrace=False)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Containers for code that a model wrote: `candidate = sandbox.load(reply.code())`, then call it."""
    from pytest_polecat.items import SITTING
    from pytest_polecat.sandboxing import open_sandbox

    sandbox = open_sandbox(request.config)
    if sitting := request.node.stash.get(SITTING, None):
        sandbox.flags += sitting.flags
        sitting.of_sandbox = sandbox.flags
    yield sandbox
    sandbox.close()


@pytest.fixture
def conversation(model: Model) -> Conversation:
    """A conversation to be held by the test: `conversation.say("…")` sends a turn and returns the reply."""
    from pytest_polecat.asking.conversation import Conversation

    return Conversation(model)
