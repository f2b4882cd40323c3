from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.reporting.pytest_html import PytestHtml

HOSTILE = "<script>alert(1)</script>\x1b[31m"


class Grader:
    """Leaves a record on reports, as polecat does."""

    def __init__(self, records: Mapping[str, dict[str, Any]]) -> None:
        self.records = records

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and (record := self.records.get(report.nodeid.rpartition("::")[2])):
            report.polecat = record  # type: ignore[attr-defined]


def report_of(pytester: pytest.Pytester, lines: list[str], pages: Mapping[str, Path]) -> str:
    pytester.makepyfile(
        "import pytest\n"
        "def test_graded(): pass\n"
        "def test_partly(): assert 0\n"
        "def test_hostile(): pass\n"
        "def test_ordinary(): pass\n"
        "@pytest.mark.skip\n"
        "def test_skipped(): pass\n"
    )
    records = {
        "test_graded": {"outcome": "passed", "points": 3, "earned": 3.0},
        "test_partly": {"outcome": "partial", "points": 3, "earned": 1.5},
        "test_hostile": {"outcome": HOSTILE, "points": 1, "earned": 0},
    }
    plugins = [Grader(records), PytestHtml(lambda: lines, lambda: pages)]
    result = pytester.runpytest_inprocess("-p", "no:polecat", "--html=out/their.html", plugins=plugins)
    result.assert_outcomes(passed=3, failed=1, skipped=1)
    return (pytester.path / "out" / "their.html").read_text(encoding="utf-8")


def test_pytest_html_gets_a_summary_a_link_and_points(pytester: pytest.Pytester) -> None:
    page = pytester.path / "runs" / "a run" / "report.html"
    text = report_of(pytester, ["polecat: 4.5/7 points"], {"demo": page})
    assert "<p>polecat: 4.5/7 points</p>" in text
    assert '<a href="../runs/a%20run/report.html">demo</a>' in text
    assert "<th>Points</th>" in text
    assert "3/3 passed" in text
    assert "1.5/3 partial" in text


def test_hostile_texts_stay_texts_in_pytest_html(pytester: pytest.Pytester) -> None:
    text = report_of(pytester, [HOSTILE], {HOSTILE: pytester.path / '"><script>.html'})
    assert "<script>alert" not in text
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt;␛[31m</p>" in text
    assert '"><script>' not in text.partition("</head>")[2].partition("data-container")[0]


def test_without_pytest_html_the_hooks_are_never_called(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    plugin = PytestHtml(lambda: pytest.fail("called"), lambda: pytest.fail("called"))
    result = pytester.runpytest_inprocess("-p", "no:polecat", "-p", "no:html", plugins=[plugin])
    result.assert_outcomes(passed=1)
