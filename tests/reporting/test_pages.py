"""Pages made ahead, while the run goes on, are those that would be made at its end."""

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import pytest

from pytest_polecat.jsonl import json_line, read_log
from pytest_polecat.records.attempt import Case
from pytest_polecat.reporting.columns import Column
from pytest_polecat.reporting.html import page as page_module
from pytest_polecat.reporting.html.data import Entry, EntryReader
from pytest_polecat.reporting.html.page import write_page
from pytest_polecat.reporting.html.pages import Pages
from pytest_polecat.rundir import RunDir
from tests.reporting.synthetic import PROFILE, everything, write_run


class FullDisk(TextIOWrapper):
    """A file on a disk that has no room left."""

    def __init__(self, encoding: str) -> None:
        super().__init__(open("/dev/full", "r+b", buffering=0), encoding=encoding)  # noqa: SIM115, PTH123


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return write_run(tmp_path, everything())


@pytest.fixture
def entries_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions whose entries were read, in that order."""
    read = []
    entry = EntryReader.entry

    def noted(reader: EntryReader, case: Case) -> Entry:
        read.append(case.question)
        return entry(reader, case)

    monkeypatch.setattr(EntryReader, "entry", noted)
    return read


def attempted(run: RunDir) -> set[str]:
    return {attempt.nodeid for attempt in run.attempts()}


def page_at_the_end(run: RunDir) -> bytes:
    write_page(run, PROFILE, run.report())
    return run.report().read_bytes()


def page_after(run: RunDir, pages: Pages, columns: tuple[Column, ...] = ()) -> bytes:
    run.report().unlink(missing_ok=True)
    written, problems = pages.write(columns, None)
    assert written == {PROFILE: run.report()}
    assert problems == []
    return run.report().read_bytes()


def made_ahead(run: RunDir, finished: set[str]) -> Pages:
    pages = Pages(run, run.cases(), several=False)
    while pages.prepare(finished):
        pass
    return pages


def test_a_page_made_ahead_is_the_one_that_is_made_at_the_end(run: RunDir, entries_read: list[str]) -> None:
    whole = page_at_the_end(run)
    entries_read.clear()
    pages = made_ahead(run, attempted(run))
    ahead = len(entries_read)
    assert 0 < ahead < len(run.cases())
    assert page_after(run, pages) == whole
    assert len(entries_read) == len(run.cases())


def test_what_is_not_finished_is_made_at_the_end(run: RunDir, entries_read: list[str]) -> None:
    lines = list(read_log(run.attempts_file))
    run.attempts_file.write_bytes(b"".join(map(json_line, lines[:2])))
    pages = Pages(run, run.cases(), several=False)
    while pages.prepare({line["nodeid"] for line in lines[:2]}):
        pass
    assert entries_read == [line["question"] for line in lines[:2]]
    with run.attempts_file.open("ab") as file:
        file.writelines(map(json_line, lines[2:]))
    assert page_after(run, pages) == page_at_the_end(run)


def test_the_last_of_several_attempts_counts_whatever_was_made_ahead(run: RunDir) -> None:
    pages = made_ahead(run, attempted(run))
    first = next(read_log(run.attempts_file))
    with run.attempts_file.open("ab") as file:
        file.write(json_line(first | {"message": "the second try"}))
    page = page_after(run, pages)
    assert b"the second try" in page
    assert page == page_at_the_end(run)


def test_columns_of_third_parties_are_on_a_page_that_was_begun_without_them(run: RunDir) -> None:
    pages = made_ahead(run, attempted(run))
    assert b"cell of demo-35b" in page_after(
        run, pages, (Column("Own", lambda record: f"cell of {record['profile']}"),)
    )


def test_what_is_made_ahead_leaves_no_file_behind(run: RunDir) -> None:
    before = sorted(run.path.iterdir())
    pages = made_ahead(run, attempted(run))
    assert sorted(run.path.iterdir()) == before
    pages.close()


@pytest.mark.parametrize("trouble", [OSError("the disk is gone"), KeyboardInterrupt()])
def test_trouble_while_a_page_is_made_ahead_costs_neither_an_answer_nor_the_page(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    def torn() -> Iterator[BaseException]:
        yield trouble

    troubles = torn()
    entry = EntryReader.entry

    def sometimes(reader: EntryReader, case: Case) -> Entry:
        for one in troubles:
            raise one
        return entry(reader, case)

    monkeypatch.setattr(EntryReader, "entry", sometimes)
    pages = Pages(run, run.cases(), several=False)
    if isinstance(trouble, Exception):
        assert not pages.prepare(attempted(run))
    else:
        with pytest.raises(KeyboardInterrupt):
            pages.prepare(attempted(run))
    assert page_after(run, pages) == page_at_the_end(run)


def test_a_page_that_finds_no_room_while_it_is_made_ahead_is_made_at_the_end(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "TemporaryFile", lambda *_, **kwargs: FullDisk(encoding=kwargs["encoding"]))
    pages = Pages(run, run.cases(), several=False)
    assert not pages.prepare(attempted(run))
    assert page_after(run, pages) == page_at_the_end(run)


def test_a_page_begun_on_a_disk_that_filled_up_is_given_up_in_silence(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FullDisk(encoding="utf-8")
    monkeypatch.setattr(page_module, "TemporaryFile", lambda *_, **__: file)
    monkeypatch.setattr(file, "flush", lambda: None)
    pages = Pages(run, run.cases(), several=False)
    assert pages.prepare(attempted(run))
    monkeypatch.undo()
    pages.close()
    assert file.closed


def test_without_jinja_nothing_is_made_ahead_and_the_end_says_why(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    page_module._template.cache_clear()
    page_module._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    pages = Pages(run, run.cases(), several=False)
    assert not pages.prepare(attempted(run))
    written, problems = pages.write((), None)
    assert written == {PROFILE: None}
    assert "pytest-polecat[report]" in problems[0]
