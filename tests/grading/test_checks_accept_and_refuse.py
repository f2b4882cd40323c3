"""For every kind of check: unusual right answers that it accepts, and wrong ones that a careless check would accept."""

from typing import Any

import pytest

from pytest_polecat.grading.checks import BUILTIN, CheckResult
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply

Cases = list[tuple[Any, str]]
"""Pairs of an expectation as written in a suite, and a reply."""

ACCEPTED: dict[str, Cases] = {
    "includes": [
        (["sun"], "The SUN. Always."),
        (["New York"], "I love New\nYork!"),
        (["café"], "A cafe\u0301, please."),
        (["C++"], "Written in C++, mostly."),
        (["猫"], "黒い猫がいる。"),
        (["it's"], "It’s fine."),
        ("glucose", "_glucose_"),
        ({"any": ["cat", "dog"]}, "A dog."),
        ({"all": ["a"], "any": ["x", "b"]}, "a b"),
        ({"all": ["port"], "substring": True}, "important"),
        (["STRASSE"], "die Straße"),
    ],
    "excludes": [
        (["sun", "solar"], "Plants sunbathe in the parasol's shade."),
        (["art"], "The party started."),
        (["cat"], "concatenate"),
        ({"words": ["US"], "case_sensitive": True}, "He told us."),
        (["su"], "su\u0301"),
    ],
    "exact": [
        ("42", "\n 42 \r\n"),
        ({"any": ["yes", "Yes"]}, "Yes"),
        ({"text": "Paris", "case_sensitive": False}, "PARIS"),
        ("  trimmed  ", "trimmed"),
    ],
    "regex": [
        (r"\d{3}", "abc 123"),
        ({"pattern": r"[a-z]+", "full": True}, "  abc\n"),
        ({"pattern": r"^b$", "multiline": True}, "a\nb\nc"),
        ({"pattern": "x", "count": 2}, "axbx"),
        ({"pattern": "foo", "count": 0}, "bar"),
        ({"pattern": "FOO", "ignore_case": True}, "foo"),
    ],
    "starts_with": [
        ("Yes,", "\n\nYes, it is."),
        ({"any": ["Yes", "No"]}, "No way."),
        ({"text": "dear", "case_sensitive": False}, "DEAR all"),
    ],
    "ends_with": [
        ("!", "Hello!\n"),
        ("Is there anything else?", "Done. Is there anything else?  "),
        ({"text": "END", "case_sensitive": False}, "the end"),
    ],
    "case": [
        ("lower", "straße 42, naïve"),
        ("upper", "ÀÉÎ 3 OK"),
        ("title", "The Lord of the Rings"),
        ("title", "NASA's Well-Known McDonald O'Clock"),
        ("title", "1. Warm Soup of the Day\n2. The Little Soup Book"),
        ("sentence", "Hello there. I live in Paris."),
        ("sentence", "3 dogs met NASA staff."),
    ],
    "alphabetical": [
        ("lines", "apple\nBanana\ncherry"),
        ("items", "- **Zebra**\n- zebra\n- Zoo"),
        ("words", "a b, c."),
        ("lines", "Éclair\nfig\nZebra"),
        ({"of": "lines", "descending": True}, "c\nB\na"),
        ("items", "1. ant\n2. bee\n   - aside\n3. cat"),
        ("lines", "Date: [Z]\nDate of loss: [B]\nName: [A]"),
        ("lines", "Date of loss: [B]\nDate: [A]"),
        ("lines", "Date (of birth)\nDate of loss"),
        ("lines", "Newark\nNew York\nNorwich"),
        ("lines", "New York\nNewark\nNorwich"),
        ("words", "oak o'brien"),
        ({"of": "lines", "descending": True}, "Date of loss: [B]\nDate: [A]"),
    ],
    "punctuation": [
        ("none", "plain words + 2 < 3 = true"),
        ({"forbid": ","}, "no commas; here."),
        ({"allow": "'"}, "don't stop"),
        ({"require": "!?"}, "Really?!"),
    ],
    "words": [
        (1, "don't"),
        (2, "a well-known"),
        (4, "The U.S. has 3.14"),
        (2, "- one\n- two"),
        (3, "1. one two\n2. three"),
        ({"max": 2}, "— so —\n\nwhat"),
        (2, "नमस्ते दुनिया"),
        (1, "e\u0301te\u0301"),
    ],
    "sentences": [
        (2, "Dr. Smith paid $3.50 at 5 p.m. on Main St. in Washington. He left."),
        (1, '"Stop!" he said.'),
        (2, "**It works.** Really"),
        (1, "See No. 5, e.g. at example.com/a.b."),
        (2, "今日は晴れ。明日は雨。"),
        (2, "He lives in the U.S. He likes it."),
        (1, "J. K. Rowling paused... then wrote."),
        (2, "- one\n- two"),
    ],
    "lines": [
        (2, "a\r\n\r\nb\n"),
        ({"each": r"\w+: .+"}, "A: x\nB: y  "),
        ({"count": 2, "blank": "forbid"}, "\na\nb\n\n"),
        ({"min": 1, "max": 3}, "a\u2028b"),
    ],
    "paragraphs": [
        (2, "one\nstill one\n \t\ntwo"),
        (2, "a\r\n\r\nb"),
        (2, "a\n\n***\n\nb"),
    ],
    "items": [
        (3, "* a\n* b\n  * nested\n* c"),
        ({"count": 2, "style": "numbered", "only": True}, "1) a\n   more\n2) b"),
        ({"count": 2, "style": "bullet"}, "Intro:\n\n• a\n\n• b\n\nOutro."),
        ({"each": "[A-Z].*"}, "- Ab\n- Cd"),
        ({"count": 2, "marker": "-"}, "- a\n- b\n  * c"),
        ({"count": 2, "marker": "1)", "only": True}, "1) a\n2) b"),
        ({"count": 1, "marker": "•"}, "• a\n- b"),
        (10, "\n".join(f"{n:2}. x" for n in range(1, 11))),
    ],
    "keyword_count": [
        ({"keyword": "sun", "count": 2}, "Sun and sun, not sunlight."),
        ({"keyword": "new york", "min": 1}, "New  York"),
        ({"keyword": "x", "max": 1}, "none here"),
        ({"keyword": "AI", "count": 1, "case_sensitive": True}, "AI ai Ai"),
    ],
    "placeholders": [
        (2, "Dear [name], see you on [date]!"),
        (1, "- [ ] task for [owner]"),
        (1, "A [link](http://a.b), a note [1], [^2] and [place]"),
        ({"max": 0}, "a[i] and [1]"),
    ],
    "language": [
        ("de", "Das ist ein Satz, der auf Deutsch geschrieben ist."),
        ("es", "El perro y el gato no están en la casa."),
        ("pt", "O cão e o gato não estão em casa, mas ele também não está."),
        ("ja", "私は日本語を話します。"),
        ("zh", "我喜欢喝茶。"),
        ("uk", "Я живу в Києві і люблю її вулиці."),
        ("ru", "Это очень простой вопрос, и мы знаем ответ."),
        ("ko", "안녕하세요, 반갑습니다."),
        ("en", "The café is on the corner, and it is called « Chez nous »."),
        ("nl", "Het is een mooie dag en wij gaan naar het strand."),
        ("it", "Il gatto è sul tavolo e non vuole scendere."),
        ("fr", "Je ne sais pas où il est, mais nous avons le temps."),
    ],
    "json": [
        (True, ' \n{"a": [1, null]}\n'),
        ({"keys": ["a", "b"]}, '{"b": 1, "a": 2}'),
        ({"around": "fence"}, "```json\n[1]\n```"),
        ({"around": "text"}, 'See [here] for {name}:\n{"a": "}]"}\nDone.'),
        ({"around": "text", "type": "array"}, "Sure!\n\n```\n[1, 2]\n```\nBye"),
        ({"type": "null"}, "null"),
        ({"type": "number"}, "-1.5e3"),
    ],
    "json_schema": [
        ({"type": "object", "required": ["a"]}, '{"a": 1}'),
        ({"format": "ipv4"}, '"192.168.0.1"'),
        ({"format": "uuid"}, '"123e4567-e89b-12d3-a456-426614174000"'),
        ({"schema": {"type": "integer"}, "around": "text"}, "```json\n1.0\n```"),
        (
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "minimum": 1,
                "exclusiveMinimum": True,
                "type": "number",
            },
            "1.5",
        ),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}, {"type": "null"}]},
            '["a", null]',
        ),
        ({"$defs": {"x": {"$anchor": "x", "type": "string"}}, "$ref": "#x"}, '"s"'),
    ],
    "choice": [
        ("C", "**Answer:** C"),
        ("C", "(C)"),
        ("C", r"$\boxed{\text{C}}$"),
        ("C", "C) Paris"),
        ("A", "The answer is A because it fits."),
        ("B", "I thought the answer is A.\n\nFinal answer: **(B)**"),
        ({"answer": "E", "options": 5}, "e"),
        ({"answer": "T", "options": "TF"}, "Answer: T"),
    ],
    "number": [
        (42, "**42**"),
        (1234567, "The answer is 1,234,567."),
        ("3/4", r"\boxed{\frac{3}{4}}"),
        (-5, "x = −5"),
        (0.1, "0.10"),
        ({"value": 3.14159, "abs": 0.01}, "Answer: 3.14"),
        ({"value": 1000, "rel": 0.1}, "1.05 × 10^3"),
        (15, "15 %"),
        ({"value": 36, "label": "Step 2"}, "**Step 2:** 4 × 9 = 36 apples\nAnswer: 7"),
        ({"value": 36, "label": "Step 2"}, "- step  2 = $36$"),
        ({"value": 36, "label": "total (in cm)"}, "Total (in cm):\n36"),
        ({"value": 36, "label": "Step 2"}, "Step 2: 35\nNo, I was wrong.\nStep 2: 36 (that is 4 times 9)"),
    ],
    "symbolic": [
        ({"value": "2*x + 2", "variables": ["x"]}, r"**Answer:** $2\left(x+1\right)$."),
        ("1/2", r"\boxed{\frac12}"),
        ({"set": ["1 + sqrt(3)", "1 - sqrt(3)"]}, "x = 1 ± √3"),
        ({"interval": "(-oo, 2] U [5, oo)", "variables": ["x"]}, "Answer: x ≤ 2 or x ≥ 5"),
        ({"equation": "y = 2*x + 1", "variables": ["x", "y"]}, "Answer: 2x - y = -1"),
    ],
    "short_answer": [
        ("Paris", "**Answer:** Paris."),
        (["Czechia", "Czech Republic"], "the czech republic"),
        ({"any": ["42"], "number_words": True}, r"Some steps.\n\n\boxed{\text{forty-two}}"),
    ],
    "f1": [
        ({"any": ["starlings broke the glass"], "min": 0.8}, "The glass: starlings broke it."),
        ({"any": ["x", "starlings broke the glass"], "min": 0.8}, "I think so.\n**Answer:** Starlings broke glass"),
        ({"any": ["starlings"], "min": 1}, "“The Starlings!”"),
    ],
}

