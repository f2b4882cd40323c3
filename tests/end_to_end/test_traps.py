"""What could make a wrong number look right: each must end as broken, refused or missed, never as points."""

from pathlib import Path

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench

GRADERS = """
import pytest
import pytest_polecat as polecat

@pytest.fixture
def unready():
    assert False, "environment not ready"

@polecat.question(prompt="p")
async def test_async(reply):
    assert reply.text

@polecat.question(prompt="p")
def test_unready(unready, reply):
    pass

@polecat.question(prompt="p")
def test_subtest(reply, subtests):
    with subtests.test("x"):
        assert reply.text == "wrong"

@polecat.question(prompt="p")
def test_nan(reply, score):
    score.award(float("nan"))

@polecat.question(prompt="p", points=2)
def test_overdrawn(reply, score):
    try:
        score.award(3)
    except Exception:
        pass

@polecat.question(prompt="p")
def test_all_and_fail(reply, score):
    score.award(1)
    assert 0

@polecat.question(prompt="p", checks=[{"exact": "fine"}])
def test_grade_and_fail(reply, grade):
    grade(reply)
    assert 0

@polecat.question(prompt="p", checks=[{"exact": "fine"}])
def test_grade_and_score(reply, grade, score):
    grade(reply)
    score.award(1, when=False)

@polecat.question(prompt="p", checks=[{"exact": "other"}])
def test_grade_not_called(reply, grade):
    pass

@polecat.question(prompt="p")
def test_no_reply(question):
    pass

@polecat.question(prompt="p")
def test_infrastructure_claimed(reply):
    raise polecat.Missed("x", mode="server_crash")

@pytest.mark.xfail(run=False)
@polecat.question(prompt="p")
def test_not_run(reply):
    pass

@pytest.mark.xfail(strict=True)
@polecat.question(prompt="p")
def test_strict(reply):
    assert reply.text == "fine"
"""

BROKEN = (Outcome.BROKEN, FailureMode.SUITE_ERROR)

EXPECTED = {
    "async": BROKEN,
    "unready": BROKEN,
    "subtest": (Outcome.MISSED, FailureMode.TEST_FAILURE),
    "nan": BROKEN,
    "overdrawn": BROKEN,
    "all-and-fail": BROKEN,
    "grade-and-fail": BROKEN,
    "grade-and-score": BROKEN,
    "grade-not-called": BROKEN,
    "no-reply": BROKEN,
    "infrastructure-claimed": (Outcome.MISSED, FailureMode.WRONG_ANSWER),
    "not-run": (Outcome.SKIPPED, None),
    "strict": BROKEN,
}


def test_no_trap_earns_points(bench: Bench) -> None:
    bench.pytester.makepyfile(test_traps=GRADERS)
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret == 1
    found = bench.attempts
    assert {name: (each.outcome, each.mode) for name, each in found.items()} == EXPECTED
    assert sum(each.earned for each in found.values()) == 0
    result.stdout.fnmatch_lines(["*polecat: 0–*10 broken, incomplete*exit 1*"])


def test_failed_subtests_alone_do_not_fail_the_session(bench: Bench) -> None:
    bench.pytester.makepyfile("""
        import pytest_polecat as polecat

        @polecat.question(prompt="p")
        def test_subtest(reply, subtests):
            with subtests.test("x"):
                assert reply.text == "wrong"
    """)
    assert bench.ask().ret == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@polecat.question(prompt="p")\ndef test_x(reply):\n    return reply.text', "returns nothing; say `assert"),
        (
            '@polecat.question(prompt="p", checks=[{"exact": "x"}])\ndef test_x(reply):\n    pass',
            "declares checks that nothing applies",
        ),
        (
            '@polecat.question(prompt="p", checks=[{"exactt": "x"}])\ndef test_x(reply, grade):\n    grade(reply)',
            "there is no check `exactt`; did you mean `exact`",
        ),
        ('@polecat.question(prompt="p", wrong="no")\ndef test_x(reply):\n    pass', "wrong: "),
        ('@polecat.suite("missing.jsonl")\ndef test_x(reply):\n    pass', "missing.jsonl: can't be read"),
        ('SUITE = "name"\n@polecat.question(prompt="p")\ndef test_x(reply):\n    pass', "SUITE must be a polecat"),
    ],
)
def test_a_faulty_python_suite_is_refused_in_one_line(bench: Bench, text: str, expected: str) -> None:
    bench.pytester.makepyfile(test_faulty="import pytest_polecat as polecat\n" + text)
    result = bench.ask()
    assert result.ret != 0
    assert expected in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert "pytest_polecat/" not in result.stdout.str()
    assert not bench.server.chats


def test_two_headers_for_one_suite_are_refused(bench: Bench) -> None:
    question = "questions: [{id: %s, prompt: p, checks: [json]}]"
    bench.suite(f"suite: same\nversion: 1\n{question % 'a'}\n", "a.polecat.yaml")
    bench.suite(f"suite: same\nversion: 2\n{question % 'b'}\n", "b.polecat.yaml")
    result = bench.ask()
    # Workers have no usage errors: theirs interrupt the session.
    assert result.ret == (pytest.ExitCode.INTERRUPTED if bench.xdist else pytest.ExitCode.USAGE_ERROR)
    told = result.stdout.lines + result.stderr.lines
    assert [line for line in told if "suite same: " in line and "different headers" in line]
    assert not [line for line in told if "Traceback" in line or "INTERNALERROR" in line]


