"""Questions in Python: `@polecat.question` for one, `@polecat.suite` for a table of them."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from pytest_polecat.errors import SuiteError
from pytest_polecat.questions.cases import Entry
from pytest_polecat.questions.loading import load_table
from pytest_polecat.records.question import Question, SuiteHeader

MARK = "polecat_questions"
"""The mark that carries `Questions` from a decorator to the collection."""

Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Questions:
    """What a decorator declares: the questions, whether the test's own parameter names them, and where they stand."""

    questions: tuple[Question, ...]
    table: bool
    file: str
    grader: str

    def entries(self, header: SuiteHeader) -> list[Entry]:
        """The questions in their suite."""
        return [Entry(question, header, self.file, self.grader) for question in self.questions]


def question(**fields: Any) -> Callable[[Test], Test]:
    """Make a test function a question: the test body is the grader, and it gets the fixture `reply`.

    Takes the fields of `Question`, and `file="prompt.md"` for a prompt kept beside the module. `id` defaults to the
    function's name without `test_`; `reference` and `wrong` may name files beside the module (a code file counts
    as a reply with that code in a fence).
    """

    def decorate(test: Test) -> Test:
        folder = _source_file(test).parent
        known = dict(fields)
        known.setdefault("id", test.__name__.removeprefix("test_").replace("_", "-"))
        if "file" in known:
            known["prompt"] = _read(folder / known.pop("file"), test)
        if "reference" in known:
            known["reference"] = _answer(known["reference"], folder)
        if isinstance(known.get("wrong"), list | tuple):
            known["wrong"] = [_answer(each, folder) for each in known["wrong"]]
        return _mark(test, [_validated(known, test)], table=False)

    return decorate


def suite(table: str | Sequence[Question | dict[str, Any]]) -> Callable[[Test], Test]:
    """Make a test function the grader of a table of questions: a JSON Lines file beside the module, or a list.

    The test gets the fixtures `question`, `reply` and `score` as it likes.
    """

    def decorate(test: Test) -> Test:
        if isinstance(table, str):
            questions = load_table(_source_file(test).parent / table)
        else:
            questions = [each if isinstance(each, Question) else _validated(each, test) for each in table]
        ids = [each.id for each in questions]
        doubles = sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) < len(ids) else []
        if doubles:
            raise SuiteError(f"{_source_file(test)}: {test.__name__}: ids must be unique, {doubles[0]!r} is not")
        return _mark(test, questions, table=True)

    return decorate


def header_of(module: object, file: Path) -> SuiteHeader:
    """The header of a Python suite: its `SUITE`, else one named after the folder the module stands in."""
    header = getattr(module, "SUITE", None)
    if header is None:
        return SuiteHeader(suite=_slug(file.parent.name or file.stem))
    if not isinstance(header, SuiteHeader):
        raise SuiteError(f"{file}: SUITE must be a polecat.SuiteHeader, not {type(header).__name__}")
    return header


def _mark(test: Test, questions: Sequence[Question], *, table: bool) -> Test:
    _refuse_return(test)
    declared = Questions(tuple(questions), table, str(_source_file(test)), _source(test))
    marked = getattr(pytest.mark, MARK)(declared)(test)
    result: Test = pytest.mark.usefixtures("polecat_case")(marked)
    return result


def _refuse_return(test: Callable[..., object]) -> None:
    """A returned verdict would be thrown away by pytest, and any answer would pass."""
    tree = ast.parse(textwrap.dedent(_source(test)) or "pass")
    pending: list[ast.AST] = [*getattr(tree.body[0], "body", [])]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            where = f"{_source_file(test)}:{_line(test)}: {test.__name__}"
            raise SuiteError(f"{where}: a grader returns nothing; say `assert …` instead of `return …`")
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(node)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _validated(fields: dict[str, Any], test: Callable[..., object]) -> Question:
    try:
        return Question.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "question"
        where = f"{_source_file(test)}:{_line(test)}: {test.__name__}"
        raise SuiteError(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}") from None


def _answer(value: object, folder: Path) -> object:
    if not isinstance(value, str) or "\n" in value or len(value) > 200 or not (folder / value).is_file():
        return value
    file = folder / value
    text = file.read_text(encoding="utf-8")
    return text if file.suffix in {".md", ".txt"} else f"```{file.suffix.lstrip('.')}\n{text}```\n"


def _read(file: Path, test: Callable[..., object]) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        where = f"{_source_file(test)}:{_line(test)}: {test.__name__}"
        raise SuiteError(f"{where}: file: can't read {file}: {error}") from None


def _source_file(test: Callable[..., object]) -> Path:
    return Path(inspect.getsourcefile(inspect.unwrap(test)) or "<unknown>")


def _source(test: Callable[..., object]) -> str:
    try:
        return inspect.getsource(test)
    except OSError:
        return ""


def _line(test: Callable[..., object]) -> int:
    line: int = inspect.unwrap(test).__code__.co_firstlineno
    return line


def _slug(name: str) -> str:
    cleaned = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in name)
    return cleaned.lstrip("._-")[:80] or "suite"
