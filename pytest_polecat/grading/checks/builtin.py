"""polecat's own checks, by the names that suite files use; each is loaded when a suite first uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from pytest_polecat.grading.checks.base import Check
from pytest_polecat.grading.checks.forms import on_text

_WHERE = {
    "includes": "wording.Includes.includes",
    "excludes": "wording.Excludes.excludes",
    "exact": "shape.Exact.exact",
    "regex": "shape.Regex.regex",
    "starts_with": "shape.StartsWith.starts_with",
    "ends_with": "shape.EndsWith.ends_with",
    "case": "letters.Case.case",
    "alphabetical": "letters.Alphabetical.alphabetical",
    "punctuation": "letters.Punctuation.punctuation",
    "words": "counting.Words.words",
    "sentences": "counting.Sentences.count_sentences",
    "lines": "counting.Lines.lines",
    "paragraphs": "counting.Paragraphs.paragraphs",
    "items": "counting.Items.items",
    "keyword_count": "counting.KeywordCount.keyword_count",
    "placeholders": "counting.Placeholders.placeholders",
    "language": "language.Language.language",
    "json": "json_text.Json.json",
    "json_schema": "json_schema.JsonSchema.json_schema",
    "choice": "values.Choice.choice",
    "number": "values.Number.number",
    "symbolic": "symbolic.Symbolic.symbolic",
    "short_answer": "short_answer.ShortAnswer.short_answer",
    "f1": "f1.F1.f1",
    "code": "code.Code.code",
    "stdio": "stdio.Stdio.stdio",
    "tool_calls": "tool_calls.ToolCalls.tool_calls",
}
"""Module, class of the expectation and function of each check."""

_SANDBOX = frozenset({"code", "stdio"})
_QUESTION = frozenset({"tool_calls"})


class _Builtin(Mapping[str, Check]):
    """The checks; a module of theirs is imported when the first of its checks is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Check] = {}

    def __getitem__(self, name: str) -> Check:
        if name not in self._loaded:
            module, expectation, function = _WHERE[name].split(".")
            found = import_module(f"{__package__}.{module}")
            verify = getattr(found, function)
            special = name in _SANDBOX | _QUESTION
            self._loaded[name] = Check(
                name,
                getattr(found, expectation),
                verify if special else on_text(verify),
                sandbox=name in _SANDBOX,
                question=name in _QUESTION,
            )
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_WHERE)

    def __len__(self) -> int:
        return len(_WHERE)


BUILTIN: Mapping[str, Check] = _Builtin()
"""Every built-in check by its name."""
