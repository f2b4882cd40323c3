"""The demo model as a state machine: what follows what was said, given the trigger that decides the reply.

A *subject* is the number of the deciding trigger, None where the context holds no trigger. A *state* is what was said
last: a piece of a reply, `<think>`, `</think>`, or nothing yet.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise

from pytest_polecat.demo.spec import Answer, Spec
from pytest_polecat.demo.template import END, THINK, THOUGHT
from pytest_polecat.demo.vocabulary import Known, cut
from pytest_polecat.errors import PolecatError

NOTHING_YET = "\n"
"""The state at the start of a reply: the chat template ends with a line break there."""
STATES = (NOTHING_YET, THINK, THOUGHT)
"""The states whose transitions depend on the subject in any case."""

Following = tuple[tuple[float, str], ...]
"""What may follow, with its probability: one piece for certain, except where an answer is drawn."""

Table = Mapping[tuple[str, int | None], Following]
"""What follows a state for a subject. What is not listed can't happen."""

_ENDLESS_THOUGHT = "Let me think about this once more. "


def transitions(spec: Spec) -> tuple[Table, Table]:
    """The tables of `demo` and of `demo-weak`. Raises `PolecatError` for texts that can't be told apart."""
    strong: dict[tuple[str, int | None], Following] = {}
    weak: dict[tuple[str, int | None], Following] = {}
    elsewhere: set[str] = set()
    default = Answer(text=spec.default)
    answers = [(default, default), *zip(spec.answers(), spec.answers(weak=True), strict=True)]
    for subject, (answer, weak_answer) in zip((None, *range(len(spec.replies))), answers, strict=True):
        try:
            reply = dict(_reply(answer, elsewhere))
            weak_reply = reply if weak_answer == answer else dict(_reply(weak_answer, elsewhere))
        except PolecatError as error:
            raise PolecatError(f"trigger {spec.triggers[subject or 0]!r}: {error}") from None
        strong.update({(state, subject): following for state, following in reply.items()})
        weak.update({(state, subject): following for state, following in weak_reply.items()})
        elsewhere.update(reply, weak_reply)
    return strong, weak


def corrupted(table: Table, every: int) -> Table:
    """The table with every `every`-th step inside replies ending the reply, as a bad draft model has it (0: none)."""
    inside = [key for key in table if key[0] not in STATES]
    wrong = inside[every - 1 :: every] if every else []
    return {**table, **dict.fromkeys(wrong, ((1.0, END),))}


def pieces_of(table: Table) -> list[str]:
    """The pieces that replies consist of, each once."""
    said = (piece for following in table.values() for _, piece in following)
    return [piece for piece in dict.fromkeys(said) if piece not in (END, THINK, THOUGHT)]


@dataclass
class _Pieces:
    """The pieces of one reply, so that each tells where in the reply it stands."""

    elsewhere: AbstractSet[str]
    taken: set[str] = field(default_factory=set)
    last: dict[str, set[str]] = field(default_factory=dict)

    def path(self, text: str, end: str) -> tuple[str, ...]:
        """The text's pieces and after them its end."""
        last = self.last.setdefault(end, set())
        pieces = cut(text, Known(self.taken, last, self.elsewhere))
        self.taken.update(pieces)
        last.update(pieces[-1:])
        return (*pieces, end)


def _reply(answer: Answer, elsewhere: AbstractSet[str]) -> Iterator[tuple[str, Following]]:
    pieces = _Pieces(elsewhere)
    # Short texts first: a longer one can avoid their pieces.
    paths = {text: pieces.path(text, END) for text in sorted((text for _, text in answer.draws), key=len)}
    for path in paths.values():
        yield from _steps(path)
    first = tuple((probability, paths[text][0]) for probability, text in answer.draws)
    yield THOUGHT, first
    # llama.cpp's server drops the space that a reply begins with, unless it stands after reasoning, be that empty.
    begins_with_space = any(text[:1].isspace() for text in paths)
    yield NOTHING_YET, first if answer.think is None and not begins_with_space else _surely(THINK)
    if answer.think is None:
        yield THINK, _surely(THOUGHT)
    elif answer.endless:
        *thought, _ = pieces.path(_ENDLESS_THOUGHT, THOUGHT)
        yield from _steps((THINK, *thought, thought[0]))
    else:
        yield from _steps((THINK, *pieces.path(answer.think, THOUGHT)))


def _steps(path: tuple[str, ...]) -> Iterator[tuple[str, Following]]:
    for state, following in pairwise(path):
        yield state, _surely(following)


def _surely(piece: str) -> Following:
    return ((1.0, piece),)