REFUSED: dict[str, Cases] = {
    "includes": [
        (["sun"], "sunlight"),
        (["yes", "no"], "yes"),
        ({"any": ["cat", "dog"]}, "category dogma"),
        ({"all": ["NASA"], "case_sensitive": True}, "nasa"),
        (["New York"], "New Jersey, York"),
        (["resume"], "résumé"),
    ],
    "excludes": [
        (["sunlight", "sun"], "No SUN here."),
        (["sun"], "*sun*-dried"),
        (["sun light"], "sun\nlight"),
        (["sunlight"], "sun\u00adlight"),
        ({"words": ["sun"], "substring": True}, "sunlight"),
    ],
    "exact": [
        ("42", "42."),
        ("42", "The answer is 42"),
        ("Paris", "paris"),
        ("a b", "a  b"),
        ("4", "42"),
    ],
    "regex": [
        ({"pattern": "a|b", "full": True}, "ab"),
        ({"pattern": "^yes$"}, "yes\nno"),
        ({"pattern": "x", "count": 2}, "xxx"),
        (r"\d{3}", "12 34"),
    ],
    "starts_with": [
        ("Yes,", "Oh. Yes, it is."),
        ("Dear", "dear"),
        ("Hello", "**Hello**"),
    ],
    "ends_with": [
        ("!", "Hello!!?"),
        ("end", "the end."),
        ("bye", "bye\n\n(42 words)"),
    ],
    "case": [
        ("lower", "all lower but One"),
        ("lower", "12345 !"),
        ("upper", "ALMOST aLL"),
        ("title", "The lord of the Rings"),
        ("title", "HELLO WORLD"),
        ("title", "Walking The dog"),
        ("title", "1. Warm Soup\n2. the Little Soup Book\n3. More Soup"),
        ("title", "- More to\n- Warm Soup"),
        ("sentence", "This Is Title Case."),
        ("sentence", "First one. second one."),
        ("sentence", "HELLO THERE."),
    ],
    "alphabetical": [
        ("lines", "b\na"),
        ("lines", "only one"),
        ("items", "Apple\nBanana"),
        ("lines", "a\nb\nd\nc\ne"),
        ("lines", "Date of loss: [A]\nDate of birth: [B]"),
        ("lines", "Newark\nNew York\nNew Haven"),
        ("lines", "New York\nNewark\nDate: x\nDate of y"),
        ({"of": "words", "descending": True}, "a b c"),
    ],
    "punctuation": [
        ("none", "It's"),
        ("none", "one，two"),
        ("none", "well-known"),
        ({"forbid": ",;"}, "a; b"),
        ({"allow": "."}, "Wait… what."),
        ({"require": "!?"}, "Really!"),
    ],
    "words": [
        (3, "one two"),
        ({"max": 3}, "one two three four"),
        ({"min": 2}, "- — *** 42!"),
        (2, "and/or not"),
    ],
    "sentences": [
        (2, "One. Two. Three"),
        (1, "All of this. Without capitals. really"),
        (2, "Here are two:\n\n1. One.\n2. Two."),
        ({"max": 2}, "Yes! No! Maybe…"),
        (1, "Is it? Yes."),
        (1, "She takes vitamin C. It helps."),
    ],
    "lines": [
        (2, "a\nb\nc"),
        ({"each": r"\w+: .+"}, "A: x\nplain\nB: y"),
        ({"each": "[a-z]"}, "a\nbc"),
        ({"count": 2, "blank": "forbid"}, "a\n\nb"),
    ],
    "paragraphs": [
        (2, "one\ntwo"),
        (1, "one\n\n\n\ntwo"),
        (3, "a\n\n***\n\nb"),
    ],
    "items": [
        (3, "- a\n- b\n  - c"),
        ({"count": 3, "style": "numbered"}, "1. a\n3. b\n4. c"),
        ({"count": 2, "style": "numbered"}, "- a\n- b"),
        ({"count": 2, "only": True}, "Sure!\n- a\n- b"),
        (1, "---"),
        (3, "**a**\n**b**\n-c"),
        ({"each": "[A-Z].*"}, "No list at all"),
        ({"count": 2, "marker": "-"}, "* a\n* b"),
        ({"count": 2, "marker": "-"}, "- a\n* b"),
        ({"count": 2, "marker": "1."}, "1) a\n2) b"),
        ({"count": 2, "marker": "1."}, "1. a\n3. b"),
        ({"count": 1, "marker": "-", "only": True}, "- a\n* b"),
        (2, "```\n- a\n- b\n```"),
    ],
    "keyword_count": [
        ({"keyword": "sun", "count": 1}, "sunlight"),
        ({"keyword": "a", "max": 1}, "a A"),
        ({"keyword": "cat", "min": 2}, "cat concatenate"),
    ],
    "placeholders": [
        (1, "[text](http://a.b)"),
        (1, "- [x] done"),
        (2, "[1] and [^note]"),
        (1, "[[nested]]"),
        (1, "[]"),
    ],
    "language": [
        ("de", "This is an English sentence that is not German."),
        ("es", "O cão e o gato não estão em casa, mas ele também não está."),
        ("de", "Ja."),
        ("de", "Das ist gut. But the rest of it is all in English, and this is the most of it."),
        ("zh", "私は日本語を話します。"),
        ("ru", "Я живу в Києві і люблю її вулиці."),
        ("ja", "我喜欢喝茶。"),
        ("fr", "Это не французский язык."),
        ("en", "12345 67890"),
    ],
    "json": [
        (True, 'Here it is: {"a": 1}'),
        (True, "```json\n{}\n```"),
        (True, '{"a": 1, "a": 2}'),
        (True, "[NaN]"),
        (True, "{'a': 1}"),
        (True, '{"a": 1,}'),
        (True, '{"a": 1} {"b": 2}'),
        (True, "[1e999]"),
        (True, "[" * 100_000 + "]" * 100_000),
        (True, "9" * 1_000_000),
        (True, '"a\x00b"'),
        ({"keys": ["a"]}, '{"a": 1, "b": 2}'),
        ({"keys": ["a", "b"]}, '{"a": 1}'),
        ({"type": "number"}, "true"),
        ({"around": "fence"}, "Sure:\n```json\n{}\n```"),
        ({"around": "fence"}, "```json\n{}\n"),
        ({"around": "text"}, "No value here."),
        ({"around": "text"}, '{"a": 1} or {"a": 2}'),
        ({"around": "text"}, 'It is {"a": oops, "b": {"c": 1}}.'),
        ({"around": "text"}, 'Cut off: {"a": {"b": 1}, "c": ['),
    ],
    "json_schema": [
        ({"type": "integer"}, "true"),
        ({"format": "ipv4"}, '"256.1.1.1"'),
        ({"format": "uuid"}, '"123e4567e89b12d3a456426614174000"'),
        ({"format": "email"}, '"@"'),
        ({"format": "date-time"}, r'"2024-01-01T00:00:00Z\n"'),
        ({"pattern": "^abc$"}, r'"abc\n"'),
        ({"pattern": r"^\d+$"}, '"٣٤"'),
        ({"type": "object", "required": ["a"]}, 'Here: {"a": 1}'),
        ({"type": "array", "minItems": 1}, "[]"),
        (
            {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True},
            "1",
        ),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}, {"type": "null"}]},
            '["a", "b"]',
        ),
        ({"$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}, '{"a": 1}'),
    ],
    "choice": [
        ("B", "Because"),
        ("A", "A dog"),
        ("A", "The answer is A dog."),
        ("A", "A or B"),
        ("A", "Answer: A\n\nAnswer: B"),
        ("A", "The answer is not A."),
        ("A", "A) one\nB) two\nC) three\nD) four"),
        ("C", "Vitamin C is healthy, so B"),
    ],
    "number": [
        (123456, "123457"),
        (1, "1,000"),
        (5, "The answer is 5 or 6."),
        (2, "version 1.2"),
        (2024, "2024-01-05"),
        (0.1, "0.1000000001"),
        (3, "3 million"),
        (42, "Answer: 41. It is not 42."),
        ({"value": 3.14159, "abs": 0.001}, "3.14"),
        (7, "no number"),
        ({"value": 36, "label": "Step 2"}, "Step 1: 36\nStep 20: 36\nThe total is 36."),
        ({"value": 36, "label": "Step 2"}, "Step 2: 36\nStep 2: 37"),
        ({"value": 36, "label": "Step 2"}, "Step 2: 36 or 37"),
        ({"value": 36, "label": "Step 2"}, "My step 2: 36"),
        ({"value": 36, "label": "Step 2"}, "Step 2: <the total>\nAnswer: 36"),
        ({"value": 4, "label": "Step 2"}, "Step 2: 4 × 9"),
    ],
    "symbolic": [
        ({"value": "2*x + 2", "variables": ["x"]}, "Answer: 2x + 2 or 2x"),
        ({"value": "x", "variables": ["x"]}, "Answer: sqrt(x^2)"),
        ("sqrt(2)", "Answer: 1.41421356237309504880"),
        ({"set": ["1 + sqrt(3)", "1 - sqrt(3)"]}, "x = 1 + √3"),
        ({"interval": "(-oo, 2] U [5, oo)", "variables": ["x"]}, "Answer: x < 2 or x > 5"),
        ({"equation": "y = 2*x + 1", "variables": ["x", "y"]}, "Answer: 2x + 1"),
    ],
    "short_answer": [
        ("Paris", "Paris or London"),
        ("Paris", "Answer: not Paris"),
        ("Paris", "Answer: Paris\nAnswer: London"),
        ("5", "-5"),
    ],
    "f1": [
        ({"any": ["starlings broke the glass"], "min": 0.8}, "starlings starlings starlings"),
        ({"any": ["starlings broke the glass"], "min": 0.8}, "Answer: the wind\n\nStarlings broke the glass."),
        ({"any": ["starlings"], "min": 0.5}, "Starlings, gulls, terns, herons or crows."),
    ],
}

