"""Which of several blocks of Python is the answer."""

import ast
import builtins
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_polecat.grading.checks.text import stream_safe

_MAX_PARSED = 300_000  # characters; parsing more Python takes seconds and says nothing new
_PARSED_AT_LEAST = 200  # characters that a block costs, so that not too many small ones are parsed either
_ELIDED = re.compile(
    r"^[ \t]*+#[ \t]*+(?:\.{3}|…|(?:the )?(?:rest|remaining|other|existing)\b[\w ]{0,60}"
    r"\b(?:unchanged|omitted|same|as before|as above|code|methods|here)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


@dataclass(frozen=True)
class Block:
    """A block of code, and its module if it is valid Python that is not too long."""

    body: str
    tree: ast.Module | None

    @cached_property
    def defined(self) -> frozenset[str]:
        """The functions and classes that it defines at its top level."""
        defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        return frozenset(node.name for node in self._top if isinstance(node, defining))

    @cached_property
    def given(self) -> frozenset[str]:
        """Every name that it gives to code beside it."""
        return frozenset(name for node in self._top for name in _bound(node))

    @cached_property
    def needed(self) -> frozenset[str]:
        """The names that it uses and that neither it nor Python gives it. None of them are known if it imports `*`."""
        if self.tree is None:
            return frozenset()
        bound: set[str] = set()
        used: set[str] = set()
        for node in ast.walk(self.tree):
            bound.update(_bound(node))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
        return frozenset() if "*" in bound else frozenset(used - bound - _BUILTINS)

    @property
    def rank(self) -> int:
        """How much like an answer it is: whole code is more than an excerpt, and that more than tests or no Python."""
        if self.tree is None:
            return 0
        tests = bool(self.defined) and all(name.lower().startswith("test") for name in self.defined)
        return 1 if tests else 2 if _ELIDED.search(self.body) else 3

    @property
    def _top(self) -> list[ast.stmt]:
        return self.tree.body if self.tree else []


def parsed(body: str) -> ast.Module | None:
    """The module that a text is; None if it is no valid Python, or too long to look at."""
    if len(body) > _MAX_PARSED or stream_safe(body) != body:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(body)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None


def answer(bodies: Sequence[str], defining: str | None = None) -> str:
    """The one of several blocks that is the answer, together with those that it needs.

    Whole blocks count, else excerpts (`# ... unchanged`), else tests, else what is no Python; of these the ones that
    give the name `defining`, if any. Of several the longest is the answer, for the others show its use; but a later one
    that defines every function and class of it is its correction. Before it stand, in their order, the other blocks
    that give it names which it uses and does not define.
    """
    blocks = list(_blocks(bodies))
    best = max(block.rank for block in blocks)
    equals = [block for block in blocks if block.rank == best]
    named = [block for block in equals if defining in block.given] or equals
    chosen = max(named, key=lambda block: len(block.body.strip()))
    later = named[named.index(chosen) + 1 :]
    chosen = next((each for each in reversed(later) if chosen.defined and chosen.defined <= each.defined), chosen)
    return "\n\n".join(block.body for block in (*_helpers(chosen, blocks), chosen))


def _blocks(bodies: Sequence[str]) -> Iterator[Block]:
    """The blocks; as many are parsed as a person would read."""
    spent = 0
    for body in bodies:
        spent += len(body) + _PARSED_AT_LEAST
        yield Block(body, parsed(body) if spent <= _MAX_PARSED else None)


def _helpers(chosen: Block, blocks: Sequence[Block]) -> list[Block]:
    givers = {name: block for block in blocks if block.rank > 1 for name in block.given}
    taken: dict[int, Block] = {}
    waiting = [chosen]
    while waiting:
        for name in waiting.pop().needed:
            giver = givers.get(name)
            if giver is not None and giver is not chosen and id(giver) not in taken:
                taken[id(giver)] = giver
                waiting.append(giver)
    return [block for block in blocks if id(block) in taken]


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that one statement or expression binds, those inside its targets included."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (each.asname or each.name.partition(".")[0] for each in names)
        case ast.Assign(targets=targets):
            yield from (part.id for each in targets for part in ast.walk(each) if isinstance(part, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.arg(arg=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
