from pathlib import Path

import pytest

from pytest_polecat.demo.spec import MAX_TRIGGERS, Spec, load
from pytest_polecat.errors import PolecatError


def _load(tmp_path: Path, text: str) -> Spec:
    file = tmp_path / "replies.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def _problem(tmp_path: Path, replies: str, default: str = "I do not know.") -> str:
    with pytest.raises(PolecatError) as caught:
        _load(tmp_path, f"default: {default}\nreplies:\n{replies}")
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path}/")


def test_the_weak_answer_may_be_left_out_a_text_the_default_or_written_out(tmp_path: Path) -> None:
    spec = _load(
        tmp_path,
        """
default: No idea.
replies:
  - {trigger: same for both, text: A}
  - {trigger: another text, text: A, weak: B}
  - {trigger: no answer, text: A, weak: default}
  - {trigger: written out, text: A, weak: {think: Hm., tool_call: {name: f}}}
""",
    )
    assert [answer.draws[0][1] for answer in spec.answers()] == ["A"] * 4
    weak = spec.answers(weak=True)
    assert [answer.draws[0][1] for answer in weak[:3]] == ["A", "B", "No idea."]
    assert (weak[3].think, weak[3].draws[0][1]) == (
        "Hm.",
        '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>',
    )


def test_a_trigger_that_stands_twice_is_refused_with_the_second_line(tmp_path: Path) -> None:
    problem = _problem(tmp_path, "  - {trigger: one and all, text: A}\n  - {trigger: one and all, text: B}\n")
    assert problem == "replies.yaml:4: trigger 'one and all': the trigger stands in the file twice; drop one"


def test_a_trigger_inside_another_is_refused(tmp_path: Path) -> None:
    problem = _problem(tmp_path, "  - {trigger: capital, text: A}\n  - {trigger: the capital of, text: B}\n")
    assert problem.startswith("replies.yaml:4: trigger 'the capital of': the trigger contains the trigger 'capital'")


@pytest.mark.parametrize(
    "saying",
    ["text: see capital B", "{text: A, think: see capital B}", "choices: [[1, see capital B]]", "weak: see capital B"],
)
def test_a_reply_that_contains_another_trigger_is_refused(tmp_path: Path, saying: str) -> None:
    entry = saying.strip("{}") if saying[0] == "{" else saying if "weak" not in saying else f"text: A, {saying}"
    problem = _problem(tmp_path, f"  - {{trigger: capital A, {entry}}}\n  - {{trigger: capital B, text: B}}\n")
    assert problem == (
        "replies.yaml:3: trigger 'capital A': its reply contains the trigger 'capital B', "
        "which would decide the next turn; reword one of them"
    )


def test_a_tool_call_that_contains_another_trigger_is_refused(tmp_path: Path) -> None:
    call = "{name: f, arguments: {city: capital B}}"
    assert "contains the trigger 'capital B'" in _problem(
        tmp_path, f"  - {{trigger: capital A, tool_call: {call}}}\n  - {{trigger: capital B, text: B}}\n"
    )


def test_a_default_reply_that_contains_a_trigger_is_refused(tmp_path: Path) -> None:
    problem = _problem(tmp_path, "  - {trigger: capital, text: A}\n", default="No capital.")
    assert problem.startswith("replies.yaml:1: `default`: the default reply contains the trigger 'capital'")


def test_a_reply_may_repeat_its_own_trigger(tmp_path: Path) -> None:
    spec = _load(tmp_path, "default: No.\nreplies: [{trigger: two_sum, text: 'def two_sum(): ...'}]")
    assert spec.triggers == ("two_sum",)


def test_more_triggers_than_the_model_can_tell_apart_are_refused(tmp_path: Path) -> None:
    replies = "".join(f"  - {{trigger: question {n:04d}, text: A}}\n" for n in range(MAX_TRIGGERS + 1))
    assert "has 257 triggers; the model can tell 256 apart, so drop some" in _problem(tmp_path, replies)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("trigger: any, text: A", "trigger 'any': `trigger`: string should have at least 4 characters"),
        ("trigger: assistant, text: A", "is a phrase of the chat template"),
        ('trigger: "<|im_end|> here", text: A', "contains a token of the chat template"),
        ("trigger: a question, text: 'so </think> be it'", "contains '</think>'"),
        ('trigger: a question, text: "\\n"', "is a line break alone"),
        ("trigger: a question, text: 4", "trigger 'a question': `text`: should be a text; put 4 in quotes"),
        ("trigger: a question, text: A, choices: [[1, B]]", "exactly one of `text`, `tool_call` and `choices`"),
        ("trigger: a question, think: A", "exactly one of `text`, `tool_call` and `choices`"),
        ("trigger: a question, choices: [[0.5, A], [0.4, B]]", "add up to 0.9; they must add up to 1"),
        ("trigger: a question, choices: [[0.5, A], [0.5, A]]", "the same text twice"),
        ("trigger: a question, txt: A", "trigger 'a question': `txt`: unknown key"),
        ("text: A", "trigger 'number 1': `trigger`: field required"),
    ],
)
def test_a_fault_is_named_with_its_line_and_trigger(tmp_path: Path, entry: str, problem: str) -> None:
    message = _problem(tmp_path, f"  - {{{entry}}}\n")
    assert message.startswith("replies.yaml:3: trigger")
    assert problem in message


def test_a_file_that_is_missing_or_not_yaml_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(PolecatError, match=r"nowhere\.yaml: can't be read"):
        load(tmp_path / "nowhere.yaml")
    with pytest.raises(PolecatError, match=r"replies\.yaml:2: not valid YAML"):
        _load(tmp_path, "default: [")
    with pytest.raises(PolecatError, match=r"replies\.yaml"):
        _load(tmp_path, "- a list")


def test_a_folder_of_files_is_one_spec_and_a_fault_names_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("replies:\n  - {trigger: the one thing, text: A}\n")
    (tmp_path / "b.yaml").write_text("default: No idea.\n")
    (tmp_path / "c.yaml").write_text(
        "replies:\n  - {trigger: the other thing, text: B}\n  - {trigger: a third thing, text: C}\n"
    )
    assert load(tmp_path).triggers == ("the one thing", "the other thing", "a third thing")
    (tmp_path / "d.yaml").write_text("replies:\n\n  - {trigger: the fourth thing, text: see the other thing}\n")
    with pytest.raises(
        PolecatError, match=r"d\.yaml:3: trigger 'the fourth thing': its reply contains the trigger 'the other thing'"
    ):
        load(tmp_path)
    (tmp_path / "d.yaml").write_text("default: Well.\n")
    with pytest.raises(PolecatError, match=r"d\.yaml:1: another file has the `default`"):
        load(tmp_path)