EACH_ACCEPTED = [(name, expectation, content) for name, cases in ACCEPTED.items() for expectation, content in cases]
EACH_REFUSED = [(name, expectation, content) for name, cases in REFUSED.items() for expectation, content in cases]


def check(name: str, expectation: object, content: str) -> CheckResult:
    kind = BUILTIN[name]
    return kind.verify(Reply(content=content), kind.expectation.model_validate(expectation))


def _id(value: object) -> str:
    return repr(value)[:40]


@pytest.mark.parametrize(("name", "expectation", "content"), EACH_ACCEPTED, ids=_id)
def test_an_unusual_right_answer_is_accepted(name: str, expectation: object, content: str) -> None:
    result = check(name, expectation, content)
    assert result.ok, result.message


@pytest.mark.parametrize(("name", "expectation", "content"), EACH_REFUSED, ids=_id)
def test_a_wrong_answer_that_a_careless_check_accepts_is_refused(name: str, expectation: object, content: str) -> None:
    result = check(name, expectation, content)
    assert not result.ok, result.message


@pytest.mark.parametrize("name", [name for name, kind in BUILTIN.items() if not (kind.sandbox or kind.question)])
def test_every_check_is_tried_on_three_right_and_three_wrong_answers(name: str) -> None:
    assert len(ACCEPTED[name]) >= 3
    assert len(REFUSED[name]) >= 3


