"""What a file of another program says about models: tables of profiles, and what could not come along."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_polecat.asking.tables import Table, shown

_LONGEST = 80
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Found:
    """Tables of profiles by name, and a line for each thing that could not come along or is told otherwise here."""

    tables: Mapping[str, Table]
    notes: tuple[str, ...] = ()


@dataclass
class Finds:
    """A `Found` in the making."""

    tables: dict[str, Table] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def name_for(self, identifier: str) -> str:
        """A valid name for a profile that nothing else has yet, as near to the identifier as it may be."""
        fit = _UNFIT.sub("-", identifier).lstrip("-._").rstrip("-")[:_LONGEST] or "model"
        name = fit
        number = 1
        while name in self.tables:
            number += 1
            name = f"{fit[: _LONGEST - len(str(number)) - 1]}-{number}"
        if name != identifier:
            self.notes.append(f'{name}: this is "{shown(identifier, limit=100)}" there, which is no name for a profile')
        return name

    def done(self) -> Found:
        """What was found; each note once."""
        return Found(self.tables, tuple(dict.fromkeys(self.notes)))
