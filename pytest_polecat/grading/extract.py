"""Reading what an answer consists of out of a reply's text.

Every function is pure and raises `Missed` with the mode `extraction_failed` if the text does not hold what it looks
for. They never guess between contradicting answers.
"""

import ast
import re
import textwrap

from pytest_polecat.errors import Missed
from pytest_polecat.grading import python_blocks
from pytest_polecat.grading.choices import choice
from pytest_polecat.grading.fences import canonical_language, fences
from pytest_polecat.grading.named_files import files
from pytest_polecat.grading.numbers import number
from pytest_polecat.grading.strict_json import json_value

__all__ = ["choice", "code", "files", "json_value", "number"]

_WORKING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AugAssign, ast.Import, ast.ImportFrom,
            ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match, ast.Call, ast.Lambda)  # fmt: skip
_INLINE = re.compile(r"(`+)([^`\n]+)\1")
_CODE_LINE = re.compile(r".*[;{}(),\[\]>]\s*|\s*(?://|#|/\*|\*|--|<).*")


def code(text: str, language: str | None = None, defining: str | None = None) -> str:
    """The code that a reply consists of or holds in fenced blocks, without common indentation.

    With `language`, the blocks marked with it are taken, else those without a mark. Of several blocks of Python the
    answer is chosen, and put together, as `python_blocks.answer` says; `defining` names what it has to define. Of
    several in another language the longest counts.

    Without any block, the whole text is taken if it is plausible as code: for Python (also if no language is named) it
    parses and does something, so that neither `Sure` nor `yes, no` is code; for another language most lines end or
    begin as lines of code do. A reply that is one piece of inline code is that piece.
    """
    wanted = canonical_language(language) if language else None
    found = [fence for fence in fences(text) if fence.body.strip()]
    named = found if wanted is None else [fence for fence in found if fence.language == wanted]
    bodies = [fence.body for fence in named or found if named or not fence.language]
    if len(bodies) == 1:
        return bodies[0]
    if bodies:
        python = wanted in (None, "python")
        return python_blocks.answer(bodies, defining) if python else max(bodies, key=lambda body: len(body.strip()))
    if found:
        others = ", ".join(sorted({fence.language for fence in found})[:5])
        raise Missed(f"Expected {language} code, found only code marked {others}.", "extraction_failed")
    if inline := _INLINE.fullmatch(text.strip()):
        return inline[2].strip()
    whole = textwrap.dedent(text).strip("\n")
    if _plausible(whole, wanted):
        return whole
    raise Missed(f"Expected {language + ' ' if language else ''}code, found none.", "extraction_failed")


def _plausible(text: str, language: str | None) -> bool:
    if language in (None, "python"):
        tree = python_blocks.parsed(text)
        return tree is not None and any(isinstance(node, _WORKING) for node in ast.walk(tree))
    lines = [line for line in text.split("\n") if line.strip()]
    return sum(_CODE_LINE.fullmatch(line) is not None for line in lines) * 2 > len(lines)
