import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_polecat.errors import SuiteError
from pytest_polecat.questions.lines import Document
from pytest_polecat.questions.loading import load, load_table
from pytest_polecat.records.question import CheckSpec

GOOD = """\
suite: sea
version: 2
licence: Apache-2.0
sampling: {temperature: 0.1}
questions:
  - id: waves
    tier: 2
    points: 3
    prompt: |-
      Describe waves
      in two lines.
    checks:
      - lines: 2
      - excludes: [water]
        weight: 2
    reference: "up\\ndown"
    wrong: [up, {content: "water\\nup", points: 1}]
"""


def accept(spec: CheckSpec) -> None:
    if spec.name == "wurds":
        raise SuiteError("there is no check `wurds`; did you mean `words`?")


def write(tmp_path: Path, text: str, name: str = "sea.polecat.yaml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def message(file: Path) -> str:
    with pytest.raises(SuiteError) as caught:
        load(file, accept)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(file), "FILE")


def test_a_yaml_suite_is_read_as_written(tmp_path: Path) -> None:
    suite = load(write(tmp_path, GOOD), accept)
    (entry,) = suite.entries
    assert suite.header.suite == "sea"
    assert suite.header.sampling.temperature == 0.1
    assert entry.question.prompt == "Describe waves\nin two lines."
    assert [(check.name, check.weight) for check in entry.question.checks] == [("lines", 1), ("excludes", 2)]
    assert entry.question.wrong[1].points == 1


def test_a_jsonl_suite_holds_a_header_and_a_question_a_line(tmp_path: Path) -> None:
    lines = [
        {"suite": "sea", "version": 1},
        {"id": "a", "prompt": "A?", "checks": ["json"]},
        {"id": "b", "prompt": "B?", "checks": ["json"]},
    ]
    suite = load(write(tmp_path, "\n".join(map(json.dumps, lines)), "sea.polecat.jsonl"), accept)
    assert [entry.question.id for entry in suite.entries] == ["a", "b"]


def test_the_hash_changes_with_the_question_and_the_suites_defaults_only(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return load(write(tmp_path, text), accept).entries[0].hash

    original = digest(GOOD)
    assert digest(GOOD.replace("version: 2", "version: 3")) == original
    assert digest(GOOD.replace("lines: 2", "lines: 3")) != original
    assert digest(GOOD.replace("0.1", "0.2")) != original


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("    points: 3", "    pionts: 3"), "FILE:8: questions[0].pionts: unknown key; did you mean `points`?"),
        (("    points: 3", "    points: many"), "FILE:8: questions[0].points: input should be a valid number"),
        (("    points: 3", "    points: 0"), "FILE:8: questions[0].points: input should be greater than 0"),
        (("    tier: 2", "    tier: 4"), "FILE:7: questions[0].tier: input should be less than or equal to 3"),
        (("  - id: waves", "  - id: wäves"), "FILE:6: questions[0].id: an id is 1 to 80 ASCII letters"),
        (("    reference:", "    constrained: true\n    reference:"), "FILE:16: questions[0].constrained: needs a"),
        (("suite: sea\n", ""), "FILE:1: suite: this key is missing; add it"),
        (("      - lines: 2", "      - wurds: 2"), "FILE:13: questions[0].checks[0]: there is no check `wurds`"),
        (("    wrong: [up,", "    wrong: [[a, b],"), "`wrong` holds 2 answer(s) for 1 turn(s): give one for each turn"),
        (("suite: sea", "suite: no"), "FILE:1: suite: YAML reads the bare 'no' surprisingly; write \"no\" in quotes"),
        (("[water]", "[on]"), "questions[0].checks[1].excludes[0]: YAML reads the bare 'on' surprisingly"),
        (("[water]", "[1e3]"), "YAML reads the bare '1e3' surprisingly"),
        (("[water]", "[12:30]"), "YAML reads the bare '12:30' surprisingly"),
        (("[water]", "[2026-01-01]"), "YAML reads the bare '2026-01-01' surprisingly"),
        (("    tier: 2", "    tier: 2\n    tier: 3"), "FILE:8: questions[0].tier: the key stands here twice; drop one"),
        (("licence: Apache-2.0", "licence: [Apache"), "not valid YAML"),
        (("    tier: 2", "    turns: [{prompt: A?}]"), "FILE:6: questions[0]: give either `prompt` or `turns`"),
    ],
)
def test_a_fault_is_one_line_with_file_line_key_and_mend(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    assert change[0] in GOOD
    assert expected in message(write(tmp_path, GOOD.replace(*change)))


def test_a_question_without_checks_is_refused_for_it_would_pass_whatever_is_answered(tmp_path: Path) -> None:
    text = "suite: sea\nquestions:\n  - id: a\n    prompt: A?\n"
    assert "FILE:3: questions[0].checks: a question without checks would pass" in message(write(tmp_path, text))


def test_two_questions_with_one_id_are_refused_with_both_lines(tmp_path: Path) -> None:
    text = GOOD + "  - id: waves\n    prompt: Again?\n    checks: [json]\n"
    assert "FILE:18: questions[1].id: the id 'waves' is taken by line 6" in message(write(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["", "[]", "just text", "suite: a", "questions: []\nsuite: a", "- a\n- b", "\t", "{{{"]
)
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    assert message(write(tmp_path, text)).startswith("FILE")


def test_a_file_that_is_not_utf_8_is_refused_with_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "sea.polecat.yaml"
    file.write_bytes(b"suite: \xff")
    assert message(file) == "FILE: not UTF-8 at byte 7; save the file as UTF-8"


def test_a_jsonl_fault_names_its_line(tmp_path: Path) -> None:
    text = '{"suite": "sea"}\n\n{"id": "a", "prompt": "A?", "pionts": 2}\n'
    assert message(write(tmp_path, text, "a.polecat.jsonl")) == "FILE:3: pionts: unknown key; did you mean `points`?"
    broken = '{"suite": "sea"}\n{"id": \n'
    assert message(write(tmp_path, broken, "b.polecat.jsonl")).startswith("FILE:2: not valid JSON")
    assert "the first line must be the header" in message(write(tmp_path, '{"id": "a"}', "c.polecat.jsonl"))


def test_a_table_without_a_header_is_a_list_of_questions(tmp_path: Path) -> None:
    file = write(tmp_path, '{"id": "a", "prompt": "A?", "data": {"matches": ["x"]}}\n', "table.jsonl")
    (question,) = load_table(file)
    assert question.data == {"matches": ["x"]}


@given(st.text(max_size=200))
def test_no_text_ever_gives_anything_but_values_or_one_suite_error(text: str) -> None:
    with contextlib.suppress(SuiteError):
        Document(Path("x.polecat.yaml"), text)
