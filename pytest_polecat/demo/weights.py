"""The demo model's weights: two transformer layers that are written down instead of trained.

1. *Layer 1 counts the triggers.* Its attention gives equal weight to the first token of the context and to every
   trigger so far, and reads 1 from the first token, 0 from triggers. After n triggers the result is 1 / (n + 1): it
   falls with every trigger, however far apart they are.
2. *Layer 2 looks up the latest trigger.* Its attention scores the n-th trigger by B - C / (n + 1), so the last one
   highest, and copies which one it was, its subject, to wherever text is generated.
3. *Layer 2's feed-forward part is the table of transitions.* One hidden unit for each (state, subject) switches on
   when both are there, and writes the code word of what comes next. Most pieces of replies are followed by the same
   thing whoever says them: those have its code word in their embedding already, and no unit.
4. *The output matrix* compares with the code word of every token.

Rotation by position (RoPE, arXiv:2104.09864) does not disturb this: its frequency base is so large that the numbers
used in queries and keys do not turn. So the model works alike at any length of the context.

Before each part RMSNorm scales the vector, of squared length m, to the squared length `width`. Every part here knows
the m of the vectors that matter to it, and undoes this by dividing its weights by `Layout.after_norm(m)`, the
root of width / m.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_polecat.demo.layout import HEAD, Layout
from pytest_polecat.demo.template import END

if TYPE_CHECKING:
    from pytest_polecat.demo.layout import Matrix

FREQUENCY_BASE = 1e30
"""Of RoPE. Pair i of a head turns by FREQUENCY_BASE ** (-2 * i / HEAD) a token: by 1e-14 radians for _MARK."""
NORM_EPSILON = 1e-9

_MARK, _COUNT = HEAD // 2 - 2, HEAD - 2
"""Where queries and keys carry "this is a trigger" and the count: in different blocks of 32 numbers, since a
quantised key cache rounds each block by its largest number."""

_QUERY = 256.0
_EVEN = 100.0
"""Nats by which layer 1 prefers the first token and triggers to the rest."""
_RECENCY = 4.0e4
"""C above, in nats: the n-th trigger is preferred to the one before it by about C / n²."""
_COUNT_SCALE = 2.0**-10
"""The count is kept small, so that it doesn't change the length of vectors."""

_GATE = 40.0
"""What the gate of a hidden unit is when it is on; when it is off, at most -0.8 times that, which SiLU makes 0."""

_LOGIT = 160.0
"""Half of this is the logit of what comes next; that of any other piece is at most a quarter of it below zero."""
_LOST = 0.3 * _LOGIT
"""The logit of the end where nothing is known to come next, as when a grammar forced the model off its reply."""
_STRUCTURE = '"}]{[:0tfn-<,'
"""What ends any JSON document soon, the most preferred first; their logits are below _LOST."""


@dataclass(frozen=True)
class Attention:
    """`attn_q`, `attn_k`, `attn_v` of shape (heads * HEAD, width), `attn_output` of shape (width, heads * HEAD)."""

    query: "Matrix"
    key: "Matrix"
    value: "Matrix"
    output: "Matrix"


def counting(layout: Layout) -> Attention:
    """Layer 1: writes 1 / (n + 1), n the triggers so far, to `count` (times _COUNT_SCALE)."""
    attention = _asking(layout)
    attention.key[_MARK::HEAD, layout.first_token] = _key(_EVEN) / layout.after_norm(2)
    attention.key[_MARK::HEAD, layout.trigger] = _key(_EVEN) / layout.after_norm(3)
    attention.value[0, layout.first_token] = 1 / layout.after_norm(2)
    attention.output[layout.count, 0] = _COUNT_SCALE
    return attention


def lookup(layout: Layout) -> Attention:
    """Layer 2: copies the subject of the latest trigger.

    A trigger scores B = C / 2 + 100 nats, the same for all, and every token loses C / (n + 1). These are two numbers of
    the key: in their sum, rounding to 16 bits in the key cache would drown the difference between triggers.
    """
    attention = _asking(layout)
    attention.key[_MARK::HEAD, layout.trigger] = _key(_RECENCY / 2 + _EVEN) / layout.after_norm(3)
    attention.key[_COUNT::HEAD, layout.count] = -_key(_RECENCY) / _COUNT_SCALE / layout.after_norm(3)
    for number, index in enumerate(range(layout.subjects.start, layout.subjects.stop)):
        attention.value[number, index] = 1 / layout.after_norm(3)
        attention.output[index, number] = 1
    return attention


