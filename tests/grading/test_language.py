"""The language of short messages: each is taken for what it is written in, and for no neighbour of that."""

import pytest

from pytest_polecat.grading.checks.language import Language, language

ASKED_FOR = ("en", "de", "fr", "es", "it", "pt", "nl")

SHORT = [
    (
        "es",
        "La arena blanca de la playa brilla en la mañana clara. La gente nada, canta, baila y juega hasta la tarde.",
    ),
    ("es", "Me gusta mucho la comida mexicana."),
    ("es", "Ayer compré pan, leche y huevos en la tienda."),
    ("es", "La casa blanca tiene una ventana azul."),
    ("es", "Los niños juegan. Los perros ladran. Nadie duerme esta noche."),
    ("es", "¡Hola, Ana! Llego tarde. Perdona."),
    ("es", "Indica si el usuario debe ser tratado como un usuario activo. Desactive este campo."),
    ("it", "Ciao Anna, arrivo tardi. Scusami tanto!"),
    ("it", "Ciao dal mare! Qui si sta benissimo! Amo il mare!"),
    ("it", "Siamo arrivati ieri! Mangiamo gelato ogni sera! Torniamo presto!"),
    ("it", "Mia sorella lavora in un grande ospedale vicino a Roma."),
    ("it", "La pizza napoletana piace a tutti."),
    ("pt", "Ontem comprei pão, leite e ovos na loja."),
    ("pt", "Minha irmã trabalha num hospital grande perto de Lisboa."),
    ("pt", "Os gatos dormem o dia todo."),
    ("fr", "Bonjour,\n\nJe m'excuse. Pardon. Merci."),
    ("fr", "Les chats dorment toute la journée."),
    ("fr", "Ouvre la fenêtre, s’il te plaît."),
    ("de", "Es ist dunkel, z. B. weil die Sonne fehlt."),
    ("de", "Katzen schlafen den ganzen Tag."),
    ("de", "Der Bus fährt morgen erst gegen neun Uhr ab."),
    ("nl", "Hoi Jan, ik ben wat later. Sorry!"),
    ("nl", "De bus vertrekt morgen pas rond negen uur."),
    ("nl", "Planten hebben licht, water en lucht nodig."),
    ("en", "Cats sleep all day long."),
    ("en", "Yesterday we bought bread, milk and eggs."),
]

NEIGHBOURS = [
    ("Catalan", "La sorra blanca de la platja brilla al matí clar. La gent neda, canta, balla i juga fins a la tarda."),
    ("Catalan", "El mar està tranquil avui. Nedem tot el matí i mengem peix fresc."),
    ("Galician", "A area branca da praia brilla na mañá clara. A xente nada, canta, baila e xoga ata a tarde."),
    ("Danish", "Det er en dejlig dag, og vi går en tur ved stranden."),
    ("Norwegian", "Det er en fin dag, og vi går tur ved stranden."),
    ("Swedish", "Min syster arbetar på ett stort sjukhus nära Lund."),
    ("Afrikaans", "Dit is vandag baie warm en die mense by die see drink koue water."),
    ("Romanian", "Sora mea lucrează la un spital mare lângă Cluj și îmi place foarte mult."),
    ("Esperanto", "La suno brilas kaj la infanoj ludas en la ĝardeno de la domo."),
    ("Latin", "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore."),
    ("Polish", "W domu jest ciepło, a na dworze nie ma nikogo, bo pada deszcz i wieje wiatr."),
    ("Hungarian", "A ház és a kert nem nagy, de ez a mi otthonunk, és jó itt."),
]

WITH_FOREIGN_WORDS = [
    "Mario loves pizza napoletana and gelato from the little trattoria in Via Roma.",
    'She said "je ne sais quoi" and "c\'est la vie" with a smile.',
    "The hacienda near El Paso and Los Angeles has a view of la playa.",
    "He hummed Die Forelle and Der Erlkönig on his way to the Oktoberfest.",
]


def taken_for(content: str) -> list[str]:
    return [code for code in ASKED_FOR if language(content, Language(code=code)).ok]


@pytest.mark.parametrize(("code", "content"), SHORT)
def test_a_short_message_is_taken_for_its_own_language_alone(code: str, content: str) -> None:
    assert taken_for(content) == [code]


@pytest.mark.parametrize(("name", "content"), NEIGHBOURS)
def test_a_neighbouring_language_is_taken_for_none_that_can_be_asked_for(name: str, content: str) -> None:
    assert taken_for(content) == []


@pytest.mark.parametrize("content", WITH_FOREIGN_WORDS)
def test_a_few_foreign_words_make_no_other_language(content: str) -> None:
    assert taken_for(content) in ([], ["en"])


@pytest.mark.parametrize("content", ["Ja.", "Merci!", "OK", "Madrid", "Das Auto, the car.", "La la la", "¡Hola!"])
def test_what_is_too_short_or_half_of_it_foreign_can_not_be_told(content: str) -> None:
    assert taken_for(content) == []


def test_a_long_text_needs_more_than_a_few_words_of_the_language() -> None:
    names = " ".join(f"Xq{letter}zt" for letter in "abcdefghijklmnopqrstuvwxyz")
    assert taken_for(f"der und die {names}") == []
