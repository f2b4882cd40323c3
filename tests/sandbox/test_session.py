import json
import math
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.sandbox.errors import CandidateError, EndedError, HandleError, ProtocolError
from pytest_polecat.sandbox.proxies import Handle, Proxies
from pytest_polecat.sandbox.session import Session

Answer = Callable[[dict[str, Any]], list[Any]]


class Scripted:
    """A candidate that answers each message of the host's by a script."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent: list[dict[str, Any]] = []
        self.inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def send(self, payload: bytes) -> None:
        message = json.loads(payload)
        self.sent.append(message)
        for each in self.answer(message):
            self.inbox.put(each if isinstance(each, bytes) else json.dumps(each).encode())

    def receive(self) -> bytes:
        if (payload := self.inbox.get()) is None:
            raise EndedError("over")
        return payload

    def used(self, seconds: float) -> float | None:
        return math.inf

    def kill(self) -> None:
        self.inbox.put(None)


@contextmanager
def talking(answer: Answer) -> Iterator[tuple[Session, Scripted]]:
    link = Scripted(answer)
    session = Session(link, call_limit=5, limit=20)
    session.objects = Proxies(session)
    yield session, link
    session.close()


def valued(value: Any) -> Answer:
    return lambda message: [{"id": message["id"], "value": value}] if "id" in message else []


@pytest.mark.parametrize(
    "messages",
    [
        [{"id": 99, "value": 1}],
        [{"id": True, "value": 1}],
        [{}],
        [b"nonsense"],
        [{"callback": []}],
        [{"callback": "c1", "fn": "f1", "args": {}, "kwargs": {}}],
        [{"callback": "x" * 100, "fn": "f1", "args": [], "kwargs": {}}],
        [{"callback": "c1", "fn": "f9", "args": [], "kwargs": {}}],
        [{"callback": "c1", "fn": "f1", "args": [{"x": 1}], "kwargs": {}}],
        [{"id": 1, "value": 1, "changed": 5}],
        [{"id": 1, "value": 1, "changed": [[1, [2]]]}],
        [{"id": 1, "value": 1, "changed": [[{}, [2]]]}],
        [{"id": 1, "error": 5}],
        [{"id": 1, "error": {"raises": []}}],
        [{"id": 1, "error": {"raises": [["int", True, 1, []]]}}],
        [{"id": 1, "error": {"raises": [["E", False, 1, ["x"]]], "args": {"x": 1}}}],
        [{"id": 1, "value": {"h": {"id": 1, "type": "E", "error": {}}}}],
    ],
    ids=str,
)
def test_whoever_breaks_the_protocol_is_not_talked_to_again(messages: list[Any]) -> None:
    with talking(lambda _: messages) as (session, link):
        with pytest.raises(ProtocolError):
            session.request("call", 1, print)
        with pytest.raises(ProtocolError):
            session.request("call", 1)
        assert len([message for message in link.sent if "op" in message]) == 1


names = st.sampled_from(
    ["E", "KeyError", "SystemExit", "BaseException", "eval", "a b", "OSError", "SyntaxError", "Exception"]
)
numbers = st.integers(0, 4)
junk = st.none() | st.text(max_size=3) | st.integers() | st.lists(st.integers(), max_size=2)
told = st.fixed_dictionaries(
    {
        "raises": junk
        | st.lists(st.tuples(names, st.booleans(), numbers, st.lists(numbers, max_size=3)) | st.lists(junk), max_size=4)
    },
    optional={
        "args": junk | st.fixed_dictionaries({"t": st.lists(junk, max_size=6)}),
        "text": junk,
        "where": junk,
        "handle": junk | st.fixed_dictionaries({"id": st.integers(), "type": junk}),
        "cause": junk,
        "yours": junk,
    },
)


@settings(max_examples=60, deadline=None)
@given(told)
def test_an_exception_is_a_candidates_whatever_it_is_told_as(error: dict[str, Any]) -> None:
    with talking(lambda message: [{"id": message["id"], "error": error}]) as (session, _):
        with pytest.raises(CandidateError) as raised:
            session.request("call", 1)
        assert not isinstance(raised.value, StopIteration)
        assert str(raised.getrepr(style="short"))


def test_what_a_report_shows_can_not_steer_a_terminal() -> None:
    error = {"raises": [["E", False, 1, []]], "text": "\x1b[2J\r\x9bm\ud800\u202eok\n", "where": "\x1b]0;x\x07"}
    with talking(lambda message: [{"id": message["id"], "error": error}]) as (session, _):
        with pytest.raises(CandidateError) as raised:
            session.request("call", 1)
        assert str(raised.value) == "\ufffd[2J\ufffd\ufffdm\ufffd\ufffdok\n"
        assert "\x1b" not in raised.value.where


def test_an_object_that_comes_again_while_it_is_given_back_stays() -> None:
    with talking(valued({"h": {"id": 7, "type": "Stack"}})) as (session, link):
        one = session.request("call", 1)
        again = session.request("call", 1)
        assert isinstance(one, Handle)
        assert one is again
        del one, again
        other = session.request("call", 1)
        assert link.sent[-1]["release"] == [[7, 2]]
        assert repr(other) == "<Stack of the candidate>"


def test_lengths_and_hashes_are_whole_numbers_within_reason() -> None:
    for value in ({"i": "-1"}, 10**12, 1.5, True, "5"):
        reply = {"value": {"h": {"id": 7, "type": "Long"}}}
        answers: Answer = lambda message, value=value, reply=reply: [  # type: ignore[misc]  # noqa: E731
            {"id": message["id"], **({"value": value} if message["op"] == "len" else reply)}
        ]
        with talking(answers) as (session, _):
            long = session.request("call", 1)
            with pytest.raises(HandleError):
                len(long)


def test_an_object_is_one_value_only_as_long_as_nothing_was_asked(valued_object: dict[str, Any]) -> None:
    told = iter(range(100))

    def answer(message: dict[str, Any]) -> list[Any]:
        return [{"id": message["id"], "value": next(told) if message["op"] == "plain" else valued_object}]

    with talking(answer) as (session, _):
        guessing = session.request("call", 1)
        assert guessing not in range(1, 100)
        assert guessing == 0
        session.request("call", 1)
        assert guessing == 1


@pytest.mark.parametrize(
    "plain", [{"h": {"id": 8, "type": "Liar", "plain": True}}, {"fn": "f1"}, {"T": "int"}], ids=str
)
def test_the_plain_value_of_an_object_is_one(plain: Any, valued_object: dict[str, Any]) -> None:
    def answer(message: dict[str, Any]) -> list[Any]:
        return [{"id": message["id"], "value": plain if message["op"] == "plain" else valued_object}]

    with talking(answer) as (session, _):
        liar = session.request("call", 1, lambda: None)
        with pytest.raises(HandleError, match="no plain value"):
            _ = liar == 5


@pytest.fixture
def valued_object() -> dict[str, Any]:
    """What the candidate tells of an object that is a value too."""
    return {"h": {"id": 7, "type": "Liar", "plain": True}}


def test_calls_without_end_are_a_broken_protocol() -> None:
    held = threading.Event()

    def wait() -> None:
        held.wait(20)

    calls = [{"callback": f"c{n}", "fn": "f1", "args": [], "kwargs": {}} for n in range(300)]
    with talking(lambda message: calls if "op" in message else []) as (session, _):
        with pytest.raises(ProtocolError, match="calls at once"):
            session.request("call", 1, wait)
        held.set()


def test_a_function_of_the_test_that_gives_something_that_can_not_be_passed_is_the_tests_fault() -> None:
    def answer(message: dict[str, Any]) -> list[Any]:
        if "op" in message:
            return [{"callback": "c1", "fn": "f1", "args": [], "kwargs": {}}]
        return [{"id": 1, "error": {"raises": [["TypeError", True, 1, []]]}}]

    def give() -> object:
        return object()

    with talking(answer) as (session, _), pytest.raises(TypeError, match="can't be passed") as raised:
        session.request("call", 1, give)
    assert not isinstance(raised.value, CandidateError)
