from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.run import ProfileRun
from pytest_polecat.reporting.terminal import write_summary
from pytest_polecat.results.summary import ProfileSummary, summarise
from tests.reporting.synthetic import PROFILE, Story, everything, synthetic_run


class Writer:
    """A plugin that writes the summary where polecat would."""

    def __init__(self, stories: Sequence[Story], *, deselected: int = 0, error: str | None = None) -> None:
        self.run = synthetic_run(stories, deselected=deselected)
        if error:
            profile = self.run.profiles[PROFILE].profile
            self.run = self.run.model_copy(
                update={"profiles": {PROFILE: ProfileRun(profile=profile, hash="", error=error)}}
            )
        attempts = [story.attempt for story in stories]
        self.summaries: Mapping[str, ProfileSummary] = summarise(
            [story.case for story in stories], [one for one in attempts if one], deselected=deselected
        )
        self.notes: Sequence[str] = ()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reports = {name: Path("runs/r/report.html") for name in self.summaries}
        write_summary(terminalreporter, self.run, self.summaries, reports, 0, self.notes)


def written(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, writer: Writer, *options: str) -> list[str]:
    """What the plugin wrote on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    result = pytester.runpytest_inprocess("-p", "no:polecat", *options, plugins=[writer])
    lines = result.outlines
    start = next(index for index, line in enumerate(lines) if "polecat" in line)
    return [line for line in lines[start:] if line and "no tests ran" not in line]


def precision(count: int = 24) -> list[Story]:
    stories = [Story(f"q{index}", tier=1 + index % 3, points=1 + index % 3) for index in range(count - 4)]
    return [
        *stories,
        Story("partial", "partial", points=3, earned=1.5, mode=FailureMode.WRONG_ANSWER),
        Story("missed", "missed", tier=2, mode=FailureMode.FORMAT_VIOLATION),
        Story("cut", "passed", flags=("truncated",), mode=FailureMode.TRUNCATED),
        Story("picture", "skipped", message="the model sees no images"),
    ]


def test_a_usual_run_fits_on_half_a_screen_of_80_columns(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = written(pytester, monkeypatch, Writer(precision()))
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "report: runs/r/report.html"
    assert lines[-2].startswith("polecat: 41.5/44 points (94.3 %), no gate, exit 0")


def test_the_table_gives_suite_and_tiers_with_intervals(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = written(pytester, monkeypatch, Writer(precision()))
    table = [line for line in lines if line.startswith(("precision ", "  tier"))]
    assert [line.split()[0] for line in table] == ["precision", "tier", "tier", "tier"]
    assert "91.3 % [73.2, 97.6]" in table[0]
    assert len({len(line) for line in table}) == 1


def test_failure_modes_flags_and_reasons_are_named(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(written(pytester, monkeypatch, Writer(precision())))
    assert "failure modes: wrong_answer 1, format_violation 1" in text
    assert "flags: truncated 1" in text
    assert "skipped: 1 (the model sees no images: 1)" in text


def test_an_incomplete_subset_says_so_and_names_what_broke(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = written(pytester, monkeypatch, Writer(everything(), deselected=3))
    text = "\n".join(lines)
    assert "broken suites/tools.polecat.yaml::test_question[queue]" in text
    assert "not run: 1" in text
    assert "6.5–12.5/23 points, 1 broken, 1 not run, incomplete, subset: 9 of 12 questions" in text
    assert max(map(len, lines[:-2])) <= 80


def test_many_broken_questions_do_not_flood_the_terminal(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = [
        Story(f"q{index}", "broken", mode=FailureMode.CONNECTION, message="gone\nand more") for index in range(500)
    ]
    lines = written(pytester, monkeypatch, Writer(stories))
    assert len(lines) <= 25
    assert "… and 490 more broken" in lines
    assert not any("and more" in line for line in lines if line.startswith("broken"))


def test_quiet_leaves_the_policy_line_and_the_page(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(precision())
    writer.notes = ("something",)
    lines = written(pytester, monkeypatch, writer, "-q")
    assert len(lines) == 2
    assert lines[0].startswith("polecat: ")
    assert lines[1].startswith("report: ")


def test_several_profiles_are_told_apart(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(precision())
    other = writer.summaries[PROFILE].__class__(**{**vars(writer.summaries[PROFILE]), "profile": "other"})
    writer.summaries = {PROFILE: writer.summaries[PROFILE], "other": other}
    text = "\n".join(written(pytester, monkeypatch, writer))
    assert f"polecat ({PROFILE}): 41.5/44" in text
    assert "polecat (other): 41.5/44" in text


def test_notes_and_a_server_that_did_not_start_are_told(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer([Story("q", "broken", mode=FailureMode.SERVER_OOM)], error="out of memory: \x1b[31mlower -ngl")
    writer.notes = ("the HTML page needs jinja2",)
    text = "\n".join(written(pytester, monkeypatch, writer))
    assert "error: out of memory: ␛[31mlower -ngl" in text
    assert "note: the HTML page needs jinja2" in text


def test_nothing_is_coloured_where_colour_is_off(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = written(pytester, monkeypatch, Writer(everything()), "--color=yes")
    plain = written(pytester, monkeypatch, Writer(everything()), "--color=no")
    assert any("\x1b[" in line for line in coloured)
    assert not any("\x1b" in line for line in plain)


def test_a_long_suite_name_gives_way_to_the_numbers(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    stories = [Story(f"q{index}", suite="s" * 80) for index in range(3)]
    lines = written(pytester, monkeypatch, Writer(stories))
    row = next(line for line in lines if line.startswith("sss"))
    assert len(row) <= 80
    assert "…" in row
