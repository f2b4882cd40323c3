"""Fenced code blocks of Markdown, as CommonMark reads them, and as models write them.

A fence opens with three or more backticks or tildes and closes with at least as many of the same; so a longer fence
may hold shorter ones. A closing line that is indented four columns deeper than the opening one is part of the block
(a fence in a docstring), unless nothing else closes it. The last fence may be unclosed: the reply was cut off, or its
end forgotten.

Unlike CommonMark, a fence may be indented by any depth, and may open at the end of a line of text if it names its
language (```` Sure: ```python ````); one whole line ```` ```x``` ```` counts as a fence; and in a block of Markdown
a fence that names its language holds a fence of its own, although it is no shorter than the outer one.
"""

import os.path
import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPEN = re.compile(r"((?:\s*+>)*+\s*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)?+)(?:(`{3,})([^`]*)|(~{3,})(.*))")
_ONE_LINE = re.compile(r"\s*+(`{3,})([^`]+)\1\s*+")
_AFTER_TEXT = re.compile(r"(`{3,})([A-Za-z][\w+#.-]{0,30})[ \t]*+")
_LANGUAGE = re.compile(r"[{.\s]*+([^\s:,={}]+)")
_VERSIONED = re.compile(r"(?:x-)?py(?:thon)?[\d.]*|ipython3?")
_ALIASES = {
    "py": "python", "js": "javascript", "jsx": "javascript", "mjs": "javascript", "ts": "typescript",
    "tsx": "typescript", "sh": "shell", "bash": "shell", "zsh": "shell", "console": "shell", "c++": "cpp", "cc": "cpp",
    "cxx": "cpp", "hpp": "cpp", "c#": "csharp", "cs": "csharp", "golang": "go", "rs": "rust", "rb": "ruby",
    "kt": "kotlin", "yml": "yaml", "md": "markdown", "re": "regex", "regexp": "regex", "h": "c", "htm": "html",
}  # fmt: skip


@dataclass(frozen=True)
class Fence:
    """One fenced block.

    `info` is what follows the opening marks, `body` the text inside without common indentation, `lead` the last line
    with text before the fence (empty if there is none since the fence before).
    """

    info: str
    body: str
    lead: str = ""
    closed: bool = True

    @property
    def language(self) -> str:
        """The language that `info` names, by its common name (`python` for `py`); empty if it names none."""
        match = _LANGUAGE.match(self.info)
        if match is None:
            return ""
        named = match[1].rpartition("/")[2]
        return canonical_language(named if _VERSIONED.fullmatch(named.lower()) else named.rpartition(".")[2])


def canonical_language(name: str) -> str:
    """The common lower-case name of a language: `python` for `Py3`."""
    lowered = name.lower()
    return "python" if _VERSIONED.fullmatch(lowered) else _ALIASES.get(lowered, lowered)


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a text, in order."""
    return [part for part in _parts(text) if isinstance(part, Fence)]


def without_fences(text: str) -> str:
    """The text without its fenced blocks."""
    return "\n".join(part for part in _parts(text) if isinstance(part, str))


@dataclass(frozen=True)
class _Opening:
    """The line that opens a fence: the text before it if there is any, its marks, and what follows them."""

    said: str
    before: str
    marks: str
    info: str

    @property
    def markdown(self) -> bool:
        words = re.split(r"[\s:={}\"']+", self.info.lower())
        return any(word in ("markdown", "md", "mdx") or word.endswith((".md", ".mdx")) for word in words)

    def inside(self, line: str) -> str:
        """A line of the block without the marks of the quotation that the fence stands in."""
        for _ in range(self.before.count(">")):
            stripped = line.lstrip()
            line = stripped[1:].removeprefix(" ") if stripped.startswith(">") else line
        return line


def _parts(text: str) -> Iterator[str | Fence]:
    """The lines outside fences, and the fences."""
    if "```" not in text and "~~~" not in text:
        yield text
        return
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ends = _Ends(lines)
    lead, number = "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if one_line := _ONE_LINE.fullmatch(line):
            yield Fence("", one_line[2].strip(), lead)
            lead = ""
        elif (opening := _opening(line)) is None:
            lead = line.strip() or lead
            yield line
        else:
            if opening.said:
                yield opening.said
            end = ends.find(number, opening)
            body = [opening.inside(each) for each in lines[number:end]]
            yield _fence(opening, body, opening.said.strip() or lead, closed=end is not None)
            lead, number = "", len(lines) if end is None else end + 1


def _opening(line: str) -> _Opening | None:
    if "```" not in line and "~~~" not in line:
        return None
    if match := _OPEN.fullmatch(line):
        return _Opening("", match[1], match[2] or match[4], match[3] if match[2] else match[5])
    said, found, _ = line.partition("```")
    after = _AFTER_TEXT.fullmatch(line, len(said)) if found and "`" not in said else None
    return _Opening(said, "", after[1], after[2]) if after else None


class _Ends:
    """Finds where fences end, by the strictest rule that gives this and all earlier ones an end.

    A rule that leaves a fence unclosed is not tried again, so that the text is read a few times at most.
    """

    _RULES = ("nested", "strict", "any depth")

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._rules = list(self._RULES)

    def find(self, start: int, opening: _Opening) -> int | None:
        """The number of the line that closes the fence; None if it is never closed."""
        while self._rules:
            end = self._find(start, opening, self._rules[0])
            if end is not None:
                return end
            del self._rules[0]
        return None

    def _find(self, start: int, opening: _Opening, rule: str) -> int | None:
        mark, most = opening.marks[0], len(opening.inside(opening.before).expandtabs(4)) + 3
        nested = rule == "nested" and opening.markdown
        open_ones, deeper = 1, None
        for number in range(start, len(self._lines)):
            line = opening.inside(self._lines[number])
            bare = line.strip()
            if not bare.startswith(opening.marks):
                continue
            deep = rule != "any depth" and _depth(line) > most
            if nested and bare.strip(mark):
                open_ones += mark not in bare.lstrip(mark)
            elif bare.strip(mark):
                if deeper is not None and not deep:
                    return deeper  # The next block begins here, so that was the end of this one.
            elif deep:
                deeper = number
            else:
                open_ones -= 1
                if not open_ones:
                    return number
        return None


def _depth(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def _fence(opening: _Opening, body: list[str], lead: str, *, closed: bool) -> Fence:
    indents = [line[: len(line) - len(line.lstrip(" \t"))] for line in body if line.strip()]
    margin = os.path.commonprefix(indents)  # noqa: RUF071 - the characters that they share are meant
    text = "\n".join(line.removeprefix(margin) if line.strip() else line[len(margin) :] for line in body)
    if not closed and text.rstrip().endswith(opening.marks):
        text = text.rstrip().removesuffix(opening.marks)
        closed = True
    return Fence(opening.info.strip(), text, lead, closed)
