"""Recognising that a reply declines to answer, in some twenty languages.

Only what a short reply without code begins with counts: further on, and in quotation marks, `I can't` is part of a
story, a reason or a caveat. An apology alone is no refusal, nor is `I can't determine the cause`, which is an answer.
"""

import re
from collections.abc import Iterable

_LONGEST = 1500
_HEAD = 400
_SENTENCES = 3

# In all patterns a space stands for any white space.

_SORRY = (
    r"i ?['’]?a?m (?:(?:very|so|truly|really) )?(?:sorry|afraid)", r"(?:my )?(?:sincere )?apologies", "i apologi[sz]e",
    r"(?:(?:so|very) )?sorry", "unfortunately", "regrettably", "however", r"i (?:understand|appreciate) [^.!?]{0,80}",
    "thank you [^.!?]{0,60}", "leider", "(?:es )?tut mir (?:sehr )?leid", "entschuldigung", "helaas", "het spijt me",
    "(?:je suis )?(?:vraiment )?désolée?", "malheureusement", "lo siento(?: mucho)?", "lamentablemente", "lamento",
    "desculpe", "sinto muito", "infelizmente", "mi dispiace", "purtroppo", "przepraszam", "przykro mi", "niestety",
    "извините", "простите", "к сожалению", "на жаль", "вибачте", "üzgünüm", "maalesef", "很?抱歉", "对不起", "對不起",
    "申し訳(?:ありません|ございません)が?", "죄송하지만", "죄송합니다만?", "آسف", "عذر[ًا]*", "أعتذر", "क्षमा करें",
)  # fmt: skip
_BUT = ("but", "aber", "maar", "mais", "pero", "mas", "ma", "ale", "но", "але", "ancak", "但是?", "不过", "ولكن", "لكن",
        "लेकिन", "that", "dass", "che", "que")  # fmt: skip

