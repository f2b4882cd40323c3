"""Third parties' hooks and launchers that fail: one line names them, and no result is lost by it."""

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from tests.end_to_end.conftest import Bench
from tests.end_to_end.test_engine import many

LAUNCHER = """
import pytest

class Mine:
    name = "mine"
    def check(self, profile, models_dir): {check}
    def files(self, profile, models_dir): {files}
    def prepare(self, profile, models_dir, port): {prepare}

def pytest_polecat_launchers(config):
    return [Mine()]
"""


def told(result: pytest.RunResult) -> str:
    text = result.stdout.str() + "\n" + result.stderr.str()
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    return text


@pytest.mark.parametrize(
    ("hook", "body"),
    [
        ("profiles", "raise ValueError('boo')"),
        ("launchers", "return 5"),
        ("checks", "pytest.skip('boo')"),
        ("checks", "raise ValueError('boo')"),
    ],
)
def test_a_hook_that_fails_at_the_start_is_one_line(bench: Bench, hook: str, body: str) -> None:
    bench.suite(many(2))
    bench.suite(f"import pytest\n\ndef pytest_polecat_{hook}(config):\n    {body}\n", "conftest.py")
    result = bench.ask()
    line = next(line for line in told(result).splitlines() if f"the hook pytest_polecat_{hook} failed: " in line)
    assert "boo" not in body or line.rstrip(" !").endswith("conftest.py, line 4)")
    # Checks are asked for while tests are collected: pytest calls that an error of the collection.
    assert result.ret in ({1, 2, 4} if hook == "checks" else {pytest.ExitCode.USAGE_ERROR})
    assert not bench.server.chats


@pytest.mark.parametrize(
    ("part", "body"), [("check", "raise ValueError('boo')"), ("files", "return ['x']"), ("files", "pytest.skip('boo')")]
)
def test_a_launcher_that_fails_before_the_run_is_one_line(bench: Bench, part: str, body: str) -> None:
    bench.suite(many(2))
    parts = {"check": "pass", "files": "return {}", "prepare": "pass"} | {part: body}
    bench.suite(LAUNCHER.format_map(parts), "conftest.py")
    bench.profile("own", 'launcher = "mine"\nmodel = "own"')
    result = bench.ask(model="own")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"profile 'own': {part}() of its launcher failed: " in told(result)


@pytest.mark.parametrize("body", ["raise SystemExit(0)", "pytest.skip('boo')"])
def test_a_launcher_that_raises_anything_breaks_its_questions_at_once(bench: Bench, body: str) -> None:
    bench.suite(many(2))
    bench.suite(LAUNCHER.format(check="pass", files="return {}", prepare=body), "conftest.py")
    bench.profile("own", 'launcher = "mine"\nmodel = "own"')
    result = bench.ask(model="own")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told(result)
    for attempt in bench.attempts.values():
        assert attempt.outcome is Outcome.BROKEN
        assert attempt.message.startswith("profile 'own': its launcher failed: ")
        assert "conftest.py, line 8" in attempt.message


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('boo')",
        "record['extra']['x'] = object()",
        "record['extra'] = 5",
    ],
)
def test_a_record_hook_that_fails_breaks_that_attempt_alone(bench: Bench, body: str) -> None:
    bench.suite(many(4))
    bench.server.replies = lambda _: "fine"
    hook = f"import pytest\n\ndef pytest_polecat_record(record, item):\n    if 'q001' in item.nodeid:\n        {body}\n"
    bench.suite(hook, "conftest.py")
    result = bench.ask()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told(result)
    assert {name: each.outcome for name, each in bench.attempts.items()} == {
        "q000": Outcome.PASSED,
        "q001": Outcome.BROKEN,
        "q002": Outcome.PASSED,
        "q003": Outcome.PASSED,
    }
    attempt = bench.attempts["q001"]
    assert attempt.mode is FailureMode.SUITE_ERROR
    assert "the hook pytest_polecat_record failed: " in attempt.message
    bench.suite("", "conftest.py")
    assert bench.ask("--polecat-resume").ret == 0


def test_a_record_hook_changes_nothing_but_what_is_extra(bench: Bench) -> None:
    bench.suite(many(2))
    bench.server.replies = lambda body: "fine" if "0." in body["messages"][-1]["content"] else "no"
    bench.suite(
        """\
        def pytest_polecat_record(record, item):
            record["outcome"], record["earned"], record["nodeid"] = "passed", 99, "elsewhere"
            record["extra"]["seen"] = ["it"]
        """,
        "conftest.py",
    )
    assert bench.ask().ret == 0
    assert {name: (each.outcome, each.earned) for name, each in bench.attempts.items()} == {
        "q000": (Outcome.PASSED, 1),
        "q001": (Outcome.MISSED, 0),
    }
    assert all(each.extra == {"seen": ["it"]} for each in bench.attempts.values())
    assert all(each.nodeid.startswith("sea.polecat.yaml") for each in bench.attempts.values())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('boo')", "the hook pytest_polecat_report_columns failed: ValueError: boo"),
        ("return ['x']", "the hook pytest_polecat_report_columns failed: AttributeError"),
        ("return 5", "the hook pytest_polecat_report_columns failed: TypeError"),
        ("return [Column('Own', lambda record: record['nope'])]", "failed: KeyError"),
    ],
)
def test_columns_that_fail_cost_neither_the_points_nor_the_page(bench: Bench, body: str, expected: str) -> None:
    bench.suite(many(2))
    bench.server.replies = lambda _: "fine"
    hook = "from pytest_polecat.reporting.columns import Column\n\ndef pytest_polecat_report_columns(config):\n"
    bench.suite(f"{hook}    {body}\n", "conftest.py")
    result = bench.ask()
    assert result.ret == 0
    assert "polecat: 2/2 points" in told(result)
    assert expected in told(result) + (bench.run.path / "report.html").read_text()
