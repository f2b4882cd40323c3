"""Tests altered so that right code fails them: one assertion expects another value, or says the opposite.

Code that shares its process with its tests can make all of them pass. It can't make the altered ones fail and the
others pass, unless it can tell the two apart, and for that it has to know the right answers.
"""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_RANDOM = secrets.SystemRandom()

Function = ast.FunctionDef | ast.AsyncFunctionDef

_OPPOSITES = [
    ("assertEqual", "assertNotEqual"),
    ("assertTrue", "assertFalse"),
    ("assertIs", "assertIsNot"),
    ("assertIsNone", "assertIsNotNone"),
    ("assertIn", "assertNotIn"),
    ("assertIsInstance", "assertNotIsInstance"),
    ("assertAlmostEqual", "assertNotAlmostEqual"),
    ("assertGreater", "assertLessEqual"),
    ("assertGreaterEqual", "assertLess"),
    ("assertRegex", "assertNotRegex"),
]
_OPPOSITE = {**dict(_OPPOSITES), **{second: first for first, second in _OPPOSITES}}
_EQUAL = frozenset(
    f"assert{kind}Equal" for kind in ("", "List", "Tuple", "Set", "Dict", "Sequence", "MultiLine", "Count")
)
_OPERATORS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: (r"==", "!="),
    ast.NotEq: (r"!=", "=="),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
}
_LEAVING = (ast.Return, ast.Break, ast.Continue)
_SKIPPING = frozenset(("skipTest", "skip", "xfail", "exit", "importorskip"))


@dataclass(frozen=True)
class Edit:
    """A change of one test: in this file, these bytes become this text."""

    path: str
    start: int
    end: int
    text: bytes


def edits(tests: Mapping[str, str]) -> dict[str, Edit]:
    """A change for each test that has an assertion which is certainly made, by the test's id; drawn anew each time.

    Tests of classes that others derive from are left alone: the change would be theirs too. Raises `SyntaxError`.
    """
    trees = {path: ast.parse(source, path) for path, source in tests.items()}
    bases = {_last_name(base) for tree in trees.values() for each in _classes(tree) for base in each.bases}
    found = {}
    for path, tree in trees.items():
        text = _Text(tests[path])
        for name, function in functions(tree, leave_out=bases):
            if not any("fail" in _last_name(each).lower() for each in function.decorator_list) and (
                change := _in_body(function.body, text)
            ):
                found[f"{path}::{name}"] = Edit(path, *change)
    return found


def ids(tests: Mapping[str, str]) -> frozenset[str]:
    """The ids of all tests in these files. Raises `SyntaxError`."""
    return frozenset(
        f"{path}::{name}" for path, source in tests.items() for name, _ in functions(ast.parse(source, path))
    )


def apply(source: str, changes: Iterable[Edit]) -> str:
    """The source of a file with these changes."""
    data = source.encode()
    for edit in sorted(changes, key=lambda each: each.start, reverse=True):
        data = data[: edit.start] + edit.text + data[edit.end :]
    return data.decode()


def functions(home: ast.Module | ast.ClassDef, *, leave_out: Iterable[str] = ()) -> Iterator[tuple[str, Function]]:
    """The tests of a file by their names, `TestQueue::test_order`, but for those in classes of these names."""
    for node in home.body:
        if isinstance(node, ast.ClassDef) and node.name not in leave_out:
            for name, function in functions(node, leave_out=leave_out):
                yield f"{node.name}::{name}", function
        elif isinstance(node, Function) and node.name.startswith("test"):
            yield node.name, node


Change = tuple[int, int, bytes]


class _Text:
    """A source, in which nodes of its tree are found by bytes."""

    def __init__(self, source: str) -> None:
        self._data = source.encode()
        self._lines = [0]
        for line in self._data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def start(self, node: ast.expr) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr) -> int:
        return self._lines[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)

    def between(self, start: int, end: int) -> str:
        return self._data[start:end].decode()

    def of(self, node: ast.expr) -> str:
        return self.between(self.start(node), self.end(node))

    def replace(self, node: ast.expr, text: str) -> Change:
        return self.start(node), self.end(node), text.encode()


