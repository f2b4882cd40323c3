"""What the numbers of a token's vector mean in the demo model, and the embeddings made of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_polecat.demo.automaton import STATES, Following, Table
from pytest_polecat.demo.codes import code_words
from pytest_polecat.demo.template import BEGIN, END, THINK, THOUGHT
from pytest_polecat.demo.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

HEAD = 64
"""Numbers per attention head: so many subjects it can copy."""

_MULTIPLE = 32


@dataclass(frozen=True)
class Layout:
    """Which number of a vector means what, for the transitions that the model has to make.

    `units` are the transitions that depend on the subject, `fixed` says what follows the other pieces. The numbers
    named here are 1 where their meaning holds, else 0, except for `count`, and `word` with the code word of what
    comes next.
    """

    vocabulary: Vocabulary
    units: Mapping[tuple[str, int | None], Following]
    fixed: Mapping[str, str]

    constant = 0
    first_token = 1
    trigger = 2
    count = 3
    _subjects = 4

    @classmethod
    def of(cls, vocabulary: Vocabulary, table: Table) -> "Layout":
        """The layout for this table of transitions."""
        options: dict[str, set[Following]] = {}
        for (state, _), following in table.items():
            options.setdefault(state, set()).add(following)
        fixed = {
            state: following[0][1]
            for (state, _), following in table.items()
            if len(options[state]) == 1 and state not in STATES
        }
        return cls(vocabulary, {key: following for key, following in table.items() if key[0] not in fixed}, fixed)

    @property
    def subjects(self) -> slice:
        """A number for each subject."""
        return slice(self._subjects, self._subjects + len(self.vocabulary.triggers))

    @cached_property
    def states(self) -> dict[str, int]:
        """A number for each state whose transitions depend on the subject."""
        states = dict.fromkeys(state for state, _ in self.units)
        return dict(zip(states, range(self.subjects.stop, self.subjects.stop + len(states)), strict=True))

    @cached_property
    def draws(self) -> dict[Following, int]:
        """A number for each set of texts to draw from."""
        draws = dict.fromkeys(following for following in self.units.values() if len(following) > 1)
        start = self.subjects.stop + len(self.states)
        return dict(zip(draws, range(start, start + len(draws)), strict=True))

    @cached_property
    def words(self) -> "dict[str, Matrix]":
        """The code word of everything that can follow. The end has a number of its own and agrees with nothing else."""
        import numpy as np

        said = (piece for following in self.units.values() for _, piece in following)
        pieces = [piece for piece in dict.fromkeys([THINK, THOUGHT, *said, *self.fixed.values()]) if piece != END]
        words = np.pad(code_words(len(pieces)), ((0, 0), (1, 0)))
        end = np.zeros(words.shape[1], dtype=np.float32)
        end[0] = 1
        return {END: end, **dict(zip(pieces, words, strict=True))}

    @property
    def word(self) -> slice:
        """The code word of what comes next."""
        start = self.subjects.stop + len(self.states) + len(self.draws)
        return slice(start, start + self.words[END].size)

    @property
    def width(self) -> int:
        """Numbers in a token's vector (`n_embd`)."""
        return _rounded_up(self.word.stop, HEAD)

    @property
    def heads(self) -> int:
        """Attention heads: enough for one number per subject."""
        return _rounded_up(max(1, len(self.vocabulary.triggers)), HEAD) // HEAD

    @property
    def hidden(self) -> int:
        """Units of the feed-forward part."""
        return _rounded_up(len(self.units), _MULTIPLE)

    def after_norm(self, squared_length: float) -> float:
        """What RMSNorm makes of a 1 in a vector of this squared length."""
        return math.sqrt(self.width / squared_length)

    def token(self, piece: str) -> int:
        """The number of the token that says this piece."""
        special = piece in (END, THINK, THOUGHT)
        return self.vocabulary.special(piece) if special else self.vocabulary.piece(piece)


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def embeddings(layout: Layout) -> "Matrix":
    """`token_embd.weight`, (tokens, width).

    The vector of a trigger has the squared length 3, that of the first token and of states 2, any other 1.
    """
    import numpy as np

    vocabulary = layout.vocabulary
    matrix = np.zeros((len(vocabulary.tokens), layout.width), dtype=np.float32)
    matrix[:, layout.constant] = 1
    matrix[vocabulary.special(BEGIN), layout.first_token] = 1
    for subject, trigger in enumerate(vocabulary.triggers):
        matrix[vocabulary.special(trigger), layout.trigger] = 1
        matrix[vocabulary.special(trigger), layout.subjects.start + subject] = 1
    for state, index in layout.states.items():
        matrix[layout.token(state), index] = 1
    for piece, following in layout.fixed.items():
        matrix[layout.token(piece), layout.word] = layout.words[following]
    return matrix