_UNABLE = (
    r"(?:i|we)(?: (?:really|simply|just))?"
    r"(?: ?(?:['’]m|am|['’]re|are) (?:currently )?(?:unable|not (?:able|allowed|permitted|programmed|designed)) to"
    r"| (?:can ?not|can['’]?t|won['’]?t|(?:will|must|may) not|could ?n['’]?t))"
)
_ENGLISH = (
    _UNABLE + r" (?:help|assist|comply|engage|participate|support|proceed)(?= ?[.!,:;]| ?$"
    r"| (?:you|with|that|this|these|your|such|any|the|to|in|on|for|further)\b)",
    _UNABLE + r" (?:provide|create|write|generate|produce|share|give|offer|answer|discuss|complete|do|continue|fulfil?l"
    r"|respond to|process|reproduce|disclose|reveal|promote|endorse) (?:you|that|this|it|these|those|such|any|your"
    r"|instructions|information|guidance|details|advice|assistance|content|a response"
    r"|the (?:requested|information|content|code|answer))\b",
    r"i (?:must|have to|need to|respectfully|politely) (?:(?:respectfully|politely) )?(?:decline|refuse)\b",
    r"i ?(?:['’]m|am|do) not (?:feel )?comfortable (?:with|in|\w+ing)\b",
    r"as an? (?:responsible )?(?:ai|artificial intelligence|(?:large )?language model)\b[^.!?]{0,60}? " + _UNABLE,
    (r"(?:that|this|it)(?:['’]s| is| goes| would be) (?:beyond my (?:current )?(?:scope|abilities|capabilities)"
     r"|against my (?:guidelines|programming|polic))"),
    r"(?:your|this|the) (?:request|question) (?:violates|goes against|is against)\b",
)  # fmt: skip
_OTHERS = (
    (r"(?:(?:dabei|damit|dazu|das|hierbei) kann ich|ich kann|kann ich) [^.!?]{0,80}?nicht (?:weiter)?(?:helfen"
     r"|beantworten|erfüllen|unterstützen|nachkommen|bereitstellen)"),
    r"(?:ik kan|kan ik) [^.!?]{0,60}?\b(?:niet|geen)\b[^.!?]{0,40}?(?:helpen|beantwoorden|voldoen|hulp bieden)",
    (r"je ne (?:peux|suis|saurais) (?:pas )?(?:malheureusement )?(?:pas )?(?:(?:en mesure|autorisée?) )?(?:de |d['’])?"
     r"(?:vous |t['’]|y )?(?:aider|répondre|fournir|assister|accéder|satisfaire|donner suite)"),
    (r"no (?:puedo|me es posible|estoy en condiciones de) (?:ayudar|proporcionar|cumplir|responder|brindar|asistir"
     r"|ofrecer|atender)"),
    r"não (?:posso|consigo|sou capaz de) (?:(?:te|lhe) )?(?:ajud|fornecer|responder|atender|auxili|cumprir)",
    r"non (?:posso|sono in grado di) (?:aiutar|fornir|risponder|assister|soddisfar)",
    r"nie mogę (?:(?:ci|państwu|w tym|tego) )*(?:pomóc|odpowiedzieć|udzielić|spełnić|dostarczyć)",
    r"я не (?:могу|в состоянии|имею права) (?:(?:вам|тебе|с этим) )*(?:помо|ответить|предоставить|выполнить|обсуждать)",
    r"я не можу (?:(?:вам|тобі|з цим) )*(?:допомогти|відповісти|надати|виконати)",
    r"(?:bu konuda|bu isteğ\w*|size) [^.!?]{0,60}?(?:yardımcı olamam|yerine getiremem|yardım edemem)",
    r"我(?:暂时|目前|们|恐怕)?(?:无法|無法|不能|没办法|沒辦法)[^。！？\n]{0,30}?(?:帮助|幫助|协助|協助|提供|回答|满足|滿足|完成|讨论|處理|处理|支持)",
    r"[^。！？\n]{0,60}(?:お手伝い|お答え|お応え|回答|提供|対応|支援)[^。！？\n]{0,20}?(?:できません|できかねます|いたしかねます|出来ません)",
    r"[^.!?\n]{0,60}(?:도와 ?드릴|도움을 드릴|제공할|제공해 드릴|답변을? ?드릴|답변할|응할) 수(?:가|는)? ?없습니다",
    r"(?:لا أستطيع|لا يمكنني|لست قادر\w* على) (?:أن )?(?:مساعدت|المساعدة|تقديم|الإجابة|تلبية|توفير)",
    r"मैं [^।!?]{0,60}(?:मदद|सहायता|उत्तर|प्रदान)[^।!?]{0,20}(?:नहीं (?:कर|दे) सकत|असमर्थ)",
)  # fmt: skip


def _any(patterns: Iterable[str]) -> str:
    return "(?:" + "|".join(patterns) + ")"


_BETWEEN = r"[\s,;:،，、。.!！—–-]*"
_REGRETS = f"{_any(_SORRY)}{_BETWEEN}{_any(_BUT)}?{_BETWEEN}"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(" ?", r"\s*").replace(" ", r"\s+"), re.IGNORECASE)


_REGRETTED = _compiled(_REGRETS)
_REFUSED = _compiled(f"(?:{_REGRETS})?{_any((*_ENGLISH, *_OTHERS))}")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？।\n])\s*")
_OPENING = re.compile(r"[\s*_#>-]*+")


def refusal(text: str) -> str | None:
    """The sentence that declines to answer, if the reply begins so; None if it does not."""
    shown = text.strip()
    if not shown or len(shown) > _LONGEST or "```" in shown:
        return None
    for sentence in _SENTENCE_END.split(shown[:_HEAD])[:_SENTENCES]:
        begun = _OPENING.sub("", sentence, count=1)
        if _REFUSED.match(begun):
            return begun.strip()
        if not _REGRETTED.match(begun):
            return None
    return None
