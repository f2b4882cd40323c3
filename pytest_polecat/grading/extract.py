"""Reading what an answer consists of out of a reply's text.

Every function is pure and raises `Missed` with the mode `extraction_failed` if the text does not hold what it looks
for. They never guess between contradicting answers.
"""

import ast
import re
import textwrap
import warnings

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.text import stream_safe
from pytest_polecat.grading.choices import choice
from pytest_polecat.grading.fences import Fence, canonical_language, fences
from pytest_polecat.grading.numbers import number
from pytest_polecat.grading.strict_json import json_value

__all__ = ["choice", "code", "files", "json_value", "number"]

_MAX_PARSED = 300_000  # characters; parsing more Python takes seconds and says nothing new
_LONGEST_LINE = 300

_WORKING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AugAssign, ast.Import, ast.ImportFrom,
            ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match, ast.Call, ast.Lambda)  # fmt: skip
_INLINE = re.compile(r"(`+)([^`\n]+)\1")
_CODE_LINE = re.compile(r".*[;{}(),\[\]>]\s*|\s*(?://|#|/\*|\*|--|<).*")

_NAME = r"[\w+@-][\w.+@-]*"
_PATH = (
    rf"(?P<path>(?:\./)?(?:{_NAME}/)*(?:{_NAME}\.[A-Za-z][A-Za-z0-9]{{0,9}}|\.[a-z][\w.-]*"
    r"|Makefile|Dockerfile|LICENSE|README|Procfile|Gemfile|Rakefile))"
)
_SAFE = re.compile(_PATH)
_INFO_KEY = re.compile(r"(?:title|file|filename|path|name)\s*[=:]\s*[\"']?([^\"'\s}]+)")
_LEAD = re.compile(
    r"(?:#{1,6}\s+)?[*_`\s]{0,6}(?:\d{1,3}[.)]\s+)?[*_`\s]{0,6}(?:file(?:name)?\s*:?\s+)?[*_`\"'\s]{0,6}"
    rf"{_PATH}[*_`\"'\s]{{0,6}}(?:\([^()]{{0,80}}\)|[-–—:]\s.*)?[:*_`\s]{{0,6}}",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    rf"\s*(?://+|#+|--+|;+|%+|/\*+|<!--|\"\"\")\s*(?:file(?:name)?:\s*)?{_PATH}\s*(?:\*/|-->|\"\"\")?\s*", re.IGNORECASE
)


def code(text: str, language: str | None = None) -> str:
    """The code that a reply consists of or holds in fenced blocks, without common indentation.

    With `language`, the blocks marked with it are taken, else those without a mark. Of several the longest counts, for
    it is the answer and the others show its use; but a later block that defines every top-level name which the longest
    one defines is a correction of it and is taken instead (Python only). Blocks that are no valid Python yield to those
    that are.

    Without any block, the whole text is taken if it is plausible as code: for Python (also if no language is named) it
    parses and does something, so that neither `Sure` nor `yes, no` is code; for another language most lines end or
    begin as lines of code do. A reply that is one piece of inline code is that piece.
    """
    wanted = canonical_language(language) if language else None
    found = [fence for fence in fences(text) if fence.body.strip()]
    named = found if wanted is None else [fence for fence in found if fence.language == wanted]
    blocks = named or [fence for fence in found if not fence.language]
    if blocks:
        return _best([fence.body for fence in blocks], python=wanted in (None, "python"))
    if found:
        others = ", ".join(sorted({fence.language for fence in found})[:5])
        raise Missed(f"Expected {language} code, found only code marked {others}.", "extraction_failed")
    if inline := _INLINE.fullmatch(text.strip()):
        return inline[2].strip()
    whole = textwrap.dedent(text).strip("\n")
    if _plausible(whole, wanted):
        return whole
    raise Missed(f"Expected {language + ' ' if language else ''}code, found none.", "extraction_failed")


def files(text: str) -> dict[str, str]:
    """The files of a reply: the path of each and its content, from fenced blocks that a path belongs to.

    The path stands in the block's mark (```` ```python queue/core.py ````, `title="queue/core.py"`), else on the line
    before it (a heading, in bold, in backquotes, or alone), else in a comment on its first line. Of several blocks with
    one path the last counts. Paths are relative with `/`; one that is absolute or leads upwards is no path.
    """
    found: dict[str, str] = {}
    for fence in fences(text):
        path = (
            _path_in_info(fence)
            or _path_in(_LEAD, fence.lead)
            or _path_in(_COMMENT, fence.body.lstrip().partition("\n")[0])
        )
        if path is not None:
            found[path.removeprefix("./")] = fence.body
    if not found:
        raise Missed("Expected files as code blocks with their names, found none.", "extraction_failed")
    return found


def _path_in_info(fence: Fence) -> str | None:
    keyed = _INFO_KEY.search(fence.info[:_LONGEST_LINE])
    words = [keyed[1]] if keyed else re.split(r"[\s:]+", fence.info[:_LONGEST_LINE])
    return next((word for word in words if _SAFE.fullmatch(word) and not word.startswith(".")), None)


def _path_in(pattern: re.Pattern[str], line: str) -> str | None:
    match = pattern.fullmatch(line) if len(line) <= _LONGEST_LINE else None
    return match["path"] if match else None


def _best(bodies: list[str], *, python: bool) -> str:
    if len(bodies) == 1:
        return bodies[0]
    trees = {body: _parsed(body) for body in bodies} if python else {}
    valid = [body for body in bodies if trees.get(body) is not None] or bodies
    longest = max(valid, key=lambda body: len(body.strip()))
    names = _defined(trees.get(longest))
    later = valid[valid.index(longest) + 1 :]
    return next((body for body in reversed(later) if names and names <= _defined(trees[body])), longest)


def _plausible(text: str, language: str | None) -> bool:
    if language in (None, "python"):
        tree = _parsed(text)
        return tree is not None and any(isinstance(node, _WORKING) for node in ast.walk(tree))
    lines = [line for line in text.split("\n") if line.strip()]
    return sum(_CODE_LINE.fullmatch(line) is not None for line in lines) * 2 > len(lines)


def _parsed(body: str) -> ast.Module | None:
    if len(body) > _MAX_PARSED or stream_safe(body) != body:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(body)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None


def _defined(tree: ast.Module | None) -> set[str]:
    """The functions and classes that a module defines at its top level."""
    defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in tree.body if isinstance(node, defining)} if tree else set()
