import json
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.errors import PolecatError
from pytest_polecat.jsonl import LineIndex, LineWriter, json_line, line_count, read_jsonl, read_log
from tests.little_room import room_for


def test_a_lone_surrogate_can_be_written_and_read() -> None:
    assert json.loads(json_line({"text": "\ud83d"})) == {"text": "\ud83d"}


def test_a_line_that_finds_room_for_its_beginning_only_is_not_begun(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    with closing(LineWriter(file)) as lines:
        lines.append(b"first\n")
        with room_for(10), pytest.raises(OSError, match="File too large"):
            lines.append(b"second\n")
        assert file.read_bytes() == b"first\n"
        lines.append(b"third\n")
    assert file.read_bytes() == b"first\nthird\n"


def test_lines_are_appended_to_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"first\n")
    with closing(LineWriter(file)) as lines, room_for(10), pytest.raises(OSError, match="File too large"):
        lines.append(b"second\n")
    assert file.read_bytes() == b"first\n"


def indexed(file: Path, *, repeated: bool = False) -> LineIndex[str, dict[str, Any]]:
    return LineIndex(file, dict[str, Any], itemgetter("key"), repeated=repeated)


@pytest.mark.parametrize("repeated", [False, True])
def test_lines_are_found_by_their_key_in_any_order_and_again(tmp_path: Path, repeated: bool) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"".join(json_line({"key": key, "at": at}) for at, key in enumerate("abcd")))
    with closing(indexed(file, repeated=repeated)) as lines:
        found = [lines.get(key) for key in "bdacxb"]
    assert [line and line["at"] for line in found] == [1, 3, 0, 2, None, 1]


def test_the_last_line_of_a_key_counts_where_keys_are_repeated(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"".join(json_line({"key": key, "at": at}) for at, key in enumerate("aba")))
    with closing(indexed(file, repeated=True)) as lines:
        assert lines.get("a") == {"key": "a", "at": 2}


def test_lines_that_are_written_meanwhile_are_found_once_they_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(json_line({"key": "a"}) + b'{"key":')
    with closing(indexed(file)) as lines:
        assert lines.get("b") is None
        with file.open("ab") as more:
            more.write(b'"b"}\n')
        assert lines.get("b") == {"key": "b"}
        assert lines.get("a") == {"key": "a"}
    assert line_count(file) == 2


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    with closing(indexed(tmp_path / "none.jsonl")) as lines:
        assert lines.get("a") is None
    assert line_count(tmp_path / "none.jsonl") == 0


def test_of_a_file_written_in_one_piece_every_line_must_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    with pytest.raises(PolecatError, match=r"there is no .*lines\.jsonl; --polecat-resume"):
        list(read_jsonl(file))
    file.write_bytes(b'{"a":1}\n{"a":2}')
    with pytest.raises(PolecatError, match=r"lines\.jsonl, line 2: this is damaged"):
        list(read_jsonl(file))


@pytest.mark.parametrize("damaged", [b"{", b"5", b"\xff", b"", b"[" * 100_000, b'{"key":{"key":"a"}'])
def test_a_damaged_line_of_a_log_costs_no_other_line(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "lines.jsonl"
    whole = [json_line({"key": key}) for key in "abc"]
    file.write_bytes(whole[0] + damaged + b"\n" + whole[1] + whole[2][:-3])
    assert [line["key"] for line in read_log(file)] == ["a", "b"]
    with closing(indexed(file)) as lines:
        assert [lines.get(key) for key in "abc"] == [{"key": "a"}, {"key": "b"}, None]


def test_the_lines_of_the_beginning_of_a_file_can_be_counted(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"one\ntwo\nthree")
    assert [line_count(file, until) for until in (0, 3, 4, 8, None)] == [0, 0, 1, 2, 2]
