"""The reply that a test body reads."""

from collections.abc import Callable

import pytest

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.grading.grader import Grader
from pytest_polecat.grading.readable import ReadableReply, answering
from pytest_polecat.records.question import Question
from pytest_polecat.records.reply import Reply, ToolCall, Usage


def readable(content: str, reasoning: str = "") -> ReadableReply:
    return ReadableReply.of(Reply(content=content, reasoning=reasoning))


def test_it_keeps_everything_of_the_reply() -> None:
    reply = Reply(content=" x ", tool_calls=(ToolCall(name="f"),), finish_reason="length", usage=Usage(prompt_tokens=3))
    copy = ReadableReply.of(reply)
    assert copy.model_dump() == reply.model_dump()
    assert copy.truncated
    assert isinstance(copy.usage, Usage)


def test_it_reads_each_kind_of_answer() -> None:
    assert readable("\n hello \n").text == "hello"
    assert readable("```python\nx = 1\n```").code("python") == "x = 1"
    assert readable("**a.py**\n```python\nx = 1\n```").files() == {"a.py": "x = 1"}
    assert readable('{"a": 1}').json() == {"a": 1}
    assert readable("Sure: [1]").json(around="text") == [1]
    assert readable("The answer is 42.").number() == 42
    assert readable("Answer: e").choice("ABCDE") == "E"


READERS: list[Callable[[ReadableReply], object]] = [
    lambda reply: reply.code(),
    lambda reply: reply.files(),
    lambda reply: reply.json(),
    lambda reply: reply.number(),
    lambda reply: reply.choice(),
]


@pytest.mark.parametrize("read", READERS, ids=["code", "files", "json", "number", "choice"])
def test_it_never_reads_the_reasoning(read: Callable[[ReadableReply], object]) -> None:
    thought = "**a.py**\n```python\nx = 1\n```\nAnswer: C\n\n\\boxed{42}\n{}"
    with pytest.raises(Missed) as caught:
        read(readable("", reasoning=thought))
    assert caught.value.mode == "extraction_failed"


@pytest.mark.parametrize(
    ("reply", "content"),
    [
        pytest.param(Reply(content=" \n", reasoning="Blue."), "Blue.", id="nothing to see"),
        pytest.param(Reply(content="Red.", reasoning="Blue."), "Red.", id="there is content"),
        pytest.param(Reply(reasoning="Blue.", finish_reason="length"), "", id="cut off while thinking"),
        pytest.param(Reply(reasoning="Blue.", tool_calls=(ToolCall(name="f"),)), "", id="a call"),
        pytest.param(Reply(reasoning=" ", content=""), "", id="nothing at all"),
    ],
)
def test_the_reasoning_is_the_answer_only_where_it_is_allowed_and_there_is_no_other(reply: Reply, content: str) -> None:
    assert answering(reply, "content") is reply
    assert answering(reply, "reasoning_if_empty").content == content


def test_checks_read_the_reasoning_only_where_the_question_says_so() -> None:
    reply = Reply(reasoning="blue")
    fields = {"id": "q", "prompt": "Which?", "checks": [{"exact": "blue"}]}
    for answer_from, earned in (("content", 0), ("reasoning_if_empty", 1)):
        question = Question.model_validate({**fields, "answer_from": answer_from})
        assert Grader(BUILTIN).grade(question, [reply]).earned == earned
    assert Question.model_validate(fields).answer_from == "content"
