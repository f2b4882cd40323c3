"""Models that are described for other programs, as the text of a polecat.toml."""

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_polecat.asking.inheritance import resolve
from pytest_polecat.asking.presets.ini import read_ini
from pytest_polecat.asking.presets.llama_swap import read_llama_swap
from pytest_polecat.asking.presets.toml import profile_toml
from pytest_polecat.asking.tables import Tables, shown, text_of
from pytest_polecat.errors import ProfileError

_YAML = (".yaml", ".yml")
_INI = (".ini", ".preset")
_INI_LINE = re.compile(r"\[[^\]]+\]|[A-Za-z_][A-Za-z0-9_.-]*[ \t]*=")
_YAML_LINE = re.compile(r"---|[\"']?[A-Za-z_][\w.-]*[\"']?[ \t]*:([ \t]|$)")


@dataclass(frozen=True)
class Imported:
    """The text for a polecat.toml, the names of the profiles in it, and a line for each thing worth knowing."""

    text: str
    names: tuple[str, ...]
    notes: tuple[str, ...]


def import_profiles(file: Path, url: str | None = None) -> Imported:
    """The profiles of llama-swap's config.yaml or of llama-server's INI presets.

    `url` is the base, with its /v1, of the llama-swap or router that serves the file: its models become profiles that
    are asked there. Whatever `text` holds is valid. Raises ProfileError, one line with file, key and mend.
    """
    name = shown(file)
    text = text_of(file)
    read = read_llama_swap if _is_yaml(file, name, text) else read_ini
    try:
        found = read(name, text, url)
        resolve(Tables(name, {"profiles": found.tables}), {})
        toml = "\n".join(profile_toml(profile, table) for profile, table in found.tables.items())
    except RecursionError:
        raise ProfileError(f"{name}: nested too deeply; write it flatter") from None
    return Imported(toml, tuple(found.tables), found.notes)


def _is_yaml(file: Path, name: str, text: str) -> bool:
    """By the file's ending; without one that tells, by its first line that says something."""
    ending = file.suffix.lower()
    if ending in (*_YAML, *_INI):
        return ending in _YAML
    if ending == ".toml":
        raise ProfileError(f"{name}: TOML is polecat's own format; name this file by -c FILE instead")
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if _INI_LINE.match(first):
        return False
    if _YAML_LINE.match(first):
        return True
    known = "llama-swap's config (.yaml) or llama-server's presets (.ini)"
    raise ProfileError(f"{name}: neither {known}; name it by its kind")
