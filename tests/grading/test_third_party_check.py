"""The check `matches` of the example in `examples/`: read strictly, tried in safety."""

from __future__ import annotations

import pytest
from polecat_suite_regex.matches import Matches, matches, pattern_of, try_pattern
from pydantic import ValidationError

from pytest_polecat import CheckResult, Missed
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply

KEYS = Matches(
    accepts=("a", "sea.north", "a" * 40, "sea." * 20 + "b"),
    rejects=("", "sea.", ".sea", "sea..north", "Sea", "a" * 40 + "!", "sea\n"),
)


def graded(content: str) -> CheckResult:
    return matches(Reply(content=content), KEYS)


@pytest.mark.parametrize(
    "content",
    [
        r"`[a-z]+(\.[a-z]+)*`",
        r"^[a-z]+(?:\.[a-z]+)*$",
        "```regex\n^[a-z]+([.][a-z]+)*$\n```\nThis takes `[a-z]+`, then more parts after a full stop.",
        'Here it is:\n\n```python\nr"\\A(?:[a-z]+\\.)*+[a-z]+\\Z"\n```',
        r"**`(?!.*\.\.)[a-z](?:[a-z.]*[a-z])?`**",
        "~~~\n(?=.*[a-z]$)(?:[a-z]++\\.?)++\n~~~",
        "The pattern\n\n`[a-z]+(\\.[a-z]+)*`\n\nhas `[a-z]+` twice.",
    ],
)
def test_right_patterns_are_accepted_however_they_are_written(content: str) -> None:
    assert graded(content).ok, graded(content).message


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("`[a-z.]+`", FailureMode.WRONG_ANSWER),
        ("`.*`", FailureMode.WRONG_ANSWER),
        ("`x{0}`", FailureMode.WRONG_ANSWER),
        ("`[a-z]+`", FailureMode.WRONG_ANSWER),
        (r"/[a-z]+(\.[a-z]+)*/", FailureMode.WRONG_ANSWER),
        ("I do not know.", FailureMode.WRONG_ANSWER),
        (r"`[a-z]+(\.[a-z]+*`", FailureMode.SYNTAX_ERROR),
        ("`" + "(" * 3000 + ")" * 3000 + "`", FailureMode.SYNTAX_ERROR),
        (r"`[a-z]+(\.[a-z]+)*` or `[a-z.]+`", FailureMode.EXTRACTION_FAILED),
        ("```\n[a-z]+(\\.[a-z]+)*\n```\n```\n[a-z.]+\n```", FailureMode.EXTRACTION_FAILED),
        ("```\n```", FailureMode.EXTRACTION_FAILED),
        ("Letters first,\nthen stops.", FailureMode.EXTRACTION_FAILED),
        (r"`([a-z]+\.?)*[a-z]+`", FailureMode.SANDBOX_TIMEOUT),
    ],
)
def test_what_is_no_right_pattern_is_refused_with_its_failure_mode(content: str, mode: FailureMode) -> None:
    result = graded(content)
    assert (result.ok, result.mode) == (False, mode), result.message
    assert len(result.message) < 400


def test_the_message_names_the_first_text_that_the_pattern_gets_wrong() -> None:
    assert graded("`[a-z]+`").message == "The pattern '[a-z]+' should match 'sea.north'."
    assert graded("`[a-z.]+`").message == "The pattern '[a-z.]+' should not match 'sea.'."


def test_a_pattern_that_takes_too_much_memory_is_a_miss() -> None:
    result = try_pattern("(?:(a)|b)*c", ["a" * 5_000_000])
    assert isinstance(result, CheckResult)
    assert result.mode is FailureMode.SANDBOX_OOM


def test_a_raw_string_loses_its_marks_and_other_quotation_marks_belong_to_the_pattern() -> None:
    assert pattern_of(r"""r'it\'s'""") == r"it\'s"
    assert pattern_of('"[a-z]*"') == '"[a-z]*"'
    assert pattern_of("""r'a' + r'b'""") == """r'a' + r'b'"""
    with pytest.raises(Missed):
        pattern_of("")


def test_a_text_in_both_lists_is_the_authors_mistake() -> None:
    with pytest.raises(ValidationError, match="'a' stands in `accepts` and in `rejects`; drop one"):
        Matches(accepts=("a",), rejects=("b", "a"))
