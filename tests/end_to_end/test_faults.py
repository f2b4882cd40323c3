"""What goes wrong becomes the right outcome, and nothing that a model writes can end a run."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.asking.engine import width
from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench
from tests.fake_answers import Reply, close, completion, cut, error, flood, hang, status

ONE = """\
    suite: one
    questions:
      - id: only
        points: 2
        prompt: Say blue, and only that.
        checks: [{exact: blue}]
"""

CUT_OFF = {"finish_reason": "length"}

CASES: dict[str, tuple[Reply, Outcome, FailureMode | None]] = {
    "a wrong answer": ("red", Outcome.MISSED, FailureMode.WRONG_ANSWER),
    "an empty reply": ("", Outcome.MISSED, FailureMode.EMPTY),
    "blank lines only": ("\n\n \n", Outcome.MISSED, FailureMode.EMPTY),
    "blank lines first": ("\n\nblue", Outcome.PASSED, None),
    "an echo": ("", Outcome.MISSED, FailureMode.ECHO),
    "a loop": ("red " * 300, Outcome.MISSED, FailureMode.REPETITION),
    "a refusal": ("I'm sorry, but I can't help with that.", Outcome.MISSED, FailureMode.REFUSAL),
    "a change of letters": ("蓝色是这个问题的正确答案，因为天空是蓝色的。", Outcome.MISSED, FailureMode.SCRIPT_SWITCH),
    "a lone surrogate": ("\ud83d", Outcome.MISSED, FailureMode.WRONG_ANSWER),
    "control characters": ("\x00\x1b[31mblue\x1b[0m\x07", Outcome.MISSED, FailureMode.WRONG_ANSWER),
    "an unterminated think": ("<think>blue, I suppose", Outcome.MISSED, FailureMode.EMPTY),
    "a cut-off wrong answer": (completion("bl", **CUT_OFF), Outcome.MISSED, FailureMode.TRUNCATED),
    "a cut-off right answer": (completion("blue", **CUT_OFF), Outcome.PASSED, None),
    "thinking without end": (
        completion({"content": "", "reasoning_content": "hm " * 100}, **CUT_OFF),
        Outcome.MISSED,
        FailureMode.THINKING_EXHAUSTED,
    ),
    "a prompt too long": (
        error(400, "too long", "exceed_context_size_error", n_prompt_tokens=9000, n_ctx=4096),
        Outcome.MISSED,
        FailureMode.CONTEXT_OVERFLOW,
    ),
    "a refused request": (
        error(400, "no such field", "invalid_request_error"),
        Outcome.BROKEN,
        FailureMode.SUITE_ERROR,
    ),
    "a refused key": (error(401, "Invalid API Key", "authentication_error"), Outcome.BROKEN, FailureMode.CONNECTION),
    "a server error": (error(500, "Compute error."), Outcome.BROKEN, FailureMode.CONNECTION),
    "garbage": (status(200, "<html>no json"), Outcome.BROKEN, FailureMode.CONNECTION),
    "a closed connection": (close, Outcome.BROKEN, FailureMode.CONNECTION),
    "an answer cut in the middle": (cut(completion("blue")), Outcome.BROKEN, FailureMode.CONNECTION),
}


def case_suite() -> str:
    questions = [
        f"  - id: {name.replace(' ', '-')}\n    points: 2\n    prompt: In the case of {name}, say blue.\n"
        "    checks: [{exact: blue}]\n"
        for name in CASES
    ]
    return "suite: cases\nquestions:\n" + "".join(questions)


def test_every_fault_gets_its_outcome_and_failure_mode(bench: Bench) -> None:
    bench.suite(case_suite())

    def answer(body: Any) -> Reply:
        said = body["messages"][-1]["content"]
        name = next(name for name in CASES if f"case of {name}," in said)
        return said.upper() if name == "an echo" else CASES[name][0]

    bench.server.replies = answer
    result = bench.ask()
    attempts = bench.attempts
    found = {name: attempts[name.replace(" ", "-")] for name in CASES}
    assert {name: (each.outcome, each.mode) for name, each in found.items()} == {
        name: (outcome, mode) for name, (_, outcome, mode) in CASES.items()
    }
    broken = [each for each in found.values() if each.outcome is Outcome.BROKEN]
    assert all(each.message for each in broken)
    assert found["a cut-off right answer"].flags == ("truncated",)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*polecat: 4–{4 + 2 * len(broken)}/42 points*{len(broken)} broken, incomplete*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_request_that_failed_earns_nothing_although_the_grader_would_pass(bench: Bench) -> None:
    bench.pytester.makepyfile("""
        import pytest_polecat as polecat

        @polecat.question(prompt="Say nothing of the sun.")
        def test_silence(reply, score):
            score.award(1, when="sun" not in reply.text)
    """)
    bench.server.replies = lambda _: CASES["a prompt too long"][0]
    bench.ask()
    attempt = bench.attempts["silence"]
    assert (attempt.outcome, attempt.mode, attempt.earned) == (Outcome.MISSED, FailureMode.CONTEXT_OVERFLOW, 0)


def test_connections_that_break_cost_no_other_question_its_answer(bench: Bench) -> None:
    questions = "".join(f"  - {{id: q{n}, prompt: Question {n}., checks: [{{exact: fine}}]}}\n" for n in range(12))
    bench.suite("suite: many\nquestions:\n" + questions)
    bench.server.latency = 0.05
    tries: Counter[str] = Counter()

    def reply(body: Any) -> Reply:
        said = body["messages"][-1]["content"]
        tries[said] += 1
        return close if said == "Question 1." and tries[said] <= 3 else "fine"

    bench.server.replies = reply
    result = bench.ask()
    assert result.ret == 0
    assert {each.outcome for each in bench.attempts.values()} == {Outcome.PASSED}


def test_a_server_that_hangs_costs_the_model_the_question(bench: Bench) -> None:
    bench.suite(ONE)
    bench.profile("slow", 'extends = "fake"\nanswer_timeout = 0.5')
    bench.server.replies = lambda _: hang
    bench.ask(model="slow")
    assert bench.attempts["only"].mode is FailureMode.GENERATION_TIMEOUT
    assert bench.attempts["only"].outcome is Outcome.MISSED


def test_a_url_where_nothing_listens_breaks_every_question_at_once(bench: Bench) -> None:
    bench.suite(ONE)
    bench.profile("gone", 'url = "http://127.0.0.1:9/v1"\nmodel = "x"')
    result = bench.ask(model="gone")
    assert result.ret == 1
    assert bench.attempts["only"].outcome is Outcome.BROKEN
    assert bench.attempts["only"].mode is FailureMode.CONNECTION


NASTY = {
    "surrogate": "\ud83d half an emoji",
    "nul": "zero \x00 byte",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "huge": "word " * 1_000_000,
}

PYTHON_GRADERS = """
import pytest
import pytest_polecat as polecat

