import pytest

from pytest_polecat.records.text import without_surrogates
from pytest_polecat.reporting.text import clip, one_line, shortened, visible


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("a\x00b", "a␀b"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("back\x08space\x7f", "back␈space␡"),
        ("a\ud83db", "a\ufffdb"),
        ("\u202egnp.exe", "⟦U+202E⟧gnp.exe"),
        ("zero\u200bwidth", "zero⟦U+200B⟧width"),
        ("tag\U000e0041", "tag⟦U+E0041⟧"),
        ("\x9b31m", "⟦U+009B⟧31m"),
        ("one\r\ntwo\rthree", "one\ntwo␍three"),
    ],
)
def test_what_could_hide_or_control_something_is_made_visible(hidden: str, shown: str) -> None:
    assert visible(hidden) == shown


@pytest.mark.parametrize("text", ["tab\tand\nnewline", "naïve – “quotes”", "שלום", "مرحبا", "日本語", "👩‍👩‍👧", "नमस्ते"])
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_clipped_text_knows_exactly_how_much_is_missing() -> None:
    text = "".join(chr(0x4E00 + index % 1000) for index in range(100_001))
    clipped = clip(text, 1000)
    assert len(clipped.head) + len(clipped.tail) == 1000
    assert clipped.omitted == 99_001
    assert text.startswith(clipped.head)
    assert text.endswith(clipped.tail)


def test_a_text_within_the_limit_is_whole() -> None:
    assert clip("abc", 3).head == "abc"
    assert clip("abc", 3).omitted == 0
    assert shortened("abc", 3) == "abc"


def test_a_shortened_text_says_so() -> None:
    assert shortened("a" * 100, 4) == "aaa [… 96 characters clipped …] a"


def test_one_line_is_the_first_line_within_its_width() -> None:
    assert one_line("\n  first\x1b[0m\nsecond", 80) == "first␛[0m"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("", 4) == ""


def test_json_data_loses_its_lone_surrogates_keys_included() -> None:
    assert without_surrogates({"a\ud800": ["\udfff", 1, None, {"b": "😀"}]}) == {
        "a\ufffd": ["\ufffd", 1, None, {"b": "😀"}]
    }
