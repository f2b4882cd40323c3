"""polecat's own checks, by the names that suite files use."""

from pytest_polecat.grading.checks import counting, json_schema, json_text, language, letters, shape, values, wording
from pytest_polecat.grading.checks.base import Check
from pytest_polecat.grading.checks.forms import on_text

_CHECKS = (
    Check("includes", wording.Includes, on_text(wording.includes)),
    Check("excludes", wording.Excludes, on_text(wording.excludes)),
    Check("exact", shape.Exact, on_text(shape.exact)),
    Check("regex", shape.Regex, on_text(shape.regex)),
    Check("starts_with", shape.StartsWith, on_text(shape.starts_with)),
    Check("ends_with", shape.EndsWith, on_text(shape.ends_with)),
    Check("case", letters.Case, on_text(letters.case)),
    Check("alphabetical", letters.Alphabetical, on_text(letters.alphabetical)),
    Check("punctuation", letters.Punctuation, on_text(letters.punctuation)),
    Check("words", counting.Words, on_text(counting.words)),
    Check("sentences", counting.Sentences, on_text(counting.count_sentences)),
    Check("lines", counting.Lines, on_text(counting.lines)),
    Check("paragraphs", counting.Paragraphs, on_text(counting.paragraphs)),
    Check("items", counting.Items, on_text(counting.items)),
    Check("keyword_count", counting.KeywordCount, on_text(counting.keyword_count)),
    Check("placeholders", counting.Placeholders, on_text(counting.placeholders)),
    Check("language", language.Language, on_text(language.language)),
    Check("json", json_text.Json, on_text(json_text.json)),
    Check("json_schema", json_schema.JsonSchema, on_text(json_schema.json_schema)),
    Check("choice", values.Choice, on_text(values.choice)),
    Check("number", values.Number, on_text(values.number)),
)

BUILTIN: dict[str, Check] = {check.name: check for check in _CHECKS}
"""Every built-in check by its name."""
