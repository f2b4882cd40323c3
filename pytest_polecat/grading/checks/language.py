"""The check of the language that a reply is written in.

Languages in Latin script are told apart by their function words: a word that several of the known languages share
counts a fraction for each. The expected language needs at least two points and half as many again as any other.
Other languages are told by their script; Russian, Ukrainian and Bulgarian by the letters that they do not share, and
Japanese from Chinese by its kana.
"""

from bisect import bisect_right
from collections import Counter
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from pytest_polecat.grading.checks import text
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, formatted

_FUNCTION_WORDS = {
    "en": """
        the of and to in is that it was for on are as with his they at be this have from or had by but not what all
        were we when your can there an which their if will each about how up out them then she many some so these
        would other into has her him could than been who its now did you i my he do does no me yes please here where
        why
    """,
    "de": """
        der die das und in zu den ist von mit des auf für nicht ein eine einen einem einer als auch es an werden aus
        er hat dass sie nach wird bei um noch wie über so zum war haben nur oder aber vor zur bis mehr durch man
        sein wurde sind wenn kann ich du wir ihr mir dir mich dich uns im am vom beim was wer wo ja nein hier bitte
        warum dem sich doch
    """,
    "fr": """
        le la les de des du et un une est en que qui dans pour pas sur au aux avec ce ces cette il elle ils elles
        nous vous je tu ne se son sa ses leur leurs par plus ou où mais sont été être avoir fait comme tout très
        bien aussi même sans peut si mon ma mes ton ta tes c'est l'on qu'il qu'elle n'est d'un d'une oui non y ai
        suis as es moi toi ici quoi
    """,
    "es": """
        el la los las de del que y en un una es por con para no se lo le su sus al como más pero este esta estos
        estas ese esa entre cuando muy sin sobre también me hasta hay donde dónde quien quién desde todo nos durante
        uno les ni contra otros fue era son está están ser tiene yo tú él ella ellos mi mis tu tus sí qué cómo
        porque si o a
    """,
    "it": """
        il lo la i gli le di del della dei delle dello degli che e è un una uno in per con non si da dal dalla al
        alla ai alle nel nella nei nelle sul sulla come più ma anche sono era ha ho hanno questo questa questi
        queste quello quella suo sua loro io tu lui lei noi voi mi ti ci vi se o dove chi cosa quando perché c'è
        dell'acqua l'ha sì tra fra molto
    """,
    "pt": """
        o a os as de do da dos das que e é em no na nos nas um uma uns umas para por pelo pela com não se mais como
        mas ao à aos às seu sua seus suas este esta isso isto ele ela eles elas eu tu você vocês nós me te lhe foi
        são ser está estão tem também muito quando onde quem já só ou entre até sem sobre depois porque sim meu
        minha
    """,
    "nl": """
        de het een en van in is dat die te op voor met zijn niet aan er om ook als dan maar bij of uit nog naar door
        over ze hij zij ik je jij we wij u ons hun haar mijn zo wat wie waar hoe waarom wel geen worden wordt werd
        kan kunnen heeft hebben was waren deze dit daar hier tot al meer moet veel ja nee
    """,
}
_LATIN = {code: frozenset(words.split()) for code, words in _FUNCTION_WORDS.items()}
_SHARED = Counter(word for words in _LATIN.values() for word in words)

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
    if code not in _LATIN and code not in _SCRIPTS:
        raise ValueError(f"unknown language {code!r}; known are {', '.join(sorted([*_LATIN, *_SCRIPTS]))}")
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
    if expected.code in _LATIN:
        return _by_words(content, scripts, expected.code)
    ok = _by_script(expected.code, scripts, letters)
    script = scripts.most_common(1)[0][0] if scripts else "no"
    return formatted(ok, f"Expected language {expected.code}, found mostly {script} letters.")


def _by_words(content: str, scripts: Counter[str], code: str) -> CheckResult:
    if scripts["Latin"] * 2 <= scripts.total():
        return formatted(False, f"Expected language {code}, found letters of another script.")
    words = Counter(text.words(content))
    scores = {
        each: sum(words[word] / _SHARED[word] for word in function_words) for each, function_words in _LATIN.items()
    }
    best = max(scores, key=lambda each: scores[each])
    rival = max(score for each, score in scores.items() if each != code)
    if scores[code] >= 2 and scores[code] >= 1.5 * rival:
        return formatted(True, f"The reply is in the language {code}.")
    if best == code or scores[best] < 2:
        return formatted(False, f"Expected language {code}, found too few of its words to tell.")
    return formatted(False, f"Expected language {code}, found {best}.")


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
