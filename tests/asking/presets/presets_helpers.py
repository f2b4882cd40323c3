"""Files of other programs, imported and then loaded as the polecat.toml that they became."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_polecat.asking.presets import import_profiles
from pytest_polecat.asking.profiles import load
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

EXPERTS = r"blk\.([0-2][0-9]|3[0-5])\.ffn_.*_exps\.weight=CPU"


@dataclass(frozen=True)
class Loaded:
    profiles: Mapping[str, Profile]
    notes: tuple[str, ...]
    text: str


def imported(folder: Path, name: str, text: str, url: str | None = None) -> Loaded:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    found = import_profiles(file, url)
    config = folder / "polecat.toml"
    config.write_text(found.text, encoding="utf-8")
    book = load(config)
    assert tuple(book.profiles) == found.names
    return Loaded(book.profiles, found.notes, found.text)


def refused(folder: Path, name: str, text: str) -> str:
    """The message that a file is refused with, less the folder."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as error:
        import_profiles(file)
    message = str(error.value)
    assert message.isprintable()
    assert message.startswith(str(file))
    return message.removeprefix(f"{folder}/")
