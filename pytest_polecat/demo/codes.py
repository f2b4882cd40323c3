"""Code words: how one short vector can name any of thousands of tokens, and be told from all others for certain.

A one-hot vector per token would make the matrices as wide as the vocabulary is long. Instead token number `n` is a
line in the plane over the integers modulo a prime `q`: slope and intercept are the two digits of `n` in base `q`, and
its code word lists where the line is at x = 0, 1, …, DIGITS - 1, each as a one-hot vector of length `q`. Two
different lines meet in at most one point, so two different code words agree in at most one of their DIGITS places
(this is a Reed-Solomon code of dimension two). Words are scaled to length 1: the product of a word with itself is 1,
with any other at most 1 / DIGITS.
"""

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGITS = 4


def code_words(number: int) -> "NDArray[np.float32]":
    """So many code words, one a row; the row length is DIGITS * q with the least prime q that suffices."""
    import numpy as np

    q = next(n for n in count(DIGITS) if n * n >= number and all(n % divisor for divisor in range(2, n)))
    slope, intercept = np.divmod(np.arange(number), q)
    words = np.zeros((number, DIGITS, q), dtype=np.float32)
    for x in range(DIGITS):
        words[np.arange(number), x, (slope * x + intercept) % q] = DIGITS**-0.5
    return words.reshape(number, DIGITS * q)