def test_a_suite_that_could_not_be_collected_fails_a_session_that_goes_on_without_it(bench: Bench) -> None:
    good = "suite: good\nquestions: [{id: a, prompt: p, checks: [{exact: fine}]}, {id: b, prompt: p, checks: [json]}]\n"
    bench.suite(good, "good.polecat.yaml")
    bench.suite("suite: bad\nquestions: 5\n", "bad.polecat.yaml")
    bench.server.replies = lambda _: "fine"
    result = bench.ask("--continue-on-collection-errors")
    assert result.ret == 1


def test_a_distribution_mode_without_workers_is_no_distribution(bench: Bench) -> None:
    bench.suite("suite: good\nquestions: [{id: a, prompt: p, checks: [{exact: fine}]}]\n")
    bench.server.replies = lambda _: "fine"
    result = bench.ask("--dist=loadfile")
    assert result.ret == 0


def test_workers_named_by_tx_share_the_items(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("there are no workers without xdist")
    bench.suite("suite: good\nquestions: [{id: a, prompt: p, checks: [{exact: fine}]}]\n")
    bench.server.replies = lambda _: "fine"
    plain = Bench(bench.pytester, bench.server, xdist=False)
    assert plain.ask("--dist=load", "--tx", "2*popen").ret == 0


def test_a_self_test_is_not_proven_by_skipping(bench: Bench) -> None:
    bench.pytester.makepyfile(
        test_skips="""
        import pytest
        import pytest_polecat as polecat

        @polecat.question(prompt="p1", reference="yes", wrong=["no"])
        def test_x(reply):
            if reply.text != "yes":
                pytest.skip("n/a")
    """
    )
    result = bench.ask("--polecat-selftest", model=None)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*grading skips wrong answer 1 instead of giving a verdict*"])


def test_a_run_folder_that_vanishes_loses_no_summary(bench: Bench) -> None:
    bench.pytester.makepyfile(
        test_rm="""
        import pathlib, shutil
        import pytest_polecat as polecat

        @polecat.question(prompt="p")
        def test_x(reply):
            shutil.rmtree("polecat-runs")
            assert reply.text == "fine"
    """
    )
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the run can't be written*", "*polecat: 1/1 point*"])
    assert "Traceback" not in result.stdout.str()
    assert not Path(bench.folder / "polecat-runs").exists()


EDITED = """\
import os
import pathlib
import pytest_polecat as polecat

@polecat.suite([{"id": f"a{n}", "prompt": f"Question {n}"} for n in range(2)])
def test_first(question, reply):
    other = pathlib.Path("zmore.polecat.yaml")
    if question.id == "a1" and "points: 5," in other.read_text():
        other.write_text(other.read_text().replace("points: 5,", "points: 50,"))
        os._exit(1)
    assert reply.text == "fine"
"""


def test_a_suite_that_is_changed_while_it_is_asked_never_mixes_with_what_was_selected(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("pytest itself collects once")
    bench.suite(EDITED, "test_edited.py")
    questions = "".join(f"  - {{id: m{n}, prompt: Say {n}, points: 5, checks: [{{exact: fine}}]}}\n" for n in range(8))
    bench.suite(f"suite: more\nquestions:\n{questions}", "zmore.polecat.yaml")
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    changed = [each for each in bench.run.attempts() if "its suite was changed while it was asked" in each.message]
    assert changed
    assert all(each.outcome is Outcome.BROKEN for each in changed)
    selected = {case.nodeid: case.hash for case in bench.run.cases()}
    assert all(selected[each.nodeid] == each.hash for each in bench.run.attempts())
    assert sum(each.earned for each in bench.run.attempts()) <= sum(case.points for case in bench.run.cases()) == 42


def test_what_was_decided_stays_when_the_worker_dies_afterwards(bench: Bench) -> None:
    if not bench.xdist:
        pytest.skip("there are no workers without xdist")
    bench.suite(
        "suite: good\nquestions: [{id: a, prompt: p, checks: [{exact: fine}]}, {id: b, prompt: p, checks: [json]}]\n"
    )
    bench.suite(
        """\
        import os, pytest

        @pytest.fixture(scope="session", autouse=True)
        def dying(request):
            yield
            if hasattr(request.config, "workerinput"):
                os._exit(1)
        """,
        "conftest.py",
    )
    bench.server.replies = lambda _: "fine"
    result = bench.ask()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert {name: each.outcome for name, each in bench.attempts.items()} == {"a": Outcome.PASSED, "b": Outcome.MISSED}
    assert len(list(bench.run.attempts())) == 2
    result.stdout.fnmatch_lines(["note: something besides the questions failed*", "polecat: 1/2 points*exit 1"])
