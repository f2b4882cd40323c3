"""How a polynomial is written, expanded or factored; and whether intervals describe the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from pytest_polecat.grading.symbols import Expr, symbols
from pytest_polecat.grading.symbols_answers import Interval, Region
from pytest_polecat.grading.symbols_equal import polynomial, same_value


def is_expanded(tree: Expr, variables: frozenset[str]) -> bool:
    """Whether a polynomial is written as a sum of monomials without like terms."""
    whole = polynomial(tree, variables)
    terms = tree.args if tree.op == "+" else (tree,)
    return whole is not None and all(map(_is_monomial, terms)) and len(terms) == max(len(whole), 1)


def is_factored(tree: Expr, variables: frozenset[str]) -> bool:
    """Whether a polynomial is written as a product of factors that are irreducible over the rationals.

    No factor with whole coefficients may have a common divisor: `(2x+2)(x+3)` is not factored completely.
    """
    factors = [polynomial(each, variables) for each in _factors(tree)]
    return all(each is not None and _is_irreducible(each) for each in factors)


def same_region(one: Region, other: Region, value: Callable[[Expr], Any]) -> bool:
    """Whether two unions of intervals are the same set; `value` computes an end."""
    from sympy import EmptySet, Intersection, Union, oo
    from sympy import Interval as Between

    ends: list[Any] = []
    for piece in chain.from_iterable((*one, *other)):
        for end in map(value, (piece.low, piece.high)):
            if not any(same_value(end, known) for known in ends):
                ends.append(end)
    ends.sort()

    def rank(end: Expr) -> Any:
        """The place of an end among all: sets of places are compared exactly, whatever roots the ends hold."""
        reached = value(end)
        if abs(reached) == float("inf"):
            return oo if reached > 0 else -oo
        return next(at for at, known in enumerate(ends) if same_value(reached, known))

    def between(piece: Interval) -> Any:
        return Between(rank(piece.low), rank(piece.high), piece.low_open, piece.high_open)

    def union(region: Region) -> Any:
        return Union(EmptySet, *(Intersection(*map(between, pieces)) for pieces in region))

    return bool(union(one) == union(other))


def _is_monomial(tree: Expr) -> bool:
    if tree.op == "*":
        return all(map(_is_monomial, tree.args))
    if tree.op == "^":
        return tree.args[0].op in ("symbol", "number") and not symbols(tree.args[1])
    return tree.op in ("symbol", "number")


def _factors(tree: Expr) -> list[Expr]:
    """The factors of a product, those of powers once."""
    if tree.op == "*":
        return list(chain.from_iterable(map(_factors, tree.args)))
    if tree.op == "^" and tree.args[0].op != "number" and tree.args[1].op == "number" and tree.args[1].value > 0:
        return _factors(tree.args[0])
    return [tree]


def _is_irreducible(factor: Any) -> bool:
    if factor.is_ground:
        return True
    whole = all(coefficient.denominator == 1 for coefficient in factor.coeffs())
    if whole and abs(factor.content()) != 1:
        return False
    found = factor.factor_list()[1]
    return len(found) == 1 and found[0][1] == 1