def _in_body(body: Sequence[ast.stmt], text: _Text) -> Change | None:
    """The change of the last assertion among those that a test which passes has certainly made."""
    found = None
    for statement in body:
        found = _in_statement(statement, text) or found
        if any(isinstance(each, _LEAVING) or _skips(each) for each in ast.walk(statement)):
            break
    return found


def _in_statement(statement: ast.stmt, text: _Text) -> Change | None:
    match statement:
        case ast.Assert(test=test):
            return _opposite(test, text)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"))) as call):
            return _of_method(call, text)
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr="subTest")))], body=body):
            return _in_body(body, text)
        case ast.For(iter=ast.List(elts=[_, *_] as items) | ast.Tuple(elts=[_, *_] as items), body=body) if not any(
            isinstance(each, ast.Starred) for each in items
        ):
            return _in_body(body, text)
    return None


def _skips(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _last_name(node.func) in _SKIPPING


def _of_method(call: ast.Call, text: _Text) -> Change | None:
    assert isinstance(call.func, ast.Attribute)  # noqa: S101 - by the pattern that found it
    name = call.func.attr
    if name in _EQUAL:
        for given in reversed(call.args[:2]):
            if change := _another(given, text):
                return change
    if name not in _OPPOSITE:
        return None
    end = text.end(call.func)
    return end - len(name), end, _OPPOSITE[name].encode()


def _opposite(test: ast.expr, text: _Text) -> Change:
    match test:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            for side in (right, left) if isinstance(operator, ast.Eq) else ():
                if change := _another(side, text):
                    return change
            start, end = text.end(left), text.start(right)
            pattern, other = _OPERATORS.get(type(operator), ("(?!)", ""))
            swapped, times = re.subn(pattern, other, text.between(start, end))
            if times == 1:
                return start, end, swapped.encode()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return text.replace(test, f"({text.of(operand)})")
    return text.replace(test, f"not ({text.of(test)})")


def _another(node: ast.expr, text: _Text) -> Change | None:
    """Another value in the place of a literal one, or of the last within it."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as number):
            return text.replace(node, _other_number(number))
        case ast.Constant(value=str() as string):
            return text.replace(node, _other_string(string, text.of(node)))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as operand):
            return _another(operand, text)
        case ast.List(elts=[*_, last]) | ast.Tuple(elts=[*_, last]) | ast.Set(elts=[*_, last]):
            return _another(last, text)
        case ast.Dict(values=[*_, last]):
            return _another(last, text)
    return None


def _other_number(number: float) -> str:
    """A number of as many digits, that differs in one."""
    written = repr(number)
    places = [place for place, digit in enumerate(written) if digit.isdigit()]
    place = _RANDOM.choice(places) if "e" not in written and "n" not in written else None
    if place is None:
        return repr(number + 1 if number + 1 != number else number / 2)
    lowest = 1 if place == 0 and len(written) > 1 else 0
    digit = _RANDOM.choice([each for each in range(lowest, 10) if str(each) != written[place]])
    return f"{written[:place]}{digit}{written[place + 1 :]}"


def _other_string(string: str, written: str) -> str:
    """A string that differs in a character, in the same quotes."""
    places = [place for place, each in enumerate(string) if each.isascii() and each.isalnum()]
    if not places:
        return repr(string + _RANDOM.choice("abcdefghij"))
    place = _RANDOM.choice(places)
    alphabet = "0123456789" if string[place].isdigit() else "abcdefghijklmnopqrstuvwxyz"
    letter = _RANDOM.choice([each for each in alphabet if each != string[place].lower()])
    letter = letter.upper() if string[place].isupper() else letter
    other = repr(f"{string[:place]}{letter}{string[place + 1 :]}")
    return f'"{other[1:-1]}"' if written.startswith('"') and not set("\\\"'") & set(other[1:-1]) else other


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _last_name(node: ast.expr) -> str:
    """The last name of `unittest.expectedFailure`, of `pytest.mark.xfail(…)`."""
    match node:
        case ast.Call(func=function):
            return _last_name(function)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
