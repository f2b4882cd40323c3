"""Recognising text that a model did not mean: loops, an echo of the prompt, another script all at once.

Every function gives a sentence for the report, or None, in time linear in the text. They are made to stay silent in
doubt: they name why an answer was missed and never decide that it was.
"""

import re
from collections import Counter
from collections.abc import Iterator

from pytest_polecat.grading.checks.text import quote
from pytest_polecat.grading.fences import without_fences

_SPACE = re.compile(r"\s+")
_STEP, _NEEDLE, _LONGEST_PERIOD = 100, 24, 3000

_LOOP = 400  # characters; a refrain, a separator or a row of equal table cells is shorter
_LOOP_AT_THE_END = 800
_SYMBOL_LOOP = 2000  # a matrix of zeros or a picture of # and . is shorter
_TIMES = 4
_FEW_SENTENCES, _ENOUGH_LETTERS, _DISTINCT = 24, 15, 0.15
_SENTENCE_END = re.compile(r"[.!?。！？।]+(?=\s|$)|[。！？।\n]+")
_LETTERS = re.compile(r"[^\W\d_]")


def loop(text: str) -> str | None:
    """Whether most of the text, or all of its end, repeats one piece of it: a character, words, lines, a paragraph.

    The piece has to come at least 4 times on end, word for word, white space and case aside, and for 400 characters: a
    fixed number, since a model in a loop stops at the token limit alone. Pieces without letters, such as cells of a
    matrix, need 2000. Where the pieces alternate, it is a loop if of 24 sentences or more only one in seven is new.
    """
    folded = _SPACE.sub(" ", text.strip()).casefold()
    if len(folded) < _LOOP:
        return None
    for start, period, length in _loops(folded):
        piece = folded[start : start + period]
        most = 2 * length >= len(folded)
        ends = start + length == len(folded) and length >= _LOOP_AT_THE_END
        if (most or ends) and length >= _least(piece):
            return f"The reply repeats {quote(piece.strip() or piece)} {round(length / period)} times on end."
    return _few_sentences(text)


def _least(piece: str) -> int:
    if _LETTERS.search(piece) or (len(set(piece)) == 1 and not piece[0].isdigit()):
        return _LOOP
    return _SYMBOL_LOOP


def _loops(text: str) -> Iterator[tuple[int, int, int]]:
    """The start, period and length of stretches that repeat themselves at least 4 times.

    From every hundredth character on, the next occurrence of what stands there gives the period, and comparing the
    text with itself, moved by that, the length. A stretch that was seen is left behind, so nothing is compared twice.
    """
    position = 0
    while position + _NEEDLE < len(text):
        needle = text[position : position + _NEEDLE]
        again = text.find(needle, position + 1, position + _LONGEST_PERIOD + _NEEDLE)
        period = again - position
        same = _same(text, position, again) if again > 0 else 0
        if again > 0 and same + period >= max(_LOOP, _TIMES * period):
            start = _begin(text, position, period)
            end = again + same
            yield start, period, end - start
            position = end
        else:
            position += _STEP


