"""A profile's table as the text of a polecat.toml that people can read and change."""

import re
from collections.abc import Mapping
from typing import Any

from pytest_polecat.asking.profile_text import toml_value
from pytest_polecat.asking.tables import Table, shown
from pytest_polecat.errors import ProfileError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def profile_toml(name: str, table: Table) -> str:
    """The text of a `[profiles.NAME]` table; read back, it gives the same table.

    A command of several lines keeps them. ProfileError for a null, which TOML doesn't have.
    """
    header = f"profiles.{_key(name)}"
    try:
        sections = {key: value for key, value in table.items() if isinstance(value, Mapping) and value}
        own = {key: value for key, value in table.items() if key not in sections}
        blocks = [_block(header, own)] if own or not sections else []
        blocks += [_block(f"{header}.{_key(key)}", value) for key, value in sections.items()]
    except _NullError:
        mend = "TOML has no null; take it out"
        raise ProfileError(f'profile "{shown(name)}": a value is null; {mend}') from None
    return "\n".join(blocks)


class _NullError(ValueError):
    pass


def _block(header: str, pairs: Mapping[str, Any]) -> str:
    lines = (f"{_key(key)} = {_text(value)}" for key, value in pairs.items())
    return "\n".join((f"[{header}]", *lines, ""))


def _key(part: str) -> str:
    return part if _BARE.fullmatch(part) else toml_value(part)


def _text(value: Any) -> str:
    match value:
        case None:
            raise _NullError
        case str():
            return _quoted(value)
        case Mapping():
            return "{" + ", ".join(f"{_key(str(key))} = {_text(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(_text(item) for item in value)}]"
    return toml_value(value)


def _quoted(text: str) -> str:
    """A text in the quotes that leave it as it is, if there are such: backslashes of a pattern need not be doubled."""
    lines = text.split("\n")
    if all(line.replace("\t", "").isprintable() for line in lines):
        if len(lines) > 1 and "'''" not in text and not text.endswith("'"):
            return f"'''\n{text}'''"
        if len(lines) == 1 and ("\\" in text or '"' in text) and "'" not in text:
            return f"'{text}'"
    return toml_value(text)
