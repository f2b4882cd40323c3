"""The check of the language that a reply is written in.

Languages in Latin script are told apart by their commonest words, and by spellings, which count half as much. At least
two common words of the expected language must occur, and its words and spellings must make up a fifth of the reply. Of
what only one of two languages has, the expected one needs twice as much as any other: what they share tells nothing.
Other languages are told by their script; Russian, Ukrainian and Bulgarian by the letters that they do not share, and
Japanese from Chinese by its kana.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from pytest_polecat.grading.checks import text
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, formatted
from pytest_polecat.grading.checks.language_words import ASKED_FOR, SPELLINGS, WORDS

_WORD, _SPELLING = 2, 1
_LONG = 4
"""Letters that a word needs for its spelling to tell anything."""
_PARTS = re.compile(r"(?<=')|-")

_RANGES = (
    (0x0041, 0x024F, "Latin"), (0x0370, 0x03FF, "Greek"), (0x0400, 0x052F, "Cyrillic"), (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"), (0x0750, 0x077F, "Arabic"), (0x0900, 0x097F, "Devanagari"), (0x0E00, 0x0E7F, "Thai"),
    (0x1100, 0x11FF, "Hangul"), (0x1E00, 0x1EFF, "Latin"), (0x1F00, 0x1FFF, "Greek"), (0x3040, 0x30FF, "Kana"),
    (0x3130, 0x318F, "Hangul"), (0x3400, 0x4DBF, "Han"), (0x4E00, 0x9FFF, "Han"), (0xAC00, 0xD7AF, "Hangul"),
    (0xF900, 0xFAFF, "Han"), (0x20000, 0x3FFFF, "Han"),
)  # fmt: skip
_STARTS = [start for start, _, _ in _RANGES]
_SCRIPTS = {
    "ru": "Cyrillic", "uk": "Cyrillic", "bg": "Cyrillic", "el": "Greek", "ja": "Kana", "zh": "Han", "ko": "Hangul",
    "ar": "Arabic", "he": "Hebrew", "hi": "Devanagari", "th": "Thai",
}  # fmt: skip
_OWN_LETTERS = {"ru": "ыэё", "uk": "іїєґ"}


def _known(code: str) -> str:
    if code not in ASKED_FOR and code not in _SCRIPTS:
        raise ValueError(f"unknown language {code!r}; known are {', '.join(sorted([*ASKED_FOR, *_SCRIPTS]))}")
    return code


class Language(Plain):
    """The language that most of the reply is written in. A reply too short to tell does not hold."""

    short: ClassVar[str | None] = "code"

    code: Annotated[str, AfterValidator(_known)] = Field(
        description="ISO 639-1: en de fr es it pt nl ru uk bg el ja zh ko ar …"
    )


def language(content: str, expected: Language) -> CheckResult:
    """Tell the language."""
    content = text.fold(content)
    letters = Counter({character: many for character, many in Counter(content).items() if character.isalpha()})
    scripts: Counter[str] = Counter()
    for character, many in letters.items():
        scripts[_script(character)] += many
    if expected.code in ASKED_FOR:
        return _by_words(content, scripts, expected.code)
    ok = _by_script(expected.code, scripts, letters)
    script = scripts.most_common(1)[0][0] if scripts else "no"
    return formatted(ok, f"Expected language {expected.code}, found mostly {script} letters.")


def _by_words(content: str, scripts: Counter[str], code: str) -> CheckResult:
    if scripts["Latin"] * 2 <= scripts.total():
        return formatted(False, f"Expected language {code}, found letters of another script.")
    words = Counter(part for word in text.words(content) for part in _PARTS.split(word) if part[:1].isalpha())
    votes = {word: found for word in words if (found := _votes(word))}
    common = sum(words[word] for word, found in votes.items() if found.get(code) == _WORD)
    if common >= 2 and _points(votes, words, code) * 5 >= words.total() * _WORD:
        rivals = [other for other in WORDS if other != code and not _outdoes(votes, words, code, other)]
        if not rivals:
            return formatted(True, f"The reply is in the language {code}.")
    best = max(WORDS, key=lambda each: _points(votes, words, each))
    if best == code or _points(votes, words, best) < 2 * _WORD:
        return formatted(False, f"Expected language {code}, found too few of its words to tell.")
    return formatted(False, f"Expected language {code}, found {best}.")


_Votes = Mapping[str, Mapping[str, int]]


def _votes(word: str) -> dict[str, int]:
    """What a word says for each language that it says something for."""
    votes = {code: _WORD for code, words in WORDS.items() if word in words}
    if len(word) >= _LONG:
        for code, (ends, within) in SPELLINGS.items():
            if code not in votes and (word.endswith(ends) or any(letters in word for letters in within)):
                votes[code] = _SPELLING
    return votes


def _points(votes: _Votes, words: Counter[str], code: str) -> int:
    return sum(found.get(code, 0) * words[word] for word, found in votes.items())


def _outdoes(votes: _Votes, words: Counter[str], code: str, other: str) -> bool:
    """Whether what tells the two languages apart speaks clearly for the first."""
    differences = [(found.get(code, 0) - found.get(other, 0)) * words[word] for word, found in votes.items()]
    ours = sum(each for each in differences if each > 0)
    theirs = -sum(each for each in differences if each < 0)
    return ours >= max(_SPELLING, 2 * theirs)


def _by_script(code: str, scripts: Counter[str], letters: Counter[str]) -> bool:
    kana, total = scripts["Kana"], scripts.total()
    if code == "ja":
        return kana >= 2 and kana * 10 >= scripts["Han"] and (kana + scripts["Han"]) * 2 > total
    own = scripts[_SCRIPTS[code]]
    if own < 2 or own * 2 <= total or (code == "zh" and kana * 10 >= own):
        return False
    if _SCRIPTS[code] != "Cyrillic":
        return True
    russian, ukrainian = (sum(letters[each] for each in _OWN_LETTERS[other]) for other in ("ru", "uk"))
    hard_signs = letters["ъ"]
    return {
        "ru": russian >= ukrainian and hard_signs <= max(russian, own // 100),
        "uk": ukrainian > russian,
        "bg": russian == ukrainian == 0,
    }[code]


def _script(character: str) -> str:
    at = bisect_right(_STARTS, ord(character)) - 1
    return _RANGES[at][2] if at >= 0 and ord(character) <= _RANGES[at][1] else "other"