def _asking(layout: Layout) -> Attention:
    """Attention whose heads all ask for _MARK and _COUNT, with _QUERY at least; the rest is zero."""
    import numpy as np

    shape = (layout.heads * HEAD, layout.width)
    query, key, value = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    for asked in (_MARK, _COUNT):
        query[asked::HEAD, layout.constant] = _QUERY / layout.after_norm(3)
    return Attention(query, key, value, np.zeros(shape[::-1], dtype=np.float32))


def _key(nats: float) -> float:
    """The number in a key that adds this to the score, which is query · key / sqrt(HEAD)."""
    return nats * math.sqrt(HEAD) / _QUERY


@dataclass(frozen=True)
class FeedForward:
    """`ffn_gate` and `ffn_up` of shape (hidden, width), `ffn_down` of shape (width, hidden)."""

    gate: "Matrix"
    up: "Matrix"
    down: "Matrix"


def unheeding(layout: Layout) -> Attention:
    """Attention that changes nothing: it has no values."""
    return _asking(layout)


def idle(layout: Layout) -> FeedForward:
    """A feed-forward part that does nothing."""
    import numpy as np

    shape = (layout.hidden, layout.width)
    gate, up = (np.zeros(shape, dtype=np.float32) for _ in range(2))
    return FeedForward(gate, up, np.zeros(shape[::-1], dtype=np.float32))


def transition_table(layout: Layout) -> FeedForward:
    """Layer 2: the unit of (state, subject) adds down · SiLU(gate) · up to the vector.

    The gate is positive if state + subject > 1.5, which needs both; for no subject if state - sum of subjects > 0.5.
    The vector then has the squared length 3 (constant, state, subject) or 2, the gate is _GATE, and up is 1.
    """
    part = idle(layout)
    for unit, ((state, subject), following) in enumerate(layout.units.items()):
        one = layout.after_norm(2 if subject is None else 3)
        weight = 2 * _GATE / one
        part.gate[unit, layout.states[state]] = weight
        if subject is None:
            part.gate[unit, layout.subjects] = -weight
            part.gate[unit, layout.constant] = -0.5 * weight
        else:
            part.gate[unit, layout.subjects.start + subject] = weight
            part.gate[unit, layout.constant] = -1.5 * weight
        part.up[unit, layout.constant] = 1 / one
        if following in layout.draws:
            part.down[layout.draws[following], unit] = 1 / _GATE
        else:
            part.down[layout.word, unit] = layout.words[following[0][1]] / _GATE
    return part


def output(layout: Layout) -> "Matrix":
    """`output.weight`, (tokens, width): logits for vectors of squared length 4 (constant, state, subject, what
    follows).

    A piece has the logit _LOGIT * (agreement - 1/2): half of _LOGIT for what follows, at most _LOGIT * (1/DIGITS -
    1/2) for others. That is below 0, the logit of bytes, which matters where a grammar forbids what follows. Of texts
    to be drawn each has half of _LOGIT plus the logarithm of its probability.
    """
    import numpy as np

    one = layout.after_norm(4)
    matrix = np.zeros((len(layout.vocabulary.tokens), layout.width), dtype=np.float32)
    for rank, character in enumerate(_STRUCTURE):
        matrix[layout.vocabulary.piece(character), layout.constant] = _LOGIT / 4 * (1 - rank / len(_STRUCTURE)) / one
    for piece, word in layout.words.items():
        token = layout.token(piece)
        matrix[token, layout.constant] += (_LOST if piece == END else -_LOGIT / 2) / one
        matrix[token, layout.word] = _LOGIT * word / one
    for following, index in layout.draws.items():
        for probability, piece in following:
            matrix[layout.token(piece), index] = (_LOGIT + math.log(probability)) / one
    return matrix