def _same(text: str, one: int, other: int) -> int:
    """How many characters from `one` on are those from `other` on."""
    known, step = 0, 64
    while other + known < len(text):
        if text[one + known : one + known + step] == text[other + known : other + known + step]:
            known = min(known + step, len(text) - other)
            step *= 2
        elif step == 1:
            break
        else:
            step = max(1, step // 2)
    return known


def _begin(text: str, position: int, period: int) -> int:
    """Where the stretch began, at most one step and one period before it was noticed."""
    first = max(0, position - _STEP - period)
    while position > first and text[position - 1] == text[position - 1 + period]:
        position -= 1
    return position


def _few_sentences(text: str) -> str | None:
    sentences = [" ".join(each.split()).casefold() for each in _SENTENCE_END.split(without_fences(text))]
    sentences = [each for each in sentences if len(_LETTERS.findall(each)) >= _ENOUGH_LETTERS]
    counts = Counter(sentences)
    if len(sentences) < _FEW_SENTENCES or len(counts) > _DISTINCT * len(sentences):
        return None
    commonest, times = counts.most_common(1)[0]
    return f"The reply goes round in {len(counts)} sentences; it says {quote(commonest)} {times} times."


_NO_LETTER = re.compile(r"[\W_]+")
_SHORTEST_PROMPT = 30
_INTRODUCTION = 40
_ECHOED = 0.8


def echo(text: str, prompt: str) -> str | None:
    """Whether the reply is the prompt again, or four fifths of it, after a few words of introduction at most.

    Punctuation, white space and case do not matter. A prompt of fewer than 30 letters and digits is echoed only by
    itself: its words are those of an answer.
    """
    said, asked = _NO_LETTER.sub("", text.casefold()), _NO_LETTER.sub("", prompt.casefold())
    if not asked or not said:
        return None
    if len(asked) < _SHORTEST_PROMPT:
        return "The reply only repeats the prompt." if said == asked else None
    if len(said) >= _ECHOED * len(asked) and said in asked:
        return "The reply only repeats the prompt."
    before, found, _ = said.partition(asked)
    if found and len(before) <= _INTRODUCTION and not said[len(before) :].replace(asked, ""):
        return "The reply only repeats the prompt."
    return None


_SCRIPTS = {
    "Chinese or Japanese": "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "Korean": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Cyrillic": "\u0400-\u052f",
    "Greek": "\u0386-\u03ff\u1f00-\u1fff",
    "Arabic": "\u0620-\u064a\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "Hebrew": "\u05d0-\u05ea",
    "Devanagari": "\u0904-\u0939\u0958-\u0961",
    "Bengali": "\u0985-\u09b9",
    "Tamil": "\u0b85-\u0bb9",
    "Thai": "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46",
    "Georgian": "\u10a0-\u10ff",
    "Armenian": "\u0531-\u0587",
}
_RUNS = {name: re.compile(rf"[{letters}]++(?:[\W\d_]{{0,40}}+[{letters}]++)*+") for name, letters in _SCRIPTS.items()}
_ONE = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_WEIGHTS = {"Chinese or Japanese": 3, "Korean": 2}
"""What a letter tells, in letters of an alphabet."""

_RUN, _WHOLE = 50, 24
_ASKED_FOR = {
    "Chinese or Japanese": r"chin|mandarin|canton|japan|japon|giappon|kanji|hanzi|kana\b|haiku",
    "Korean": r"kore|core[aá]|hangul",
    "Cyrillic": r"russ|rusk|ruso|rosyj|ukrain|bulgar|serb|cyril|kyril|soviet|belarus|mongol",
    "Greek": r"greek|griech|grec|grieg",
    "Arabic": r"arab|persian|farsi|urdu|quran|koran",
    "Hebrew": r"hebr|ebra|israel|yiddish|torah",
    "Devanagari": r"hindi|sanskrit|marathi|nepal|devanag|india",
    "Bengali": r"bengal|bangl|bangla|assam",
    "Tamil": r"tamil",
    "Thai": r"thai|siam",
    "Georgian": r"georgia|tbilisi",
    "Armenian": r"armen",
}
_ANY_LANGUAGE = re.compile(
    r"translat|language|(?:native|original|foreign) script|alphabet"
    r"|multiling|unicode|übersetz|sprache|tradu|langue|idioma|língua|lingua|język"
    r"|перев|язык|翻[译譯訳]|语言|語言|言語|번역|언어",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"“[^”]{0,2000}”|„[^“”]{0,2000}[“”]|«[^»]{0,2000}»|「[^」]{0,2000}」|『[^』]{0,2000}』|《[^》]{0,2000}》"
    r"|\"[^\"\n]{0,2000}\"|\([^()\n]{0,2000}\)|（[^（）]{0,2000}）|`[^`\n]{0,2000}`"
)
_QUOTED_LINE = re.compile(r"^\s*+>.*$", re.MULTILINE)


def script_switch(text: str, prompt: str) -> str | None:
    """Whether the reply changes into a script that the prompt does not use and does not ask for.

    It takes a sentence (50 letters, 17 of Chinese) of unquoted prose on end, or a whole reply of 24 letters. Prompts
    that name a language of that script, or ask about languages at all, ask for it. Latin letters are no change: code,
    names and units are written with them everywhere. Nothing is said without a prompt.
    """
    if text.isascii() or not prompt.strip() or _ANY_LANGUAGE.search(prompt):
        return None
    prose = _QUOTED.sub(" ", _QUOTED_LINE.sub(" ", without_fences(text)))
    for name, run in _RUNS.items():
        if _ONE[name].search(prompt) or re.search(_ASKED_FOR[name], prompt, re.IGNORECASE):
            continue
        weight = _WEIGHTS.get(name, 1)
        lengths = [len(_ONE[name].findall(found[0])) for found in run.finditer(prose)]
        if not lengths:
            continue
        letters = len(_LETTERS.findall(prose))
        whole = sum(lengths) * weight >= _WHOLE and sum(lengths) >= 0.9 * letters
        if whole or max(lengths) * weight >= _RUN:
            return f"The reply changes into {name} script, which the prompt does not use."
    return None