@pytest.mark.parametrize("content", ["", " \n\t", "\u200b\u200b", "\x00\x07", "\u202e"], ids=_id)
@pytest.mark.parametrize(("name", "expectation"), [(name, cases[0][0]) for name, cases in ACCEPTED.items()], ids=_id)
def test_a_reply_with_nothing_to_see_holds_no_check(name: str, expectation: object, content: str) -> None:
    result = check(name, expectation, content)
    assert (result.ok, result.mode) == (False, FailureMode.EMPTY)


@pytest.mark.parametrize("name", ["choice", "exact", "json", "number", "includes"])
def test_the_reasoning_is_never_graded(name: str) -> None:
    expectation, content = ACCEPTED[name][0]
    kind = BUILTIN[name]
    result = kind.verify(Reply(content="Hm.", reasoning=content), kind.expectation.model_validate(expectation))
    assert not result.ok


@pytest.mark.parametrize(
    ("name", "expectation", "content", "message"),
    [
        ("sentences", 2, "One. Two. Three.", "Expected 2 sentences, found 3."),
        ("words", {"min": 20, "max": 25}, "one two", "Expected 20 to 25 words, found 2."),
        ("lines", {"max": 1}, "a\nb", "Expected at most 1 line, found 2."),
        ("excludes", ["sunlight"], "Sunlight!", 'Found the forbidden word "sunlight".'),
        ("includes", ["a b", "c"], "x", 'Did not find "a b", "c".'),
        ("exact", "42", "It is\n42", 'Expected exactly "42", found "It is 42".'),
        ("items", {"count": 2, "style": "bullet"}, "- a", "Expected 2 bulleted items, found 1."),
        ("items", {"count": 1, "marker": "-"}, "* a", "Expected 1 `-` item, found 0."),
        ("keyword_count", {"keyword": "x", "min": 2}, "x", 'Expected at least 2 occurrences of "x", found 1.'),
        ("choice", "C", "B", "Expected C, found B."),
        ("number", {"value": 2.5, "abs": 0.1}, "3", "Expected 2.5 (within 0.1), found 3."),
        ("punctuation", "none", "a, b", 'Found the forbidden ",".'),
        ("alphabetical", "lines", "b\na", 'Expected lines in alphabetical order, found "a" after "b".'),
        ("language", "de", "This is the one that they have.", "Expected language de, found en."),
        ("json", {"keys": ["a"]}, '{"a": 1, "b": 2}', 'Expected exactly the keys a; found also "b".'),
        ("json_schema", {"maximum": 1}, "2", "The JSON violates the schema: $: 2 is greater than the maximum of 1."),
    ],
)
def test_the_message_says_what_was_expected_and_what_was_found(
    name: str, expectation: object, content: str, message: str
) -> None:
    assert check(name, expectation, content).message == message


