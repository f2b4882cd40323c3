"""The grammar of llama-server's INI presets, as its own parser has it (llama.cpp, common/preset.cpp, b11434).

A line is `[section]`, `key = value`, a comment or blank; blanks before `[` or a key are an error. `;` and `#` start a
comment wherever they stand, and nothing quotes them. What stands before the first section belongs to `default`. Of
a key that is given twice the last one stands; a section that is given twice begins anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_polecat.asking.tables import shown
from pytest_polecat.errors import ProfileError

GLOBAL = "*"
"""The section that is laid under every other one."""

DEFAULT = "default"
"""The section of what stands before the first one."""

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

_NEWLINE = re.compile(r"\r\n|\n|\r")
_HEADER = re.compile(r"\[[ \t]*(?P<name>[^\]]+)\][ \t]*(?:[;#].*)?", re.DOTALL)
_PAIR = re.compile(rf"(?P<key>{KEY.pattern})[ \t]*=[ \t]*(?P<value>.*)", re.DOTALL)
_COMMENT = re.compile(r"[ \t]*[;#]")


@dataclass
class Section:
    """A section: its name, its line (from 1), and the value and line of each key."""

    name: str
    line: int
    pairs: dict[str, tuple[str, int]] = field(default_factory=dict)


def parse(file: str, text: str) -> tuple[list[Section], list[str]]:
    """The sections of a file in their order, and a note for each key or section that a later one replaces.

    ProfileError for a line that llama-server would not take either.
    """
    sections: dict[str, Section] = {}
    notes: list[str] = []
    current = Section(DEFAULT, 1)
    for number, line in enumerate(_NEWLINE.split(text), start=1):
        if header := _HEADER.fullmatch(line):
            name = header["name"].strip(" \t")
            if not name:
                raise ProfileError(f"{file}:{number}: this section has no name; write [NAME]")
            if name in sections:
                notes.append(f"[{shown(name)}] stands there twice; as in llama-server, the later one counts alone")
            current = sections[name] = Section(name, number)
        elif pair := _PAIR.fullmatch(line):
            sections.setdefault(current.name, current)
            if pair["key"] in current.pairs:
                notes.append(f"[{shown(current.name)}] {shown(pair['key'])} stands there twice; the later one counts")
            current.pairs[pair["key"]] = (_value(pair["value"]), number)
        elif line.strip(" \t") and not _COMMENT.match(line):
            raise ProfileError(f"{file}:{number}: {_mend(line)}")
    return list(sections.values()), notes


def write(sections: dict[str, dict[str, str]]) -> Iterator[str]:
    """The lines of a file with these keys and values, each of which must be one that can be written."""
    for name, pairs in sections.items():
        yield f"[{name}]"
        yield from (f"{key} = {value}" for key, value in pairs.items())
        yield ""


def unwritable(value: str) -> str:
    """Why a value can't stand in such a file; nothing if it can."""
    if mark := next((mark for mark in ";#" if mark in value), ""):
        return f'holds "{mark}", which starts a comment in presets, and nothing quotes it'
    if _NEWLINE.search(value):
        return "holds a line break, which ends a value in presets"
    if value != value.strip(" \t"):
        return "begins or ends with a blank, which presets drop"
    return ""


def _value(written: str) -> str:
    comment = _COMMENT.search(written)
    return (written[: comment.start()] if comment else written).rstrip(" \t")


def _mend(line: str) -> str:
    if line[0] in " \t":
        return "this line begins with a blank, which llama-server refuses; begin it with its key"
    if line.startswith("["):
        return "not a section; write [NAME]"
    return "neither a section nor a key; write [NAME] or key = value, with a flag of llama-server as the key"
