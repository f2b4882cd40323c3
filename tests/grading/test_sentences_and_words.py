"""What counts as a sentence, a word, and an occurrence of a word."""

import pytest

from pytest_polecat.grading.checks.sentences import sentences
from pytest_polecat.grading.checks.text import WordSearch, plain, quote, words


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Plants turn water into glucose. They give off oxygen.", 2),
        ("Dr. Smith met Mr. Jones at 5 p.m. in Washington.", 1),
        ("He lives in the U.S. He likes it.", 2),
        ("The U.S. Army is big.", 1),
        ("Pi is 3.14 and e is 2.718.", 1),
        ("See example.com/a.b for more! Really?", 2),
        ('"Stop!" he said.', 1),
        ('"Stop!" He ran.', 2),
        ("Well... maybe", 1),
        ("Wait... What", 2),
        ("- one\n- two\n- three", 3),
        ("今日は晴れ。明日は雨。", 2),
        ("「行く。」と言った。", 1),
        ("# Title\n\nText here.", 2),
        ("no end mark", 1),
        ("First line.\nSecond line", 2),
        ("wrapped\nline here.", 1),
        ("J. K. Rowling wrote it.", 1),
        ("I take vitamin C. It helps.", 2),
        ("See No. 5 and Fig. 3.", 1),
        ("No. I won't.", 2),
        ("Use tools, e.g. Python, etc. and more.", 1),
        ("**Bold.** Next.", 2),
        ("Hello. 😀 Bye.", 2),
        ("Am 3. Oktober 1990 war es.", 1),
        ("all lower. second one.", 2),
        ("(See above.)", 1),
        ("1. One.\n2. Two.\n3. Three.", 3),
        ("Is it?! Yes.", 2),
        ("Hello 😀.", 1),
        ("A.\r\n\r\nB.", 2),
        ("She has a Ph.D. in physics.", 1),
        ("It costs $3.50. Buy it.", 2),
        ("One… Two", 2),
        ("The a.m. and p.m. forms", 1),
        ("Works at Acme Inc. The pay is ok.", 2),
        ("Es ist dunkel, z. B. weil die Sonne fehlt.", 1),
        ("Es ist z.B. kalt, d. h. unter null, und i. d. R. auch nass.", 1),
        ("Er mag Obst, d.\u202fh. Äpfel u.\u00a0ä. Dann geht er.", 2),
        ("Er mag Hunde, Katzen u. a. Das ist schön.", 2),
        ("Er starb 14 n. Chr. in Nola.", 1),
        ("Entends-tu du bruit, c.-à-d. de la musique ?", 1),
        ("César arrive en 50 av. J.-C. avec ses légions.", 1),
        ("Come fruta, p. ej. Manzanas.", 1),
        ("Germs such as E. coli cause illness.", 1),
        ("Plan B. They left.", 2),
        ("I take vitamin C. Nobody minds.", 2),
        ("See P. 5 there.", 1),
        ("Caesar died in 44 b. c. e. in Rome.", 1),
        ("Let it be y. Go on.", 2),
        ("Bonjour,\n\nJe m'excuse. Pardon. Merci.", 3),
        ("**Dear Ada**, \n \nI am late.", 1),
        ("Many thanks.\n\nYours,\n\nAda", 2),
        ("Hello there\n\nI am late.", 2),
        ("- apples,\n- pears,\n\n- plums", 3),
    ],
)
def test_sentences_are_counted_as_people_do(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("well-known", 1),
        ("don't", 1),
        ("- foo bar", 2),
        ("3.14", 1),
        ("1,000", 1),
        ("the U.S. economy", 3),
        ("a — b", 2),
        ("1. foo bar", 2),
        ("naïve", 1),
        ("été", 1),
        ("नमस्ते दुनिया", 2),
        ("_word_", 1),
        ("snake_case", 1),
        ("and/or", 2),
        ("猫犬", 2),
        ("--- *** 😀", 0),
        ("don’t", 1),
        ("x=1", 2),
        ("“quoted”", 1),
    ],
)
def test_words_are_counted_as_people_do(text: str, count: int) -> None:
    assert len(words(text)) == count


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("sunlight", "sun", False),
        ("the sun.", "sun", True),
        ("Sun", "sun", True),
        ("_sun_", "sun", True),
        ("sun's", "sun", True),
        ("sún", "sun", False),
        ("suń", "sun", False),
        ("suń", "sun", False),
        ("黒い猫が", "猫", True),
        ("C++ is", "c++", True),
        ("a  b\nc", "a b c", True),
        ("straße", "STRASSE", True),
        ("s\xadun", "sun", True),
        ("café", "café", True),
        ("sun2", "sun", False),
        ("well-known", "known", True),
        ("it’s", "it's", True),
        ("nosun sun", "sun", True),
        ("ab abab", "ab", True),
    ],
)
def test_a_word_is_found_only_as_a_whole(text: str, word: str, found: bool) -> None:
    assert WordSearch(text).has(word) is found


def test_occurrences_do_not_overlap() -> None:
    assert WordSearch("a a a").count("a a") == 1
    assert WordSearch("aaaa", substring=True).count("aa") == 2


def test_long_runs_of_combining_marks_are_cut_before_they_cost_quadratic_time() -> None:
    assert len(plain("a" + "\u0301\u0323" * 1_000_000)) < 40


def test_a_quotation_is_short_printable_and_on_one_line() -> None:
    assert quote("a\n b\x00") == '"a b\N{REPLACEMENT CHARACTER}"'
    assert quote("x" * 1_000_000) == '"' + "x" * 79 + '…"'
    assert quote("\ud800").isprintable()
