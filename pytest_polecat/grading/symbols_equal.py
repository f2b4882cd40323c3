"""Whether two formulas are equivalent, decided in bounded time.

The rule: where both are fractions of polynomials with rational coefficients, and of modest size, sympy's polynomials
decide exactly, by cross-multiplication. All others (roots, logarithms, powers with variables, large exponents) are
computed by mpmath to 250 digits at `POINTS` random points where the expected formula has a real value, and must agree
there to 200; the seed is fixed, so the decision is always the same. No general simplification is tried: it may
take for ever, and whether two formulas are equal is undecidable in general (Richardson, J. Symb. Logic 33, 1968).
Every number computed on the way stays below 2**20000, so no tower of powers can hang.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

from pytest_polecat.grading.symbols import Expr, symbols

DIGITS = 250
AGREEING = 200
POINTS = 12
_DRAWS = 240
_LEAST = 3
_MAX_BITS = 20_000
_MAX_DEGREE = 200
_MAX_MONOMIALS = 500
_RANGES = (1.0, 4.0, 60.0)


class OutOfRangeError(ArithmeticError):
    """The value does not exist at this point, or is too large or too small to be computed."""


def equal(expected: Expr, found: Expr, *, positive: bool = False) -> bool:
    """Whether `found` is equivalent to `expected`; `positive` says that all variables are."""
    exact = _exactly(expected, found, proportional=False)
    return _numerically(expected, found, positive=positive) if exact is None else exact


def proportional(expected: Expr, found: Expr, *, positive: bool = False) -> bool:
    """Whether `found` is `expected` times a number other than 0."""
    exact = _exactly(expected, found, proportional=True)
    if exact is not None:
        return exact
    return _numerically(expected, found, positive=positive, proportional=True)


def polynomial(tree: Expr, variables: frozenset[str]) -> Any | None:
    """The formula as a polynomial over the rationals, an element of a sympy ring; None if it is none or too large."""
    ratio = _ratio(tree, variables)
    if ratio is None or not ratio[1].is_ground:
        return None
    return ratio[0] * (1 / ratio[1].LC)


def real_value(tree: Expr) -> Any:
    """The value of a formula without variables, as an mpmath number of 250 digits, perhaps infinite.

    Raises `OutOfRangeError` if it has no real value.
    """
    import mpmath

    if (sign := _infinite(tree)) is not None:
        return sign * mpmath.inf
    with mpmath.workdps(DIGITS):
        value = _value(tree, {})
        if not _is_real(value):
            raise OutOfRangeError("it is not real")
        return mpmath.re(value)


def same_value(one: Any, other: Any) -> bool:
    """Whether two computed values agree to `AGREEING` digits."""
    import mpmath

    if mpmath.isinf(one) or mpmath.isinf(other):
        return bool(one == other)
    with mpmath.workdps(DIGITS):
        return bool(abs(one - other) <= mpmath.mpf(10) ** -AGREEING * max(abs(one), abs(other), mpmath.mpf("1e-10")))


def _infinite(tree: Expr) -> int | None:
    if tree.op == "constant" and tree.name == "oo":
        return 1
    if tree.op == "*" and tree.args[0].op == "number" and abs(tree.args[0].value) == 1 and len(tree.args) == 2:
        inner = _infinite(tree.args[1])
        return None if inner is None else int(tree.args[0].value) * inner
    return None


def _exactly(expected: Expr, found: Expr, *, proportional: bool) -> bool | None:
    """The decision for fractions of polynomials; None for everything else."""
    variables = symbols(expected) | symbols(found)
    first, second = _ratio(expected, variables), _ratio(found, variables)
    if first is None or second is None:
        return None
    left, right = first[0] * second[1], second[0] * first[1]
    if proportional and left and right:
        left, right = left.monic(), right.monic()
    return bool(left == right)


def _ratio(tree: Expr, variables: frozenset[str]) -> tuple[Any, Any] | None:
    """Numerator and denominator in a ring of polynomials; None if there are none, or if they might be large."""
    bound = _bound(tree)
    if bound is None:
        return None
    above, below, bits = bound
    degree = max(above, below)
    if degree > _MAX_DEGREE or bits > _MAX_BITS or math.comb(degree + len(variables), degree) > _MAX_MONOMIALS:
        return None
    from sympy import QQ
    from sympy.polys.rings import ring

    domain = ring(sorted(variables) or ["_"], QQ)[0]
    generators = dict(zip(sorted(variables), domain.gens, strict=False))
    above, below = _quotient(tree, domain, generators)
    return (above, below) if below else None


def _bound(tree: Expr) -> tuple[int, int, int] | None:
    """Bounds of the degrees of numerator and denominator and of the bits of coefficients; None: no such fraction."""
    if tree.op == "number":
        return 0, 0, tree.value.numerator.bit_length() + tree.value.denominator.bit_length()
    if tree.op == "symbol":
        return 1, 0, 1
    if tree.op == "^":
        return _bound_of_power(*tree.args)
    if tree.op not in ("+", "*"):
        return None
    bounds = [_bound(each) for each in tree.args]
    known = [bound for bound in bounds if bound is not None]
    if len(known) < len(bounds):
        return None
    below, bits = sum(bound[1] for bound in known), sum(bound[2] + 2 for bound in known)
    if tree.op == "*":
        return sum(bound[0] for bound in known), below, bits
    return max(bound[0] + below - bound[1] for bound in known), below, bits


def _bound_of_power(base: Expr, exponent: Expr) -> tuple[int, int, int] | None:
    power, bound = _rational(exponent), _bound(base)
    if bound is None or power is None or power.denominator != 1 or abs(power) > _MAX_BITS:
        return None
    times = abs(int(power))
    above, below, bits = bound[0] * times, bound[1] * times, (bound[2] + 2) * max(times, 1)
    return (above, below, bits) if power >= 0 else (below, above, bits)


def _quotient(tree: Expr, domain: Any, generators: dict[str, Any]) -> tuple[Any, Any]:
    if tree.op == "number":
        return domain(tree.value.numerator), domain(tree.value.denominator)
    if tree.op == "symbol":
        return generators[tree.name], domain.one
    if tree.op == "^":
        above, below = _quotient(tree.args[0], domain, generators)
        power = int(_rational(tree.args[1]) or 0)
        return (above**power, below**power) if power >= 0 else (below**-power, above**-power)
    total, under = (domain.zero, domain.one) if tree.op == "+" else (domain.one, domain.one)
    for each in tree.args:
        above, below = _quotient(each, domain, generators)
        total = total * below + above * under if tree.op == "+" else total * above
        under = under * below
    return total, under


def _rational(tree: Expr) -> Fraction | None:
    """The value of a formula made of rational numbers alone, small ones; None for any other."""
    if tree.op == "number":
        return tree.value
    if tree.op not in ("+", "*", "^"):
        return None
    values = [_rational(each) for each in tree.args]
    known = [value for value in values if value is not None and _is_small(value)]
    if len(known) < len(values):
        return None
    if tree.op == "+":
        return sum(known, Fraction(0))
    if tree.op == "*":
        return math.prod(known, start=Fraction(1))
    base, exponent = known
    if exponent.denominator != 1 or abs(exponent) > 64 or (not base and exponent <= 0):
        return None
    return Fraction(base ** int(exponent))


def _is_small(value: Fraction) -> bool:
    return value.numerator.bit_length() + value.denominator.bit_length() <= 512


def _numerically(expected: Expr, found: Expr, *, positive: bool, proportional: bool = False) -> bool:
    import mpmath

    names = sorted(symbols(expected) | symbols(found))
    draw = random.Random(20_240)  # noqa: S311
    agreed: list[tuple[Any, Any]] = []
    with mpmath.workdps(DIGITS):
        for _ in range(_DRAWS if names else 1):
            point = _point(names, draw, positive=positive)
            try:
                wanted = _value(expected, point)
            except OutOfRangeError:
                continue
            if not _is_real(wanted):
                continue
            try:
                value = _value(found, point)
            except OutOfRangeError:
                return False
            if not (_in_ratio(agreed, wanted, value) if proportional else same_value(wanted, value)):
                return False
            agreed.append((wanted, value))
            if len(agreed) == POINTS:
                return True
    return len(agreed) >= (_LEAST if names else 1)


def _in_ratio(agreed: list[tuple[Any, Any]], wanted: Any, value: Any) -> bool:
    """Whether wanted : value is as it was before, and neither is 0 where the other is not."""
    if (wanted == 0) != (value == 0):
        return False
    return not agreed or same_value(wanted * agreed[0][1], value * agreed[0][0])


def _point(names: list[str], draw: random.Random, *, positive: bool) -> dict[str, Any]:
    import mpmath

    limit = draw.choice(_RANGES)
    lowest = 0.0 if positive else -limit
    return {name: mpmath.mpf(draw.uniform(lowest, limit)) for name in names}


def _is_real(value: Any) -> bool:
    import mpmath

    return bool(abs(mpmath.im(value)) <= mpmath.mpf(10) ** -AGREEING * max(1, abs(value)))


def _value(tree: Expr, point: dict[str, Any]) -> Any:
    """The value at a point, to mpmath's working precision; complex where roots and logarithms make it so."""
    import mpmath

    if tree.op == "number":
        return _bounded(mpmath.mpf(tree.value.numerator) / tree.value.denominator)
    if tree.op == "symbol":
        if tree.name not in point:
            raise OutOfRangeError(f"{tree.name} has no value")
        return point[tree.name]
    if tree.op == "constant":
        constants = {"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.mpc(0, 1)}
        if tree.name not in constants:
            raise OutOfRangeError("it is infinite")
        return +constants[tree.name]
    if tree.op == "^":
        return _bounded(_power(tree.args[0], tree.args[1], point))
    values = [_value(each, point) for each in tree.args]
    if tree.op == "+":
        return _bounded(mpmath.fsum(values))
    if tree.op == "*":
        return _bounded(mpmath.fprod(values))
    return _bounded(_function(tree.op, values[0]))


def _function(name: str, value: Any) -> Any:
    import mpmath

    own = {"arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "ln": mpmath.log, "abs": mpmath.fabs}
    if name in ("exp", "sinh", "cosh", "tanh") and abs(value) > _MAX_BITS:
        raise OutOfRangeError("its exponent is too large")
    try:
        return own[name](value) if name in own else getattr(mpmath, name)(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise OutOfRangeError(f"{name} has no value there") from None


def _power(base: Expr, exponent: Expr, point: dict[str, Any]) -> Any:
    """Powers; roots of odd order of negative numbers are the real ones, as in school."""
    import mpmath

    below, power, rational = _value(base, point), _value(exponent, point), _rational(exponent)
    if below == 0:
        if not _is_real(power) or mpmath.re(power) < 0:
            raise OutOfRangeError("it divides by 0")
        return mpmath.mpf(1 if power == 0 else 0)
    if abs(power) * (abs(mpmath.mag(below)) + 1) > _MAX_BITS:
        raise OutOfRangeError("it is too large")
    if rational is not None and rational.denominator % 2 and rational.denominator > 1 and _is_real(below) and below < 0:
        root = mpmath.power(-below, power)
        return -root if rational.numerator % 2 else root
    return mpmath.power(below, power)


def _bounded(value: Any) -> Any:
    import mpmath

    if not mpmath.isfinite(value) or (value != 0 and abs(mpmath.mag(value)) > _MAX_BITS):
        raise OutOfRangeError("it is too large or too small")
    return value
