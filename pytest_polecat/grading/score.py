"""Partial credit: what a test body awards."""

import math

from pytest_polecat.errors import PolecatError


class Score:
    """The points that a test body hands out; the fixture `score`.

    A test that passes without any award earns all points of its question. With awards, their sum counts, whether the
    test then passes or fails, and never more than the question is worth.
    """

    def __init__(self, points: float) -> None:
        self.points = points
        self.notes: list[tuple[float, str]] = []
        self.overdrawn = ""
        self._offered = False

    def award(self, points: float, *, when: object = True, note: str = "") -> bool:
        """Give `points` if `when` is true; returns whether it was. `note` says what for, in the report."""
        if not (math.isfinite(points) and points >= 0):
            raise PolecatError(f"score.award takes points that are a number and not negative, not {points:g}")
        self._offered = True
        if not when:
            return False
        total = self.earned + points
        if total > self.points + 1e-9:
            self.overdrawn = (
                f"{total:g} points were awarded, but the question is worth {self.points:g}; mend its `points`"
            )
            raise PolecatError(self.overdrawn)
        self.notes.append((points, note))
        return True

    @property
    def used(self) -> bool:
        """Whether the test body awarded (or refused) anything."""
        return self._offered

    @property
    def earned(self) -> float:
        """The sum of the awards."""
        return sum(points for points, _ in self.notes)
