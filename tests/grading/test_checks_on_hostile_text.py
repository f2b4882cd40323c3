"""No reply makes a check or a reader raise, hang or blow up; only a suite's own pattern can be too slow."""

import contextlib
import random
import re
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.errors import Missed, SuiteError
from pytest_polecat.grading import extract
from pytest_polecat.grading.checks import BUILTIN, CheckResult
from pytest_polecat.grading.checks.patterns import bounded
from pytest_polecat.records.reply import Reply

EXPECTATIONS: list[tuple[str, Any]] = [
    ("includes", ["sun light", "x"]),
    ("excludes", {"words": ["a a", "é"], "substring": True}),
    ("exact", {"text": "x", "case_sensitive": False}),
    ("regex", {"pattern": "x+y", "count": 1}),
    ("starts_with", "x"),
    ("ends_with", "x"),
    ("case", "title"),
    ("case", "sentence"),
    ("case", "lower"),
    ("alphabetical", "words"),
    ("alphabetical", "items"),
    ("punctuation", "none"),
    ("words", 3),
    ("sentences", 3),
    ("lines", {"count": 1, "each": "x+", "blank": "forbid"}),
    ("paragraphs", 2),
    ("items", {"min": 1, "style": "numbered", "only": True, "each": "x"}),
    ("keyword_count", {"keyword": "a a", "count": 3}),
    ("items", {"min": 1, "marker": "1)"}),
    ("placeholders", 3),
    ("language", "de"),
    ("language", "es"),
    ("language", "ja"),
    ("json", True),
    ("json", {"around": "fence", "keys": ["a"]}),
    ("json", {"around": "text"}),
    ("json_schema", {"schema": {"items": {"type": "string", "format": "uri"}}, "around": "text"}),
    ("choice", "A"),
    ("number", 42),
    ("short_answer", {"any": ["a b"], "number_words": True, "ignore_diacritics": True}),
    ("f1", {"any": ["a b"], "min": 0.5}),
    ("number", {"value": 42, "label": "answer"}),
    ("symbolic", {"value": "2*x/y", "variables": ["x", "y"], "label": "answer"}),
    ("symbolic", {"set": ["1", "x"], "variables": ["x"]}),
    ("symbolic", {"interval": "x < 1", "variables": ["x"]}),
    ("symbolic", {"equation": "y = x", "variables": ["x", "y"]}),
]

PIECES = [
    "a", "A", "I", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\x00", "\u202e", "\u0301", "\u200b", "é", "ß", "中",
    "か", "ﷺ", "😀", "۴", "½", "1", "1,", ".", "…", "!", "。", "\"", "'", "`", "```", "```json\n", "~~~", "**",
    "_", "- ", "1. ", "# ", "[", "]", "{", "}", "{\"a\":", "(", ")", "\\", "\\boxed{", "\\frac{", "$", "=",
    "^", "10^", "e9", "/", "-", "−", ":", "answer", "Final answer: ", "not ", " or ", "the answer is ",
    "is correct", "Dr.", "e.g.", "x/y.py", "http://", "NaN", "null", "def f(): pass", "<!-- ", "million",
]  # fmt: skip

texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


def verify_all(content: str) -> list[CheckResult]:
    reply = Reply(content=content)
    return [BUILTIN[name].verify(reply, expectation) for name, expectation in LOADED]


def read_all(content: str) -> None:
    for read in (extract.code, extract.files, extract.json_value, extract.number, extract.choice):
        with contextlib.suppress(Missed):
            read(content)


LOADED = [(name, BUILTIN[name].expectation.model_validate(expectation)) for name, expectation in EXPECTATIONS]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_no_text_makes_a_check_or_a_reader_raise(content: str) -> None:
    for result in verify_all(content):
        assert result.message
        assert result.message.isprintable()
    read_all(content)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_a_text_is_never_found_to_hold_its_own_contradiction(content: str) -> None:
    reply = Reply(content=content + "x")
    for name in ("exact", "starts_with", "ends_with"):
        expectation = BUILTIN[name].expectation.model_validate({"text": "zq" + content + "z"})
        assert not BUILTIN[name].verify(reply, expectation).ok


