r"""Reading a formula that a model wrote, as plain text or simple LaTeX, into a tree.

A parser of our own: no text of a model is ever evaluated as code or handed to one that does (sympy's `sympify` is
Python's `eval`). The tree holds numbers as they were written; only factorials and binomials of small numbers are worked
out. Length, depth, digits and names are bounded, so that reading takes time linear in the length.

Read as people write: `2x`, `2(x+1)`, `xy`, `sin 2x`, `sin^2 x`, `\frac12`, `1 3/4` and `1\frac34` (mixed numbers),
`√2`, `|x|`, `5!`, `10^-3`, `log_2 8`. From left to right: `1/2x` is x/2. `log` without a base is the natural one. Names
that the question does not declare, `e`, `i` and `pi` aside, are no variables, and `x2` is nothing: a number follows
another factor only as the base of a power, as in `n 2^n` and `\frac{5}{2} 3^n`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from pytest_polecat.grading.symbols_tokens import (
    CONSTANTS,
    FUNCTIONS,
    MAX_DIGITS,
    Token,
    UnreadableError,
    tidy,
    tokens,
)

MAX_DEPTH = 40
MAX_FACTORIAL = 300

_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|"}
_SAME = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "infinity": "oo", "inf": "oo"}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_LENGTHS = frozenset(("mm", "cm", "km", "metre", "metres", "meter", "meters", "centimetres", "centimeters"))
_UNITS = _LENGTHS | {"unit", "units", "square", "sq", "cubic", "inches", "feet", "radians", "exactly"}


@dataclass(frozen=True)
class Expr:
    """A formula: `op` is `number`, `symbol`, `constant`, `+`, `*`, `^`, or the name of a function.

    Differences are sums with a factor -1, quotients products with a power -1. `±` stands as the symbol `±`.
    """

    op: str
    args: tuple[Expr, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""


def number(value: Fraction | int) -> Expr:
    """A number."""
    return Expr("number", value=Fraction(value))


MINUS_ONE = number(-1)
SIGN = Expr("symbol", name="±")
"""The undecided sign of `1 ± √2`."""


def parse(text: str, variables: frozenset[str]) -> Expr:
    """The formula of a text in which these variables may occur; `UnreadableError` if it is none.

    Units at its end are left out.
    """
    return _Parser(tokens(tidy(text), variables), variables).whole()


def symbols(tree: Expr) -> frozenset[str]:
    """The names of the symbols in a formula."""
    own = {tree.name} if tree.op == "symbol" else set()
    return frozenset(own.union(*map(symbols, tree.args)))


def signed(tree: Expr, sign: int) -> Expr:
    """The formula with each `±` decided."""
    if tree == SIGN:
        return number(sign)
    return Expr(tree.op, tuple(signed(each, sign) for each in tree.args), tree.value, tree.name)


class _Parser:
    """Recursive descent over the tokens; each method reads one thing and leaves the position behind it."""

    def __init__(self, found: list[Token], variables: frozenset[str]) -> None:
        self.tokens = found
        self.variables = variables
        self.at = 0
        self.depth = 0
        self.bars = 0

    def whole(self) -> Expr:
        tree = self.sum()
        rest = self.tokens[self.at :]
        if rest and not (rest[0].kind == "word" and _is_unit(rest)):
            raise UnreadableError(f"{rest[0].text!r} does not belong there")
        return tree

    def sum(self) -> Expr:
        terms = [self.product()]
        while (sign := self.take("+", "-", "±")) is not None:
            terms.append(_times(sign, self.product()))
        return terms[0] if len(terms) == 1 else Expr("+", tuple(terms))

    def product(self) -> Expr:
        factors = [self.factor()]
        while True:
            if self.take("*"):
                factors.append(self.factor())
            elif self.take("/"):
                factors.append(_inverse(self.factor()))
            elif self.begins_factor() or self.begins_power(factors[-1]):
                factors.append(self.power())
            else:
                return factors[0] if len(factors) == 1 else Expr("*", tuple(factors))

    def factor(self) -> Expr:
        """A power, perhaps behind signs: `-x^2` is -(x^2)."""
        signs = []
        while (sign := self.take("+", "-", "±")) is not None:
            signs.append(sign)
            if len(signs) > 3:
                raise UnreadableError("it has too many signs in a row")
        tree = self.power()
        for sign in reversed(signs):
            tree = _times(sign, tree)
        return tree

    def power(self) -> Expr:
        base = self.atom()
        while self.take("!"):
            base = _factorial(base)
        return Expr("^", (base, self.exponent())) if self.take("^") else base

    def exponent(self) -> Expr:
        with self.deeper():
            return self.factor()

    def atom(self) -> Expr:
        token = self.peek()
        if token is None:
            raise UnreadableError("it ends too soon")
        if token.kind == "number":
            return self.numeral()
        with self.deeper():
            if token.kind == "name":
                self.at += 1
                return self.named(token.text)
            if token.text in _CLOSING:
                return self.group()
        raise UnreadableError(f"{token.text!r} does not belong there")

    def numeral(self) -> Expr:
        """A number; before a proper fraction in digits it is a mixed one."""
        token = self.tokens[self.at]
        if len(token.text) > MAX_DIGITS:
            raise UnreadableError(f"a number has more than {MAX_DIGITS} digits")
        self.at += 1
        value = Fraction(token.text)
        part = self.mixed() if token.text.isdigit() else None
        return number(value if part is None else value + part)

    def mixed(self) -> Fraction | None:
        """The proper fraction right here, as `3/4` or `frac{3}{4}`: with a number before it, it is added to it."""
        texts = [token.text for token in self.tokens[self.at : self.at + 7]]
        if texts[1:2] == ["/"] and len(texts) > 2:
            above, below, length = texts[0], texts[2], 3
        elif len(texts) == 7 and [texts[n] for n in (0, 1, 3, 4, 6)] == ["frac", "{", "}", "{", "}"]:
            above, below, length = texts[2], texts[5], 7
        else:
            return None
        if not (_is_small(above) and _is_small(below) and int(above) < int(below)):
            return None
        self.at += length
        return Fraction(int(above), int(below))

    def named(self, name: str) -> Expr:
        if name in self.variables:
            return Expr("symbol", name=name)
        name = _SAME.get(name, name)
        if name in CONSTANTS:
            return Expr("constant", name=name)
        return self.call(name)

    def call(self, name: str) -> Expr:
        if name in ("frac", "binom"):
            return self.two_arguments(name)
        if name == "sqrt":
            return self.root()
        if name == "cbrt":
            return Expr("^", (self.atom(), number(Fraction(1, 3))))
        if name.startswith("log_") or name in ("log", "lg"):
            return self.logarithm(name)
        exponent = self.exponent() if self.take("^") else None
        if exponent == MINUS_ONE and name in _INVERSE:
            return Expr(_INVERSE[name], (self.argument(),))
        tree = Expr(name, (self.argument(),))
        return tree if exponent is None else Expr("^", (tree, exponent))

    def two_arguments(self, name: str) -> Expr:
        if self.take("("):
            first = self.sum()
            self.expect(",")
            second = self.sum()
            self.expect(")")
        else:
            first, second = self.group(), self.group()
        return Expr("*", (first, _inverse(second))) if name == "frac" else _binomial(first, second)

    def root(self) -> Expr:
        index = number(2)
        if self.take("["):
            index = self.sum()
            self.expect("]")
        return Expr("^", (self.atom(), _inverse(index)))

    def logarithm(self, name: str) -> Expr:
        tree = Expr("ln", (self.argument(),))
        base = "10" if name == "lg" else name.partition("_")[2]
        return Expr("*", (tree, _inverse(Expr("ln", (number(int(base)),))))) if base else tree

    def argument(self) -> Expr:
        """What a function is applied to: a group, or the factors that follow (`sin 2x`) up to the next function."""
        token = self.peek()
        if token is not None and token.text in _CLOSING:
            return self.group()
        factors = [self.power()]
        while self.begins_factor() and not self.at_function() and self.tokens[self.at].text not in _CLOSING:
            factors.append(self.power())
        return factors[0] if len(factors) == 1 else Expr("*", tuple(factors))

    def group(self) -> Expr:
        opening = self.take(*_CLOSING)
        if opening is None:
            raise UnreadableError("a bracket is missing")
        self.bars += opening == "|"
        tree = self.sum()
        self.expect(_CLOSING[opening])
        self.bars -= opening == "|"
        return Expr("abs", (tree,)) if opening == "|" else tree

    def begins_factor(self) -> bool:
        """Whether a factor follows without a sign of multiplication. A number never does, but see `begins_power`."""
        token = self.peek()
        if token is None:
            return False
        return token.kind == "name" or token.text in ("(", "[", "{") or (token.text == "|" and not self.bars)

    def begins_power(self, before: Expr) -> bool:
        """Whether a power of a number follows a bracket or a variable: `(5/2) 3^n`, `n2^n`. But `(x+1)2` is nothing."""
        here = self.tokens[self.at - 1 : self.at + 2]
        after = here[0].text in (")", "]", "}") or before.op == "symbol"
        return after and [token.kind for token in here[1:]] == ["number", "sign"] and here[2].text == "^"

    def at_function(self) -> bool:
        token = self.peek()
        return token is not None and token.text in FUNCTIONS and token.text not in self.variables | {"frac", "sqrt"}

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnreadableError("it is nested too deeply")
        yield
        self.depth -= 1

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *signs: str) -> str | None:
        token = self.peek()
        if token is None or token.kind != "sign" or token.text not in signs:
            return None
        self.at += 1
        return token.text

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise UnreadableError(f"a {sign!r} is missing")


def _times(sign: str, tree: Expr) -> Expr:
    if sign == "+":
        return tree
    if sign == "-" and tree.op == "number":
        return number(-tree.value)
    return Expr("*", (SIGN if sign == "±" else MINUS_ONE, tree))


def _inverse(tree: Expr) -> Expr:
    return Expr("^", (tree, MINUS_ONE))


def _factorial(tree: Expr) -> Expr:
    return number(math.factorial(_whole(tree, MAX_FACTORIAL)))


def _binomial(above: Expr, below: Expr) -> Expr:
    return number(math.comb(_whole(above, MAX_FACTORIAL), _whole(below, MAX_FACTORIAL)))


def _whole(tree: Expr, limit: int) -> int:
    if tree.op != "number" or tree.value.denominator != 1 or not 0 <= tree.value <= limit:
        raise UnreadableError(f"factorials and binomials are read of whole numbers up to {limit} only")
    return int(tree.value)


def _is_small(text: str) -> bool:
    return text.isdigit() and len(text) < 10


def _is_unit(rest: list[Token]) -> bool:
    """Whether the tokens are units: `cm`, `square units`, `cm^2`."""
    texts = [token.text for token in rest]
    while texts and texts[-1] in ("2", "3", "^", "(", ")"):
        texts.pop()
    return bool(texts) and all(text.lower() in _UNITS for text in texts)
