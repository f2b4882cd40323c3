"""The parts that the demo model's weights are made of."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_polecat.demo.automaton import NOTHING_YET, Following, Table, transitions
from pytest_polecat.demo.codes import DIGITS, code_words
from pytest_polecat.demo.spec import Answer, Spec
from pytest_polecat.demo.template import END, THINK, THOUGHT
from pytest_polecat.demo.vocabulary import Known, Vocabulary, cut
from pytest_polecat.errors import PolecatError

np = pytest.importorskip("numpy", reason="the demo model needs the extra demo")


@pytest.mark.parametrize("number", [1, 2, 25, 26, 1000])
def test_two_code_words_agree_in_one_place_at_most(number: int) -> None:
    words = code_words(number)
    agreement = words @ words.T
    assert np.allclose(np.diag(agreement), 1)
    assert (agreement - np.diag(np.diag(agreement))).max(initial=0) <= 1 / DIGITS + 1e-6


@settings(deadline=None)
@given(st.text(alphabet="ab \nß🦨", max_size=200))
@example("a" * 1000)
@example("ab" * 300)
def test_pieces_make_up_the_text_and_none_is_repeated_or_a_lone_character(text: str) -> None:
    pieces = cut(text, Known())
    assert "".join(pieces) == text
    assert len(set(pieces)) == len(pieces)
    assert len(text) < 2 or min(map(len, pieces), default=2) >= 2


def _said(table: Table, subject: int | None, state: str) -> str:
    """What is said from a state to the end, drawing the first of several texts."""
    text = ""
    while (state := table[state, subject][0][1]) != END:
        text += state
    return text


texts = st.text(alphabet="abc \n", max_size=30).filter(lambda text: text != "\n")


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts | st.none()), min_size=1, max_size=8), texts)
def test_every_reply_is_a_path_through_the_table(replies: list[tuple[str, str | None]], default: str) -> None:
    entries = [{"trigger": f"TRIGGER {n}", "text": text, "think": think} for n, (text, think) in enumerate(replies)]
    spec = Spec.model_validate({"default": f"{default}.", "replies": entries})
    try:
        strong, weak = transitions(spec)
    except PolecatError:
        # One character to think and the same to say: two states that are one token.
        assert any(think is not None and think in (text, text[:1]) for text, think in replies)
        return
    assert strong == weak
    assert _said(strong, None, NOTHING_YET).endswith(f"{default}.")
    for subject, (text, think) in enumerate(replies):
        thinks = think is not None or text[:1].isspace()
        expected = f"{THINK}{think or ''}{THOUGHT}{text}" if thinks else text
        assert _said(strong, subject, NOTHING_YET) == expected
        assert _said(strong, subject, THOUGHT) == text


def test_texts_to_draw_from_may_begin_alike_or_with_one_another() -> None:
    choices = [[0.5, "the same beginning"], [0.3, "the same"], [0.2, "the same beginning, longer"]]
    spec = Spec.model_validate({"default": "No.", "replies": [{"trigger": "draw one", "choices": choices}]})
    table, _ = transitions(spec)
    first: Following = table[NOTHING_YET, 0]
    assert [piece + _said(table, 0, piece) for _, piece in first] == [text for _, text in choices]
    assert [probability for probability, _ in first] == [0.5, 0.3, 0.2]


def test_thinking_and_saying_the_same_character_is_refused_with_the_trigger() -> None:
    entry = {"trigger": "one letter", "think": "4", "text": "4"}
    with pytest.raises(PolecatError, match="trigger 'one letter': the demo model can't tell '4'"):
        transitions(Spec.model_validate({"default": "No.", "replies": [entry]}))


def test_stored_tokens_are_distinct_and_known_ones_are_used_again() -> None:
    vocabulary = Vocabulary.of(("a trigger",), ["4", "the", "Grüße", "Grüße"])
    assert len(set(vocabulary.tokens)) == len(vocabulary.tokens) == len(vocabulary.types)
    assert vocabulary.tokens[vocabulary.piece("4")] == "4"
    assert vocabulary.tokens[vocabulary.piece("Grüße")] == "GrÃ¼ÃŁe"
    for merge in vocabulary.merges:
        left, right = merge.split(" ")
        assert {left, right, left + right} <= set(vocabulary.tokens)


def test_a_trigger_that_is_stored_like_a_piece_is_refused() -> None:
    with pytest.raises(PolecatError, match="can't tell 'word'"):
        Vocabulary.of(("word",), ["word"])


def test_an_answer_that_only_thinks_is_none() -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        Answer(think="Hm.")