def _repeated(piece: str, size: int = 40_000) -> str:
    return piece * (size // len(piece))


HOSTILE = {
    "one letter": _repeated("a"),
    "spaces": "x" + " " * 40_000 + "x",
    "line breaks": "x" + "\n" * 40_000 + "x",
    "carriage returns": "x" + _repeated("\r"),
    "open brackets": _repeated("["),
    "open objects": _repeated('{"a":'),
    "open brackets in prose": _repeated("[a "),
    "quotes in a bracket": "[" + _repeated('\\"'),
    "digits": _repeated("9"),
    "digits and commas": _repeated("1,"),
    "digits and slashes": _repeated("1/"),
    "full stops": _repeated(". "),
    "initials": _repeated("a.b.cd"),
    "spaced abbreviations": _repeated("i. d. "),
    "commas and blank lines": _repeated(",\n\n"),
    "signs between words": _repeated("a - ' : "),
    "hyphens": _repeated("a-"),
    "combining marks": "a" + _repeated("\u0301\u0323"),
    "right-to-left overrides": _repeated("\u202eא "),
    "NULs": _repeated("\x00x"),
    "fences": _repeated("```\n"),
    "backquotes": _repeated("`"),
    "answers": _repeated("answer: A or 1 "),
    "boxes": _repeated("\\boxed{"),
    "fractions": _repeated("\\frac{"),
    "unbraced fractions": _repeated("\\frac1"),
    "a list in an answer": "Answer: " + _repeated("1, "),
    "words beside numbers": _repeated("Answer: 1 and or and or and or maybe a b 2\n"),
    "marks beside numbers": _repeated("Answer: 1 **(($ **(($ ] ) 2\n"),
    "long words beside numbers": _repeated("Answer: 1 " + "a" * 200 + " 2\n"),
    "empty answers": _repeated("Answer:\n\n"),
    "empty answers above labels": _repeated("Answer:\nStep 1: 1\n"),
    "labels": _repeated("answer:"),
    "emphatic numbers": _repeated("is 1!"),
    "groups of digits": "1" + _repeated(" 000"),
    "roots": _repeated("√1"),
    "paths": "```\n# " + _repeated("a/") + "\n```",
    "bullets": _repeated("- "),
    "items": _repeated("- a\n"),
    "bold": _repeated("**a"),
    "ideographs": _repeated("中。"),
    "parentheses": _repeated("("),
    "everything": "".join(random.Random(7).choices(PIECES, k=20_000)),
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_long_hostile_text_is_graded_in_time_that_grows_with_its_length_only(content: str) -> None:
    with bounded("grading", seconds=30):
        verify_all(content)
        read_all(content)


def test_a_pattern_that_takes_for_ever_is_the_suites_fault() -> None:
    problem = re.escape("the pattern took more than 0.2 s on this reply; simplify it")
    with pytest.raises(SuiteError, match=problem), bounded("the pattern", seconds=0.2):
        re.search("(a+)+$", "a" * 60 + "b")


def test_the_limit_leaves_the_main_thread_as_it_was_and_other_threads_alone() -> None:
    with bounded("nothing", seconds=60):
        pass
    found: list[int] = []

    def grade() -> None:
        with bounded("nothing"):
            found.append(len(verify_all("Hello.")))

    thread = threading.Thread(target=grade)
    thread.start()
    thread.join()
    assert found == [len(EXPECTATIONS)]


def test_a_schema_on_deep_and_wide_json_ends() -> None:
    tree = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}
    check = BUILTIN["json_schema"]
    expectation = check.expectation.model_validate(tree)
    assert check.verify(Reply(content="[" * 100 + "]" * 100), expectation).ok
    assert not check.verify(Reply(content="[" * 99 + "1" + "]" * 99), expectation).ok
    unique = check.expectation.model_validate({"uniqueItems": True})
    wide = "[" + ",".join(f'{{"a": {n}}}' for n in range(300)) + "]"
    assert check.verify(Reply(content=wide), unique).ok


def test_numbers_too_large_for_a_float_do_not_break_a_schema() -> None:
    check = BUILTIN["json_schema"]
    expectation = check.expectation.model_validate({"multipleOf": 0.1, "maximum": 1})
    for digits in ("9" * 300, "1e308", "-" + "9" * 299, "1e-400"):
        check.verify(Reply(content=digits), expectation)