@pytest.mark.parametrize(
    ("name", "expectation", "content", "mode"),
    [
        ("sentences", 2, "One.", FailureMode.FORMAT_VIOLATION),
        ("excludes", ["a"], "a", FailureMode.FORMAT_VIOLATION),
        ("includes", ["a"], "b", FailureMode.WRONG_ANSWER),
        ("exact", "a", "b", FailureMode.WRONG_ANSWER),
        ("regex", "a", "b", FailureMode.WRONG_ANSWER),
        ("choice", "A", "B", FailureMode.WRONG_ANSWER),
        ("choice", "A", "hello", FailureMode.EXTRACTION_FAILED),
        ("number", 1, "2", FailureMode.WRONG_ANSWER),
        ("number", 1, "none", FailureMode.EXTRACTION_FAILED),
        ("json", True, "no JSON", FailureMode.EXTRACTION_FAILED),
        ("json", True, "Here: {}", FailureMode.FORMAT_VIOLATION),
        ("json_schema", {"type": "array"}, "{}", FailureMode.FORMAT_VIOLATION),
        ("json_schema", {"type": "array"}, "Here: []", FailureMode.FORMAT_VIOLATION),
    ],
)
def test_the_failure_mode_tells_form_from_content_from_nothing_found(
    name: str, expectation: object, content: str, mode: FailureMode
) -> None:
    assert check(name, expectation, content).mode is mode


def test_a_message_quotes_only_a_little_printable_text_of_the_model() -> None:
    result = check("exact", "42", "a\x00\u202e\n" + "b" * 5000)
    assert len(result.message) < 130
    assert result.message.isprintable()
