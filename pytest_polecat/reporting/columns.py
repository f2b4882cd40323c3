"""Further columns in the table of questions, as third parties bring them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column: its heading, and the text of its cell for the record of an attempt (`""` for none)."""

    heading: str
    cell: Callable[[Mapping[str, Any]], str]
