"""The page of one profile in a run: one self-contained file that opens from disk, offline."""

import base64
import hashlib
import re
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from pytest_polecat.errors import PolecatError
from pytest_polecat.records.attempt import Case
from pytest_polecat.reporting.columns import Column
from pytest_polecat.reporting.html.data import GLYPHS, Entry, EntryReader, PageData, page_data
from pytest_polecat.reporting.text import one_line, visible
from pytest_polecat.results.results import Results
from pytest_polecat.results.summary import number, percent, points
from pytest_polecat.rundir import RunDir, write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

_HERE = Path(__file__).parent

_BLOCK = 1 << 12


def write_page(
    run: RunDir,
    profile: str,
    path: Path,
    columns: Sequence[Column] = (),
    results: Results | None = None,
    listing: "Listing | None" = None,
) -> None:
    """Write the page of one profile in a run. Raises PolecatError without jinja2, or if the run can't be read.

    `columns` and `results` as `page_data` takes them; `listing` what was made of the page before.
    """
    data = page_data(run, profile, columns, results)
    # What was made ahead shows the first attempt at a case, and no columns.
    ahead = listing if not (data.entries.repeated or columns) else None
    pieces = _template("page").stream(page=data, listing=_listed(data) if ahead is None else ahead)
    pieces.enable_buffering(64)
    write_atomically(path, (piece.encode("utf-8", "replace") for piece in pieces))


def render(data: PageData) -> str:
    """The page as HTML. Pure: equal data, equal page."""
    return _template("page").render(page=data, listing=_listed(data))


class Listing:
    """The entries of a page in HTML, which can be made ahead: one at a time, while there is nothing better to do.

    `cases` are all that the page lists. What is made ahead waits in a file without a name, which goes away with the
    process. Raises PolecatError without jinja2.
    """

    def __init__(self, rundir: RunDir, cases: Sequence[Case]) -> None:
        self._html = _html_of(cases)
        self._cases = cases
        self._count = 0
        # On the disk of the run: a folder for temporary files may well be memory.
        self._ahead = TemporaryFile("w+", dir=rundir.path, encoding="utf-8", errors="replace", newline="")  # noqa: SIM115
        self._reader = EntryReader(rundir, cases)

    def prepare(self, finished: Container[str]) -> bool:
        """Make the next entry, if its test item is finished; whether it was made."""
        if self._count == len(self._cases) or self._cases[self._count].nodeid not in finished:
            return False
        self._ahead.write(self._html(self._reader.entry(self._cases[self._count])))
        # A disk without room must tell now, when the entry can still be made later.
        self._ahead.flush()
        self._count += 1
        return True

    def __iter__(self) -> "Iterator[Markup]":
        from markupsafe import Markup

        self._ahead.seek(0)
        while block := self._ahead.read(_BLOCK):
            yield Markup(block)  # noqa: S704 (a template's, escaped)
        yield from (self._html(self._reader.entry(case)) for case in self._cases[self._count :])

    def close(self) -> None:
        """Close the files."""
        # What could not be written for want of room is tried once more by closing, and nobody wants it any more.
        with suppress(OSError):
            self._ahead.close()
        self._reader.close()


def _listed(data: PageData) -> "Iterator[Markup]":
    return map(_html_of(data.entries.cases), data.entries)


def _html_of(cases: Sequence[Case]) -> "Callable[[Entry], Markup]":
    """What makes HTML of an entry on a page that lists these."""
    listed: Callable[..., Markup] = _template("entry").module.listed  # type: ignore[attr-defined]
    suites = len({case.suite for case in cases}) > 1
    return partial(listed, suites=suites, epochs=any(case.epoch > 1 for case in cases))


@cache
def _template(name: str) -> "Template":
    return _environment().get_template(f"{name}.html.jinja")


@cache
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
