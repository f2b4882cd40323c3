from pathlib import Path

import pytest

from pytest_polecat.errors import PolecatError
from pytest_polecat.jsonl import json_line
from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.rundir import RunDir, file_name, write_atomically


def attempt(question: str) -> Attempt:
    return Attempt(nodeid="n", suite="s", question=question, hash="h", profile="p", outcome=Outcome.PASSED, earned=1)


def test_a_planned_run_touches_no_disk_until_it_is_made(tmp_path: Path) -> None:
    run = RunDir.planned(tmp_path / "runs")
    assert not list(tmp_path.iterdir())
    run.make()
    run.make()
    assert (run.path / "replies").is_dir()
    assert (tmp_path / "runs" / ".gitignore").read_text() == "*\n"


def test_runs_sort_by_the_time_at_which_they_began(tmp_path: Path) -> None:
    names = [RunDir.planned(tmp_path).id for _ in range(500)]
    assert names == sorted(names)
    assert len(set(names)) > 1


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    lines = [json_line(attempt(name).model_dump(mode="json")) for name in ("a", "b", "c")]
    run.attempts_file.write_bytes(b"".join(lines)[:-20])
    assert [each.question for each in run.attempts()] == ["a", "b"]


def test_keys_of_a_newer_version_are_ignored(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    line = {**attempt("a").model_dump(mode="json"), "invented_later": 1}
    run.attempts_file.write_bytes(json_line(line))
    assert [each.question for each in run.attempts()] == ["a"]


def test_the_selection_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    case = Case(nodeid="n", suite="s", question="q", hash="h", profile="p", epoch=2, points=3)
    run.write_selection([case], [{"hash": "h", "suite": "s"}], deselected=4)
    assert run.has_proposal()
    assert not run.selected_file.exists()
    run.adopt_selection()
    assert not run.has_proposal()
    assert run.cases() == [case]
    assert run.questions() == {"h": {"hash": "h", "suite": "s"}}
    assert run.selection() == {"deselected": 4}


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    write_atomically(file, b"old")
    with pytest.raises(TypeError):
        write_atomically(file, "no bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(PolecatError, match=r"is not a run: it holds no run\.json"):
        RunDir(tmp_path).read_run()


@pytest.mark.parametrize(("name", "expected"), [("demo", "demo"), ("a/b c", "a-b-c"), ("@echo", "@echo")])
def test_a_profiles_name_becomes_a_file_name(name: str, expected: str) -> None:
    assert file_name(name) == expected


def test_two_runs_that_would_have_one_name_get_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RunDir.planned(tmp_path)
    second = RunDir(first.path)
    first.claim()
    second.claim()
    assert first.path != second.path
    second.remove()
    assert first.path.is_dir()
    assert not second.path.exists()


def test_nobody_removes_a_folder_that_somebody_else_made(tmp_path: Path) -> None:
    first = RunDir.planned(tmp_path)
    first.claim()
    RunDir(first.path).remove()
    assert first.path.is_dir()


def test_a_selection_that_was_not_adopted_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    cases = [Case(nodeid=name, suite="s", question=name, hash="h", profile="p") for name in "ab"]
    run.write_selection(cases, [], deselected=0)
    run.adopt_selection()
    run.write_selection(cases[:1], [], deselected=1)
    assert run.cases() == cases
    run.drop_selection()
    assert not run.has_proposal()
    assert (run.cases(), run.selection()) == (cases, {"deselected": 0})


def test_damage_is_told_of_what_was_there_when_it_was_asked_for(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert run.damage() == []
    run.attempts_file.write_bytes(b'{}\n{torn\n{"whole": ')
    (told,) = run.damage()
    assert told == f"{run.attempts_file}: lines that are damaged: 1; what they said does not count"
