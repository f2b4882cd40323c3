"""Holes that graders of language models are known to have: what a careless one takes for right is refused here.

Each row is a question as a suite would declare it, a reply that must not earn its points, and an honest one that must.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from pytest_polecat.errors import SuiteError
from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.grading.grader import Grade, Grader
from pytest_polecat.records.question import CheckSpec, Question
from pytest_polecat.records.reply import Reply, ToolCall
from pytest_polecat.sandbox.sandbox import Sandbox
from pytest_polecat.sandboxing import open_sandbox
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

Said = str | Reply


class Hole(NamedTuple):
    """A careless grader's fault: the checks, the reply that it takes for right, and an honest reply.

    `asked` is the rest of the question, `left` the share of the points that the refused reply deserves all the same.
    """

    name: str
    checks: list[dict[str, Any]]
    refused: Said
    honest: Said
    asked: dict[str, Any] = {}
    left: float = 0


def calling(*calls: tuple[str, str]) -> Reply:
    return Reply(tool_calls=tuple(ToolCall(name=name, arguments=text, id=name) for name, text in calls))


WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
IN_OSLO = {"tool_calls": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"

WORDS = [
    Hole("a required word is found inside another", [{"includes": ["sun"]}], "In the sunlight.", "In the sun."),
    Hole("only the first required word is looked for", [{"includes": ["red", "blue"]}], "Red.", "Blue and red."),
    Hole(
        "occurrences inside other words are counted",
        [{"keyword_count": {"keyword": "cat", "min": 2}}],
        "A cat in a category.",
        "A cat, and a Cat's toy.",
    ),
    Hole(
        "more occurrences than asked for are enough",
        [{"keyword_count": {"keyword": "moon", "count": 2}}],
        "Moon, moon, moon.",
        "The moon and the MOON.",
    ),
    Hole("a capital hides a forbidden word", [{"excludes": ["sunlight"]}], "SUNLIGHT!", "Light of a sunny day."),
    Hole("punctuation hides a forbidden word", [{"excludes": ["sun"]}], "The (sun).", "A sunny day."),
    Hole("a hyphen hides a forbidden word", [{"excludes": ["sun"]}], "Sun-dried.", "Sundried."),
    Hole("emphasis hides a forbidden word", [{"excludes": ["sun"]}], "The **sun**.", "The **sundial**."),
    Hole("emphasis of a part hides a forbidden word", [{"excludes": ["sunlight"]}], "sun**light**", "2*3*4 lights"),
    Hole("a line break hides a forbidden phrase", [{"excludes": ["black hole"]}], "black\nhole", "A hole, black."),
    Hole("a soft hyphen hides a forbidden word", [{"excludes": ["sunlight"]}], "sun\u00adlight", "moon\u00adlight"),
    Hole("a zero-width space hides a forbidden word", [{"excludes": ["sun"]}], "s\u200bun", "moon"),
    Hole("a zero-width joiner hides a forbidden word", [{"excludes": ["sun"]}], "s\u200dun", "moon"),
    Hole("a zero-width non-joiner hides a forbidden word", [{"excludes": ["sun"]}], "s\u200cun", "moon"),
    Hole("a direction mark hides a forbidden word", [{"excludes": ["sun"]}], "su\u200en", "moon"),
    Hole("a variation selector hides a forbidden word", [{"excludes": ["sun"]}], "s\ufe0fun", "moon ☀\ufe0f"),
    Hole("a tag character hides a forbidden word", [{"excludes": ["sun"]}], "s\U000e0075un", "moon"),
    Hole("a Cyrillic look-alike hides a forbidden word", [{"excludes": ["sun"]}], "ѕun", "сон and son"),
    Hole("a Greek look-alike hides a forbidden word", [{"excludes": ["moon"]}], "mοοn", "μοον and sun"),
    Hole("full-width letters hide a forbidden word", [{"excludes": ["sun"]}], "ｓｕｎ", "ｍｏｏｎ"),
    Hole("mathematical letters hide a forbidden word", [{"excludes": ["sun"]}], "𝐬𝐮𝐧", "𝐦𝐨𝐨𝐧"),
    Hole("a decomposed accent hides a forbidden word", [{"excludes": ["café"]}], "cafe\u0301", "cafe"),
    Hole("an accent is thought away", [{"includes": ["résumé"]}], "I resume.", "My re\u0301sume\u0301."),
    Hole("the grader's own splitting drops brackets", [{"includes": ["[Na+]"]}], "Na+", "It is [Na+]."),
]

COUNTS = [
    Hole("a contraction is two words", [{"words": 3}], "I don't", "I don't know"),
    Hole("list numbers are words", [{"words": 4}], "1. red\n2. blue", "1. dark red\n2. light blue"),
    Hole("bullets and dashes are words", [{"words": 3}], "- red — blue", "- red — blue, green"),
    Hole("a reference that breaks its own limit", [{"words": {"min": 20, "max": 25}}], "word " * 26, "word " * 25),
    Hole("a range is checked at one end only", [{"words": {"min": 2, "max": 3}}], "a b c d", "a b c"),
    Hole("abbreviations end sentences", [{"sentences": 2}], "Dr. Lee came.", "Dr. Lee came. He sat down."),
    Hole("decimals end sentences", [{"sentences": 2}], "It is 3.50 m.", "It is 3.50 m. It is long."),
    Hole("initials end sentences", [{"sentences": 2}], "The U.S.A. is big.", "He left the U.S.A. He flew."),
    Hole("Latin abbreviations end sentences", [{"sentences": 2}], "Use tools, e.g. saws.", "Use saws. Use e.g. oil."),
    Hole("an ellipsis ends a sentence", [{"sentences": 2}], "Well... maybe.", "Well... Maybe. "),
    Hole("a quotation ends a sentence", [{"sentences": 2}], '"Stop!" he said.', '"Stop!" He ran.'),
    Hole("a missing full stop hides a sentence", [{"sentences": 1}], "One. And two", "Only one"),
    Hole("list items are no sentences", [{"sentences": 1}], "- one\n- two", "- one"),
    Hole("a single line break parts paragraphs", [{"paragraphs": 2}], "one\ntwo", "one\n \ntwo"),
    Hole("rules are paragraphs", [{"paragraphs": 3}], "one\n\n***\n\ntwo", "one\n\n***\n\ntwo\n\nthree"),
    Hole("blank lines are lines", [{"lines": 3}], "a\n\nb", "a\n\nb\nc"),
    Hole("any one line makes a list", [{"items": 3}], "Here:\n- one", "Here:\n- one\n- two\n- three"),
    Hole(
        "a numbered list may count as it likes",
        [{"items": {"count": 2, "style": "numbered"}}],
        "1. a\n3. b",
        "1) a\n2) b",
    ),
    Hole("nested items count", [{"items": 3}], "- a\n  - b\n- c", "- a\n  - x\n- b\n- c"),
    Hole("bold lines are bullets", [{"items": 2}], "**one**\n**two**", "* **one**\n* **two**"),
    Hole("rules are bullets", [{"items": 1}], "---\ntext", "---\n- text"),
    Hole("code is a list", [{"items": 2}], "```\n- a\n- b\n```", "- a\n- b"),
    Hole("text around a list is no text", [{"items": {"count": 1, "only": True}}], "Sure!\n- a", "- a\n  still a"),
    Hole("links and tick boxes are placeholders", [{"placeholders": 2}], "[a](b) and\n- [x] c", "[name], [date]"),
    Hole("footnotes are placeholders", [{"placeholders": 1}], "See [1] and [^2].", "See [place] and [1]."),
]

SHAPES = [
    Hole("the text is found within the answer", [{"exact": "4"}], "42", "4\n"),
    Hole("a full stop is thought away", [{"exact": "green"}], "green.", "green"),
    Hole("emphasis is thought away", [{"exact": "green"}], "**green**", " green "),
    Hole("case is thought away", [{"exact": "green"}], "Green", "green"),
    Hole("invisible characters are thought away", [{"exact": "green"}], "gre\u200ben", "green"),
    Hole("the end is compared without punctuation", [{"ends_with": "thanks"}], "Many thanks!", "Many thanks"),
    Hole("the end may be anywhere", [{"ends_with": "Over."}], "Over. And out.", "It is. Over."),
    Hole("a remark after the end is no text", [{"ends_with": "bye"}], "bye\n\n(12 words)", "So: bye"),
    Hole("the start may be anywhere", [{"starts_with": "Dear"}], "Here it is:\nDear Ada", "Dear Ada"),
    Hole("a pattern is only searched for", [{"regex": {"pattern": r"\d\d:\d\d", "full": True}}], "At 07:30.", "07:30"),
    Hole("a line break escapes the pattern's end", [{"regex": r"\A\d+\Z"}], "12\n", "12"),
    Hole("one line of many fits", [{"lines": {"each": r"\w+: .+"}}], "A: x\nand so on", "A: x\nB: y"),
    Hole("mixed letters are upper case", [{"case": "upper"}], "MOSTLY CAPITALs", "CAPITALS, 3 OF 4"),
    Hole("no letters are upper case", [{"case": "upper"}], "123!", "A 123!"),
    Hole("a small sentence is sentence case", [{"case": "sentence"}], "One. two.", "One. Two."),
    Hole("only the first word is looked at in a title", [{"case": "title"}], "The old man", "The Old Man of the Sea"),
    Hole("foreign commas are no punctuation", [{"punctuation": "none"}], "one、two", "one two"),
    Hole("apostrophes are no punctuation", [{"punctuation": "none"}], "it’s", "it is"),
    Hole("only neighbours at the ends are sorted", [{"alphabetical": "lines"}], "a\nd\nc\ne", "a\nC\nd\nÉ\nf"),
    Hole("one line is sorted", [{"alphabetical": "lines"}], "a, c, b", "a\nb"),
    Hole(
        "every language will do", [{"language": "de"}], "This is not in German at all.", "Das ist ein Satz auf Deutsch."
    ),
    Hole("what can't be told will do", [{"language": "de"}], "42!", "Das ist die 42, und es ist gut."),
    Hole(
        "a word of the language will do",
        [{"language": "fr"}],
        "The word for and is et in it.",
        "Il est là et elle est ici.",
    ),
]

JSON = [
    Hole("JSON inside prose is JSON", [{"json": True}], 'Here: {"a": 1}', ' {"a": 1}\n'),
    Hole("a fence is no text", [{"json": True}], '```json\n{"a": 1}\n```', '{"a": 1}'),
    Hole("a fence may be left open", [{"json": {"around": "fence"}}], '```json\n{"a": 1}', '```json\n{"a": 1}\n```'),
    Hole(
        "text beside an allowed fence is no text",
        [{"json": {"around": "fence"}}],
        "Sure:\n```\n[1]\n```",
        "```\n[1]\n```",
    ),
    Hole(
        "exactly three keys are any keys", [{"json": {"keys": ["a", "b", "c"]}}], '{"a": 1}', '{"c": 1, "b": 2, "a": 3}'
    ),
    Hole("further keys do no harm", [{"json": {"keys": ["a"]}}], '{"a": 1, "b": 2}', '{"a": 1}'),
    Hole("the first of several values counts", [{"json": True}], '{"a": 1}\n{"a": 2}', '[{"a": 1}, {"a": 2}]'),
    Hole("the last of doubled keys counts", [{"json": {"keys": ["a"]}}], '{"a": 1, "a": 2}', '{"a": 2}'),
    Hole("NaN is a number", [{"json": True}], "[NaN]", "[null]"),
    Hole("JSON is repaired: quotes", [{"json": True}], "{'a': 1}", '{"a": 1}'),
    Hole("JSON is repaired: commas", [{"json": True}], '{"a": 1,}', '{"a": 1}'),
    Hole("JSON is repaired: an end is added", [{"json": True}], '{"a": [1, 2', '{"a": [1, 2]}'),
    Hole("JSON is repaired: comments", [{"json": True}], '{"a": 1} // one', '{"a": 1}'),
    Hole("null is stripped of its letters", [{"json": {"type": "null"}}], "ull", "null"),
    Hole("true is a number", [{"json_schema": {"type": "integer"}}], "true", "1"),
    Hole("a numeral in quotes is a number", [{"json_schema": {"type": "number"}}], '"1"', "1.5"),
    Hole("formats are not asserted", [{"json_schema": {"format": "date"}}], '"3 May 2031"', '"2031-05-03"'),
    Hole("a valid IPv4 address is none", [{"json_schema": {"format": "ipv4"}}], '"256.0.0.1"', '"10.0.0.7"'),
    Hole("a valid IPv6 address is none", [{"json_schema": {"format": "ipv6"}}], '"2001:db8::g"', '"2001:db8::1"'),
    Hole(
        "a valid UUID is none",
        [{"json_schema": {"format": "uuid"}}],
        '"123e4567-e89b-12d3-a456"',
        '"123e4567-e89b-12d3-a456-426614174000"',
    ),
    Hole("a line break ends a format well", [{"json_schema": {"format": "date"}}], r'"2031-05-03\n"', '"2031-05-03"'),
    Hole("a pattern takes the line break", [{"json_schema": {"pattern": "^[a-z]+$"}}], r'"abc\n"', '"abc"'),
    Hole(
        "every draft is 2020-12: exclusiveMinimum",
        [{"json_schema": {"$schema": DRAFT_4, "type": "number", "minimum": 1, "exclusiveMinimum": True}}],
        "1",
        "2",
    ),
    Hole(
        "every draft is 2020-12: tuples",
        [{"json_schema": {"$schema": DRAFT_7, "items": [{"type": "string"}, {"type": "null"}]}}],
        '["a", "b"]',
        '["a", null]',
    ),
    Hole(
        "nested objects may have further keys",
        [{"json_schema": {"properties": {"a": {"type": "object", "additionalProperties": False}}}}],
        '{"a": {"b": 1}}',
        '{"a": {}}',
    ),
    Hole("oneOf is anyOf", [{"json_schema": {"oneOf": [{"type": "integer"}, {"minimum": 5}]}}], "7", "7.5"),
    Hole(
        "$defs are not resolved",
        [{"json_schema": {"$defs": {"t": {"type": "string"}}, "$ref": "#/$defs/t"}}],
        "1",
        '"1"',
    ),
    Hole(
        "what the server constrained need not be checked",
        [{"json_schema": {"type": "object", "required": ["a"]}}],
        "I can't do that.",
        '{"a": 1}',
        {"constrained": True},
    ),
]

ANSWERS = [
    Hole("Because is B", [{"choice": "B"}], "Because it is so.", "The answer is B because it is so."),
    Hole("a word after Answer is a letter", [{"choice": "B"}], "Answer: Because of this.", "Answer: B"),
    Hole("words of a verdict are letters", [{"choice": {"answer": "A", "options": 3}}], "NOT_ATTEMPTED", "(A)"),
    Hole(
        "the last capital letter is the choice",
        [{"choice": "A"}],
        "The answer is C, by plan A",
        "By plan C, the answer is A.",
    ),
    Hole("emphasis hides the choice", [{"choice": "C"}], "**Answer:** B", "**Answer:** C"),
    Hole("brackets hide the choice", [{"choice": "C"}], "Answer: (B)", "Answer: (C)"),
    Hole("a box hides the choice", [{"choice": "C"}], r"\boxed{B}", r"So $\boxed{C}$."),
    Hole("all letters at once hold the right one", [{"choice": "C"}], "A, B, C or D", "C"),
    Hole("a neighbouring number is near enough", [{"number": 123456}], "123457", "123,456"),
    Hole("a number in a longer one is found", [{"number": 12}], "2012", "It is 12."),
    Hole("every number of a list counts", [{"number": 12}], "10, 11, 12 or 13", "Answer: 12"),
    Hole(
        "an F1 of sets forgets repetition",
        [{"f1": {"any": ["a red red rose"], "min": 1}}],
        "A red rose.",
        "Red red rose",
    ),
    Hole("yes in a denial", [{"short_answer": "yes"}], "not yes", "Yes."),
]

CALLS = [
    Hole(
        "the tool's name in the prompt is a call",
        [IN_OSLO],
        "I would use get_weather for Oslo.",
        calling(("get_weather", '{"city": "Oslo"}')),
        {"prompt": "What does get_weather say of Oslo?", "tools": [WEATHER]},
    ),
    Hole(
        "an echo of the prompt is a call",
        [IN_OSLO],
        'Call get_weather with {"city": "Oslo"}.',
        calling(("get_weather", '{"city": "Oslo"}')),
        {"prompt": 'Call get_weather with {"city": "Oslo"}.', "tools": [WEATHER]},
    ),
    Hole(
        "further arguments do no harm",
        [IN_OSLO],
        calling(("get_weather", '{"city": "Oslo", "days": 3}')),
        calling(("get_weather", '{"city":"Oslo"}')),
        {"tools": [WEATHER]},
    ),
    Hole(
        "further calls do no harm",
        [IN_OSLO],
        calling(("get_weather", '{"city": "Oslo"}'), ("get_weather", '{"city": "Rome"}')),
        calling(("get_weather", '{"city": "Oslo"}')),
        {"tools": [WEATHER]},
    ),
    Hole(
        "punctuation is stripped from arguments",
        [{"tool_calls": {"name": "get_weather", "arguments": {"city": "St. John's"}}}],
        calling(("get_weather", '{"city": "St Johns"}')),
        calling(("get_weather", '{"city": "St. John\'s"}')),
        {"tools": [WEATHER]},
    ),
    Hole(
        "arguments that are no JSON are evaluated",
        [IN_OSLO],
        calling(("get_weather", "{'city': 'Oslo'}")),
        calling(("get_weather", '{ "city": "Oslo" }')),
        {"tools": [WEATHER]},
    ),
    Hole(
        "garbage is no call, so it is right",
        [{"tool_calls": {"none": True}}, {"includes": ["hello"]}],
        "@@@###",
        "Hello!",
        {"tools": [WEATHER], "all_or_nothing": True},
    ),
]

REPLIES = [
    Hole("nothing at all keeps to a limit", [{"words": {"max": 20}}], "", "Something."),
    Hole("what can't be seen keeps to a limit", [{"words": {"max": 20}}], "\u200b\u3164\n", "Something."),
    Hole(
        "an echo has all the words",
        [{"includes": ["tide"]}],
        "Define the word tide.",
        "The tide is the sea's rise.",
        {"prompt": "Define the word tide."},
    ),
    Hole("the answer is taken from the thinking", [{"choice": "C"}], Reply(content="Hm.", reasoning="Answer: C"), "C"),
    Hole(
        "thinking that used up the budget is an answer",
        [{"excludes": ["sun"]}],
        Reply(reasoning="I think and think", finish_reason="length"),
        "The moon.",
    ),
    Hole(
        "one constraint of several is checked",
        [{"words": 2}, {"case": "upper"}, {"punctuation": "none"}, {"includes": ["floor"]}],
        "Wet floor!",
        "WET FLOOR",
        {},
        0.5,
    ),
    Hole(
        "half an answer is a whole one",
        [{"words": 2}, {"case": "upper"}],
        "Wet floor",
        "WET FLOOR",
        {"all_or_nothing": True},
    ),
]

TWICE = {"code": {"function": "twice", "cases": [{"args": [3], "returns": 6}, {"args": ["ab"], "returns": "abab"}]}}
ADDED = {"stdio": {"cases": [{"stdin": "1\n2\n", "stdout": "3"}, {"stdin": "40\n2\n", "stdout": "42"}]}}


def python(code: str) -> str:
    return f"```python\n{code}\n```"


CODE = [
    Hole(
        "what the candidate prints is the verdict",
        [TWICE],
        python("import os\nprint('2 passed')\nos._exit(0)"),
        python("def twice(x):\n    print('1 failed, SyntaxError')\n    return x + x"),
    ),
    Hole(
        "a value may judge itself",
        [TWICE],
        python("class Any:\n    def __eq__(self, other):\n        return True\ndef twice(x):\n    return Any()"),
        python("from typing import List\ndef twice(x):\n    return 2 * x"),
    ),
    Hole(
        "what is expected stands in the candidate's frames",
        [TWICE],
        python(
            "import sys\ndef twice(x):\n    frame = sys._getframe()\n    while frame:\n"
            "        if 'expected' in frame.f_locals:\n            return frame.f_locals['expected']\n"
            "        frame = frame.f_back"
        ),
        python("twice = lambda x: x * 2"),
    ),
    Hole("a stub passes", [TWICE], python("def twice(x):\n    pass"), python("def twice(x):\n    return x + x")),
    Hole(
        "a word in the source is a proof",
        [TWICE],
        python("# twice(3) == 6\ntwice = None"),
        python("def twice(x): return x*2"),
    ),
    Hole(
        "the text of an error is code", [TWICE], "ERROR: the request timed out", python("def twice(x):\n    return x+x")
    ),
    Hole(
        "a faked standard input lacks its buffer",
        [ADDED],
        python("print(3)"),
        python("import sys\nprint(sum(int(line) for line in sys.stdin.buffer.read().split()))"),
    ),
    Hole(
        "a program is made a function, and its globals are lost",
        [ADDED],
        python("print(42)"),
        python(
            "import sys\nT = 0\ndef add(n):\n    global T\n    T += n\n"
            "for line in sys.stdin:\n    add(int(line))\nprint(T)"
        ),
    ),
]

HOLES = [*WORDS, *COUNTS, *SHAPES, *JSON, *ANSWERS, *CALLS, *REPLIES]

VACUOUS: list[tuple[str, dict[str, Any] | str]] = [
    ("an empty list of required words", {"includes": []}),
    ("an empty list of forbidden words", {"excludes": []}),
    ("a blank text at the end", {"ends_with": " "}),
    ("a check that nobody knows", {"no_comma": True}),
    ("a count that says nothing", {"words": {}}),
    ("a minimum of none", {"keyword_count": {"keyword": "x", "min": 0}}),
    ("a keyword count without a count", {"keyword_count": {"keyword": "x"}}),
    ("a language that nobody tells", {"language": "tlh"}),
    ("JSON that need not be any", {"json": False}),
    ("a schema that accepts anything", {"json_schema": {}}),
    ("a format that nobody checks", {"json_schema": {"type": "string", "format": "colour-of-the-sea"}}),
    ("a draft that nobody knows", {"json_schema": {"$schema": "https://example.org/mine", "type": "string"}}),
    ("a misspelt argument", {"words": {"maximum": 3}}),
    ("a tolerance that takes anything", {"f1": {"any": ["x"]}}),
    ("code that no case tries", {"code": {"function": "f", "cases": []}}),
    ("a program that no case tries", {"stdio": {"cases": []}}),
]

GRADER = Grader(BUILTIN)


def graded(hole: Hole, said: Said, sandbox: Callable[[], Sandbox] | None = None) -> Grade:
    question = Question.model_validate({"id": "q", "prompt": "Say it.", **hole.asked, "checks": hole.checks})
    return GRADER.grade(question, [said if isinstance(said, Reply) else Reply(content=said)], sandbox)


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.name.replace(" ", "-"))
def test_what_a_careless_grader_accepts_is_refused(hole: Hole) -> None:
    grade = graded(hole, hole.refused)
    assert grade.earned == hole.left, grade.findings


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.name.replace(" ", "-"))
def test_the_honest_reply_earns_everything(hole: Hole) -> None:
    grade = graded(hole, hole.honest)
    assert grade.earned == 1, grade.findings


@pytest.mark.parametrize("hole", CODE, ids=lambda hole: hole.name.replace(" ", "-"))
def test_code_is_judged_by_what_it_does_and_from_outside(
    hole: Hole, host_image: str, request: pytest.FixtureRequest
) -> None:
    sandbox = partial(open_sandbox, request.config)
    refused, honest = graded(hole, hole.refused, sandbox), graded(hole, hole.honest, sandbox)
    assert refused.earned == 0, refused.findings
    assert honest.earned == 1, honest.findings


@pytest.mark.parametrize(("name", "spec"), VACUOUS, ids=[name.replace(" ", "-") for name, _ in VACUOUS])
def test_a_check_that_would_hold_for_anything_is_no_check(name: str, spec: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, ValueError, SuiteError)):
        GRADER.expectation(CheckSpec.model_validate(spec))
