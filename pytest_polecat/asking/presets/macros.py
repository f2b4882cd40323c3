"""llama-swap's macros: `${NAME}` in a model's texts, from the model's own table or the global one.

As in llama-swap, macros are put in from the last one to the first, each once, so a macro may use those that were
defined before it, and `${MODEL_ID}`. A model's macro takes the place of the global one of its name. Environment
variables are `${env.NAME}`.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from pytest_polecat.asking.presets.yaml_document import Document
from pytest_polecat.asking.tables import Key, did_you_mean, kind, shown

PORT = "${PORT}"
ENVIRONMENT = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")
_RESERVED = ("PORT", "MODEL_ID")
_LONGEST = 100_000
"""Characters of a text with its macros put in: macros of macros can grow beyond all measure."""

_MOST = 10_000
"""Values that macros stand for in one model, for the same reason."""


class Macros:
    """The macros that hold for a model. `expanded` collects the environment variables that were put in."""

    def __init__(self, document: Document, identifier: str, shared: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        self._document = document
        self._values: dict[str, Any] = {"MODEL_ID": identifier, **shared, **own}
        self._values_put_in = 0
        self.expanded: list[str] = []

    def text(self, text: str, key: Key) -> str:
        """A text with everything put in but `${PORT}`. ProfileError for what is not defined."""
        for name, value in reversed(self._values.items()):
            slug = f"${{{name}}}"
            if slug not in text:
                continue
            if isinstance(value, dict):
                raise self._document.error(key, f"{slug} is a mapping and can't stand inside a text; write it out")
            text = text.replace(slug, value if isinstance(value, str) else json.dumps(value))
            if len(text) > _LONGEST:
                raise self._document.error(key, "grows too long with its macros; write fewer of them")
        return _REFERENCE.sub(lambda found: self._environment(found, key), text)

    def value(self, value: Any, key: Key) -> Any:
        """A value with everything put in; what is a macro alone takes the type of its value."""
        self._values_put_in += 1
        if self._values_put_in > _MOST:
            raise self._document.error(key, "grows too large with its macros; write fewer of them")
        match value:
            case str() if (found := _REFERENCE.fullmatch(value)) and found[1] in self._values:
                macro = self._values[found[1]]
                return self.text(macro, key) if isinstance(macro, str) else self.value(macro, key)
            case str():
                return self.text(value, key)
            case dict():
                return {self.text(name, key): self.value(item, (*key, name)) for name, item in value.items()}
            case list():
                return [self.value(item, (*key, index)) for index, item in enumerate(value)]
            case None:
                raise self._document.error(key, "is null, which no profile can hold; take it out")
        return value

    def _environment(self, found: re.Match[str], key: Key) -> str:
        if found[0] == PORT:
            return PORT
        reference = ENVIRONMENT.fullmatch(found[0])
        if found[1] in self._values:
            problem = f"{found[0]} is used by a macro that stands before it, or by itself; define it above its use"
            raise self._document.error(key, problem)
        if reference is None:
            mend = did_you_mean(found[1], self._values) or "define it under macros"
            raise self._document.error(key, f"there is no macro {shown(found[0], limit=80)}; {mend}")
        name = reference[1]
        if name not in os.environ:
            mend = f"set it: export {name}=…"
            raise self._document.error(key, f"{found[0]} is not set in the environment; {mend}")
        self.expanded.append(name)
        return os.environ[name]


def macros_of(document: Document, table: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """The `macros` of a file or of a model. ProfileError for what llama-swap would refuse."""
    macros = table.get("macros")
    if macros is None:
        return {}
    if not isinstance(macros, dict):
        raise document.error(key, f"must be a mapping of names to texts, not {kind(macros)}")
    for name, value in macros.items():
        if not _NAME.fullmatch(name):
            problem = "is no name for a macro: letters, digits, dashes and underscores, at most 63; rename it"
            raise document.error((*key, name), problem)
        if name in _RESERVED:
            raise document.error((*key, name), "is a name that llama-swap keeps for itself; rename it")
        if value is None or isinstance(value, list):
            raise document.error((*key, name), "must be a text, a number, true or false; write one")
    return macros
