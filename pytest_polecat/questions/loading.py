"""Suite files: `*.polecat.yaml` and `*.polecat.jsonl`, validated, with errors that name file, line, key and mend."""

import difflib
import gc
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pytest_polecat.errors import SuiteError
from pytest_polecat.questions.cases import Entry
from pytest_polecat.questions.paths import Path_, dotted
from pytest_polecat.questions.schema import SuiteFile
from pytest_polecat.records.base import lean
from pytest_polecat.records.question import CheckSpec, Question, SuiteHeader

Model = TypeVar("Model", bound=BaseModel)

ValidateCheck = Callable[[CheckSpec], object]
"""Raises `ValueError` (pydantic's included) or `SuiteError` for a check that does not exist or can't be understood."""


@dataclass(frozen=True)
class Suite:
    """A loaded suite file."""

    header: SuiteHeader
    entries: tuple[Entry, ...]


def load(file: Path, validate_check: ValidateCheck) -> Suite:
    """Read and validate a suite file; any fault is one `SuiteError` in one line."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{file}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except OSError as error:
        raise SuiteError(f"{file}: can't be read: {error.strerror}") from None
    read = _read_jsonl if file.suffix == ".jsonl" else _read_yaml
    with _no_garbage_collection():
        header, questions, where = read(file, text)
        _refuse_doubles(questions, where)
        for index, question in enumerate(questions):
            _validate_checks(question, index, validate_check, where)
        path = str(file)
        return Suite(header, tuple(Entry(lean(question), header, path) for question in questions))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Reading many questions makes many objects and no garbage: the collector would look at all of them in vain.

    They stay until the session ends, so that no later collection need look at them either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.enable()


def load_table(file: Path) -> list[Question]:
    """The questions of a JSON Lines file without a header: a table for `@polecat.suite`."""
    try:
        lines = _json_lines(file, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{file}: can't be read: {error}") from None
    where = _Where(file, lambda path: lines[path[1]][0], skip=2)  # type: ignore[index]
    questions = [_validated(Question, value, where, ("questions", i)) for i, (_, value) in enumerate(lines)]
    _refuse_doubles(questions, where)
    return questions


@dataclass(frozen=True)
class _Where:
    """Finds the line of a value; `skip` leaves out the first parts of a path in messages (a JSONL line has none)."""

    file: Path
    line: Callable[[Path_], int]
    skip: int = 0

    def error(self, path: Path_, problem: str) -> SuiteError:
        return SuiteError(f"{self.file}:{self.line(path)}: {dotted(path[self.skip :])}: {problem}")


Loaded = tuple[SuiteHeader, list[Question], _Where]


def _read_yaml(file: Path, text: str) -> Loaded:
    from pytest_polecat.questions.lines import Document

    document = Document(file, text)
    where = _Where(file, document.line)
    suite = _validated(SuiteFile, document.value, where, ())
    header = SuiteHeader.model_validate(suite.model_dump(exclude={"questions"}))
    return header, list(suite.questions), where


def _read_jsonl(file: Path, text: str) -> Loaded:
    lines = _json_lines(file, text)
    if not lines or "suite" not in lines[0][1]:
        raise SuiteError(f'{file}:1: the first line must be the header, such as {{"suite": "name", "version": 1}}')
    number, head = lines[0]
    header = _validated(SuiteHeader, head, _Where(file, lambda _: number), ())
    rest = lines[1:]
    if not rest:
        raise SuiteError(f"{file}: no question follows the header")
    where = _Where(file, lambda path: rest[path[1]][0], skip=2)  # type: ignore[index]
    questions = [_validated(Question, value, where, ("questions", i)) for i, (_, value) in enumerate(rest)]
    return header, questions, where


def _json_lines(file: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    values = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SuiteError(f"{file}:{number}: not valid JSON: {getattr(error, 'msg', error)}") from None
        if not isinstance(value, dict):
            raise SuiteError(f"{file}:{number}: each line must be one JSON object")
        values.append((number, value))
    return values


def _validated(model: type[Model], value: object, where: _Where, at: Path_) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # A fault deep inside also makes what is around it faulty: the deepest one is the cause.
        details = max(error.errors(include_url=False), key=lambda each: len(each["loc"]))
        raise _explained(details, model, where, at) from None


def _explained(details: ErrorDetails, model: type[BaseModel], where: _Where, at: Path_) -> SuiteError:
    path = (*at, *details["loc"])
    kind, key = details["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(model, details["loc"][:-1]), n=1)
        return where.error(path, "unknown key" + (f"; did you mean `{near[0]}`?" if near else "; drop it"))
    if kind == "missing":
        return where.error(path, "this key is missing; add it")
    message = details["msg"].removeprefix("Value error, ")
    shown = repr(details["input"])
    given = f" (found {shown})" if len(shown) <= 60 and kind != "value_error" else ""
    return where.error(path, message[0].lower() + message[1:] + given)


def _keys(model: type[BaseModel], path: Path_) -> list[str]:
    if not path:
        return list(model.model_fields)
    models: list[type[BaseModel]] = [SuiteFile, Question, *_nested(Question)]
    return [key for each in models for key in each.model_fields]


def _nested(model: type[BaseModel]) -> Iterable[type[BaseModel]]:
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield field.annotation


def _refuse_doubles(questions: list[Question], where: _Where) -> None:
    seen: dict[str, int] = {}
    for index, question in enumerate(questions):
        if question.id in seen:
            first = where.line(("questions", seen[question.id]))
            raise where.error(
                ("questions", index, "id"),
                f"the id {question.id!r} is taken by line {first}; ids are unique in a suite",
            )
        seen[question.id] = index


def _validate_checks(question: Question, index: int, validate: ValidateCheck, where: _Where) -> None:
    here = ("questions", index)
    if not question.all_checks:
        raise where.error((*here, "checks"), "a question without checks would pass whatever is answered; add some")
    if problem := constraint_problem(question):
        raise where.error((*here, "constrained"), problem)
    for path, spec in _check_paths(question, here):
        if problem := check_problem(spec, validate):
            raise where.error(path, problem)


def check_problem(spec: CheckSpec, validate: ValidateCheck) -> str:
    """What is wrong with a check, in one line; nothing if it can be applied."""
    try:
        validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = dotted((spec.name, *first["loc"]))
        return f"{key}: {first['msg'].removeprefix('Value error, ')}"
    except (ValueError, SuiteError) as error:
        return str(error)
    return ""


def constraint_problem(question: Question) -> str:
    """What keeps a question from being asked with constrained decoding; nothing if it can, or need not."""
    if question.constrained and not any(spec.name == "json_schema" for spec in question.all_checks):
        return "needs a `json_schema` check, whose schema is sent; add one"
    return ""


def _check_paths(question: Question, at: Path_) -> Iterable[tuple[Path_, CheckSpec]]:
    for position, check in enumerate(question.checks):
        yield (*at, "checks", position), check
    for number, turn in enumerate(question.turns):
        for position, check in enumerate(turn.checks):
            yield (*at, "turns", number, "checks", position), check
