"""Looking ahead: the server is kept busy, and little is asked in vain."""

import time
from typing import Any

import pytest

from pytest_polecat.asking.engine import width
from pytest_polecat.records.outcome import Outcome
from tests.end_to_end.conftest import Bench


def many(count: int) -> str:
    questions = "".join(
        f"  - {{id: q{number:03}, prompt: Question {number}., checks: [{{exact: fine}}]}}\n" for number in range(count)
    )
    return "suite: many\nquestions:\n" + questions


@pytest.mark.parametrize(
    ("slots", "workers", "expected"), [(1, 1, 2), (4, 1, 5), (8, 1, 10), (16, 1, 20), (4, 2, 3), (16, 2, 10)]
)
def test_all_slots_and_a_quarter_more_are_kept_in_flight(slots: int, workers: int, expected: int) -> None:
    assert width(slots, workers) == expected


def test_requests_overlap_up_to_the_width_and_never_beyond(bench: Bench) -> None:
    bench.suite(many(40))
    bench.server.slots = 64
    bench.server.latency = 0.05
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret == 0
    assert len(bench.server.chats) == 40
    limit = 2 * width(4, 2) if bench.xdist else width(4)
    assert 4 <= bench.server.max_in_flight <= limit


def test_grading_goes_in_the_order_of_the_items_whatever_arrives_first(bench: Bench) -> None:
    bench.suite(many(12))

    def reply(body: Any) -> str:
        time.sleep(0.02 if "Question 0." in body["messages"][-1]["content"] else 0)
        return "fine"

    bench.server.replies = reply
    bench.ask()
    finished = [attempt.question for attempt in bench.run.attempts()]
    for share in (finished[::1],) if not bench.xdist else ():
        assert share == sorted(share)
    assert sorted(finished) == [f"q{number:03}" for number in range(12)]


def test_after_the_first_miss_little_was_asked_in_vain(bench: Bench) -> None:
    bench.suite(many(60))
    bench.server.replies = lambda body: "no" if "Question 0." in body["messages"][-1]["content"] else "fine"
    bench.server.latency = 0.02
    bench.ask("-x")
    assert len(bench.server.chats) <= (60 if bench.xdist else 2 * width(4) + 1)
    assert bench.run.read_run().status == "interrupted"


def test_under_a_foreign_scheduler_no_question_is_asked_twice(bench: Bench) -> None:
    bench.suite(many(12))
    bench.server.replies = lambda _: "fine"
    result = bench.ask(*(["--dist=worksteal"] if bench.xdist else []))
    assert result.ret == 0
    assert len(bench.server.chats) == 12


def test_a_server_that_does_not_constrain_is_found_out(bench: Bench) -> None:
    bench.suite("""\
        suite: shapes
        questions:
          - id: free
            prompt: Give JSON freely.
            checks: [{json: true}]
          - id: bound
            prompt: Give JSON by the schema.
            constrained: true
            checks: [{json_schema: {type: object, required: [a]}}]
    """)
    bench.server.replies = lambda body: "The sea is wide." if "sea" in str(body["messages"]) else '{"a": 1}'
    result = bench.ask("-rs")
    assert bench.attempts["free"].outcome is Outcome.PASSED
    assert bench.attempts["bound"].outcome is Outcome.SKIPPED
    result.stdout.fnmatch_lines(["*1/1 point*"])
    assert "not to constrain" in bench.attempts["bound"].message
    served = bench.run.read_run().profiles["fake"].served
    assert served is not None
    assert served.constrains is False


def test_a_constrained_question_sends_the_schema_of_its_check(bench: Bench) -> None:
    bench.suite("""\
        suite: shapes
        questions:
          - id: bound
            prompt: Give JSON by the schema.
            constrained: true
            checks: [{json_schema: {type: object, required: [a]}}]
    """)
    bench.server.replies = lambda body: '{"canary": "polecat"}' if "sea" in str(body["messages"]) else '{"a": 1}'
    bench.ask()
    assert bench.attempts["bound"].outcome is Outcome.PASSED
    asked = bench.server.chats[-1].body["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["schema"] == {"type": "object", "required": ["a"]}


def test_no_worker_asks_before_the_controller_listens(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("only xdist has workers")
    (bench.folder / "conftest.py").write_text(
        "import time\nimport pytest\n\n"
        "@pytest.hookimpl(tryfirst=True, optionalhook=True)\n"
        "def pytest_xdist_node_collection_finished(node):\n    time.sleep(0.5)\n"
    )
    bench.suite(many(4))
    bench.server.replies = lambda _: "fine"
    assert bench.ask().ret == 0


def test_the_first_questions_are_asked_before_the_first_test_runs(bench: Bench) -> None:
    if bench.xdist:
        pytest.skip("a worker asks when it is given its first item")
    (bench.folder / "test_first.py").write_text(
        "import httpx\n\n"
        "def test_plain(request):\n"
        f"    for _ in range(1000):\n        if httpx.get('{bench.server.address}/seen', trust_env=False).json():\n"
        "            return\n"
        "    raise AssertionError('nothing was asked')\n"
    )
    bench.server.pages["/seen"] = False

    def reply(_: Any) -> str:
        bench.server.pages["/seen"] = True
        return "fine"

    bench.server.replies = reply
    bench.suite(many(4), "z_sea.polecat.yaml")
    assert bench.ask("test_first.py", path="z_sea.polecat.yaml").ret == 0


def test_one_worker_asks_as_pytest_itself_does(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("there are no workers without xdist")
    bench.suite(many(12))
    bench.server.replies = lambda _: "fine"
    one = Bench(bench.pytester, bench.server, xdist=False)
    assert one.ask("-n1").ret == 0
    assert len(bench.server.chats) == 12 == len(list(bench.run.attempts()))
