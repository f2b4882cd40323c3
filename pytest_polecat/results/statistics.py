"""The statistics of a run: how sure a pass rate is. The standard library is enough for it."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a share: `low` and `high` between 0 and 1."""

    low: float
    high: float


def wilson(k: float, n: int, level: float = 0.95) -> Interval | None:
    """The Wilson score interval of the share k / n at the two-sided confidence `level`; None for n = 0.

    `k` may be a fraction: a sum of n means, each between 0 and 1. The interval is then too wide rather than too
    narrow, since a mean of several tries varies no more than one toss of a coin with the same chance.

    No continuity correction. E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927) 209-212; recommended for small n by L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for
    a binomial proportion", Statistical Science 16 (2001) 101-133. Raises ValueError unless 0 <= k <= n, 0 < level < 1.
    """
    if not 0 <= k <= n:
        raise ValueError(f"k = {k} is not between 0 and n = {n}")
    if not 0 < level < 1:
        raise ValueError(f"a confidence level is between 0 and 1, not {level}")
    if n == 0:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    scale = 1 + z * z / n
    centre = (k / n + z * z / (2 * n)) / scale
    half = z / scale * sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    # At the ends the formula gives 0 and 1 exactly; floating point does not.
    return Interval(0.0 if k == 0 else max(0.0, centre - half), 1.0 if k == n else min(1.0, centre + half))
