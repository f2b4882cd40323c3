"""The page of one profile in a run: one self-contained file that opens from disk, offline."""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_polecat.errors import PolecatError
from pytest_polecat.reporting.columns import Column
from pytest_polecat.reporting.html.data import GLYPHS, PageData, page_data
from pytest_polecat.reporting.text import one_line, visible
from pytest_polecat.results.results import Results
from pytest_polecat.results.summary import number, percent, points
from pytest_polecat.rundir import RunDir, write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_HERE = Path(__file__).parent


def write_page(
    run: RunDir, profile: str, path: Path, columns: Sequence[Column] = (), results: Results | None = None
) -> None:
    """Write the page of one profile in a run. Raises PolecatError without jinja2, or if the run can't be read.

    `columns` and `results` as `page_data` takes them.
    """
    pieces = _template().stream(page=page_data(run, profile, columns, results))
    pieces.enable_buffering(64)
    write_atomically(path, (piece.encode("utf-8", "replace") for piece in pieces))


def render(data: PageData) -> str:
    """The page as HTML. Pure: equal data, equal page."""
    return _template().render(page=data)


def get_ready() -> None:
    """Do what any page needs, before one is asked for. Raises PolecatError without jinja2."""
    _template()


@cache
def _template() -> "Template":
    return _environment().get_template("page.html.jinja")


def _environment() -> "Environment":
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise PolecatError(
            "the HTML page needs jinja2: pip install 'pytest-polecat[report]'; "
            "the run is kept, and `polecat report RUN` makes its page later"
        ) from None

    def shown(value: Any) -> Any:
        # Every text passes here on its way into the page, so none can be forgotten; then jinja escapes it.
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    environment.globals.update(
        glyphs=GLYPHS,
        points=points,
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 (our own file)
        script=Markup(script),  # noqa: S704 (our own file)
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    environment.filters.update(
        number=number, percent=percent, seconds=_seconds, count=_count, slug=_slug, one_line=one_line
    )
    return environment


def _seconds(ms: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms / 1000:,.0f} s"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