@polecat.suite([{"id": name, "prompt": f"Be {name}."} for name in ["surrogate", "nul", "ansi", "huge"]])
def test_equal(reply):
    assert reply.content == "something else"

@polecat.suite([{"id": "raise-" + name, "prompt": f"Be {name}."} for name in ["surrogate", "nul", "ansi", "huge"]])
def test_missed(reply, record_property):
    record_property("said", reply.content[:100])
    print(reply.content[:1000])
    raise polecat.Missed(reply.content)
"""


def test_nothing_that_a_model_writes_ends_a_run_or_a_report(bench: Bench) -> None:
    bench.suite(ONE.replace("exact: blue", "exact: something else"))
    bench.pytester.makepyfile(test_nasty=PYTHON_GRADERS)

    def nasty(body: Any) -> Any:
        said = body["messages"][-1]["content"]
        return next((text for name, text in NASTY.items() if name in said), "\ud800")

    bench.server.replies = nasty
    result = bench.ask("--junitxml=out.xml", "--html=out.html", "--self-contained-html", "-v")
    assert result.ret == 0
    attempts = bench.attempts
    assert len(attempts) == 9
    assert {each.outcome for each in attempts.values()} == {Outcome.MISSED}
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    for name in ("out.xml", "out.html", f"{bench.run.path}/report.html"):
        text = (bench.folder / name).read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert "\x00" not in text
    (key,) = attempts["huge"].replies
    kept = json.loads(Path(bench.run.reply_file(key)).read_bytes())
    assert len(kept["reply"]["content"]) == len(NASTY["huge"])


def test_a_reply_beyond_all_measure_is_refused_and_the_rest_goes_on(bench: Bench) -> None:
    bench.suite(ONE + "      - id: other\n        prompt: Say green.\n        checks: [{exact: green}]\n")
    bench.server.replies = lambda body: flood(80 * 2**20) if "blue" in str(body["messages"]) else "green"
    bench.ask()
    assert bench.attempts["only"].outcome is Outcome.BROKEN
    assert bench.attempts["other"].outcome is Outcome.PASSED


def test_a_worker_that_dies_breaks_its_question_and_no_other(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("there is no worker without xdist")
    bench.pytester.makepyfile("""
        import os
        import pytest_polecat as polecat

        @polecat.suite([{"id": f"q{n}", "prompt": f"Question {n}."} for n in range(8)])
        def test_many(question, reply):
            if question.id == "q3":
                os._exit(9)
            assert reply.text == "fine"
    """)
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret == 1
    attempts = bench.attempts
    assert len(attempts) == 8
    assert attempts["q3"].outcome is Outcome.BROKEN
    assert "died" in attempts["q3"].message
    assert {each.outcome for name, each in attempts.items() if name != "q3"} == {Outcome.PASSED}
    in_flight = width(4, 2)
    assert len(bench.server.chats) <= 8 + in_flight, "what the dead worker had kept was asked again"


MANY = """
suite: many
questions:
""" + "".join(f"  - {{id: q{number}, prompt: Question {number}., checks: [{{exact: fine}}]}}\n" for number in range(8))


def test_context_that_other_questions_took_costs_no_model_a_point(bench: Bench) -> None:
    """A server whose slots share one context fails when they are many, and not when one is asked alone."""
    bench.suite(MANY)
    bench.server.slots = 8
    bench.server.latency = 0.05
    crowded = {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}
    bench.server.replies = lambda _: status(500, crowded) if bench.server.in_flight > 1 else "fine"
    bench.ask()
    modes = {attempt.mode for attempt in bench.attempts.values() if attempt.outcome is not Outcome.PASSED}
    if bench.xdist:
        assert modes <= {FailureMode.CONNECTION}
    else:
        assert modes == set()


def test_an_answer_from_the_reasoning_is_flagged_and_taken_only_where_the_question_says_so(bench: Bench) -> None:
    bench.suite("""\
        suite: thoughts
        questions:
          - {id: strict, prompt: Say blue., checks: [{exact: blue}]}
          - {id: kind, prompt: Say blue again., answer_from: reasoning_if_empty, checks: [{exact: blue}]}
          - {id: shown, prompt: Say blue aloud., answer_from: reasoning_if_empty, checks: [{exact: blue}]}
    """)
    bench.pytester.makepyfile("""
        import pytest_polecat as polecat

        @polecat.question(prompt="Say blue, thinking.", answer_from="reasoning_if_empty")
        def test_body(reply):
            assert reply.text == "blue"
    """)

    def answer(body: Any) -> Reply:
        aloud = "aloud" in body["messages"][-1]["content"]
        return completion({"content": "blue" if aloud else "", "reasoning_content": "blue"})

    bench.server.replies = answer
    bench.ask()
    attempts = bench.attempts
    assert {name: (each.outcome, each.mode, each.flags) for name, each in attempts.items()} == {
        "strict": (Outcome.MISSED, FailureMode.EMPTY, ()),
        "kind": (Outcome.PASSED, None, ("answer_from_reasoning",)),
        "shown": (Outcome.PASSED, None, ()),
        "body": (Outcome.PASSED, None, ("answer_from_reasoning",)),
    }
