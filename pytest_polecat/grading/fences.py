"""Fenced code blocks of Markdown, as CommonMark reads them.

A fence opens with three or more backticks or tildes and closes with at least as many of the same; so a longer fence
may hold shorter ones. Unlike CommonMark, a fence may be indented by any depth, and one whole line ```` ```x``` ````
counts as a fence. The last fence may be unclosed: the reply was cut off, or its end forgotten.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_OPEN = re.compile(r"\s*+(?:(`{3,})([^`]*)|(~{3,})(.*))")
_ONE_LINE = re.compile(r"\s*+(`{3,})([^`]+)\1\s*+")
_LANGUAGE = re.compile(r"[{.\s]*+([^\s:,={}]+)")
_ALIASES = {
    "py": "python", "python3": "python", "py3": "python", "js": "javascript", "jsx": "javascript", "mjs": "javascript",
    "ts": "typescript", "tsx": "typescript", "sh": "shell", "bash": "shell", "zsh": "shell", "c++": "cpp", "cc": "cpp",
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
        return canonical_language(match[1].rpartition("/")[2].rpartition(".")[2]) if match else ""


def canonical_language(name: str) -> str:
    """The common lower-case name of a language: `python` for `Py3`."""
    return _ALIASES.get(name.lower(), name.lower())


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a text, in order."""
    return [part for part in _parts(text) if isinstance(part, Fence)]


def without_fences(text: str) -> str:
    """The text without its fenced blocks."""
    return "\n".join(part for part in _parts(text) if isinstance(part, str))


def _parts(text: str) -> Iterator[str | Fence]:
    """The lines outside fences, and the fences."""
    lead = ""
    opening: re.Match[str] | None = None
    body: list[str] = []
    if "```" not in text and "~~~" not in text:
        yield text
        return
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if opening is not None:
            if _closes(line, opening):
                yield _fence(opening, body, lead, closed=True)
                opening, lead, body = None, "", []
            else:
                body.append(line)
        elif not line.lstrip().startswith(("```", "~~~")):
            lead = line.strip() or lead
            yield line
        elif one_line := _ONE_LINE.fullmatch(line):
            yield Fence("", one_line[2].strip(), lead)
            lead = ""
        elif (opening := _OPEN.fullmatch(line)) is None:
            lead = line.strip()
            yield line
    if opening is not None:
        yield _fence(opening, body, lead, closed=False)


def _closes(line: str, opening: re.Match[str]) -> bool:
    marks = opening[1] or opening[3]
    return marks in line and line.strip().startswith(marks) and not line.strip().strip(marks[0])


def _fence(opening: re.Match[str], body: list[str], lead: str, *, closed: bool) -> Fence:
    info = opening[2] if opening[1] else opening[4]
    return Fence(info.strip(), textwrap.dedent("\n".join(body)), lead, closed)
