"""What polecat adds to pytest-html's report: a summary, links to our pages, and a column of points.

Nothing more: pytest-html keeps its whole report in memory and in one page, and texts of models would blow it up.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pytest_polecat.reporting.text import visible
from pytest_polecat.results.summary import number


class PytestHtml:
    """Hooks for pytest-html; without that plugin they are never called.

    `lines` returns the summary, a line of text each; `pages` returns our pages by label. Both are called once, when
    the session ends.
    """

    def __init__(self, lines: Callable[[], Sequence[str]], pages: Callable[[], Mapping[str, Path]]) -> None:
        self._lines = lines
        self._pages = pages

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(
        self,
        prefix: list[str],
        summary: list[str],  # noqa: ARG002 (pytest-html's signature)
        postfix: list[str],  # noqa: ARG002
        session: pytest.Session,
    ) -> None:
        """Put the summary and the links at the top."""
        report = session.config.getoption("htmlpath", None)
        folder = Path(os.path.expandvars(report)).expanduser().absolute().parent if report else None
        prefix.extend(f"<p>{_escaped(line)}</p>" for line in self._lines())
        prefix.extend(
            f'<p><a href="{escape(_address(page, folder))}">{_escaped(label)}</a></p>'
            for label, page in self._pages().items()
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Add the column; it is not sortable, since pytest-html sorts as text."""
        cells.insert(2, "<th>Points</th>")

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Add the cell: points and outcome of an attempt, empty for any other test."""
        if cells:
            cells.insert(2, f'<td class="col-points">{_escaped(_points(getattr(report, "polecat", None)))}</td>')


def _points(record: Mapping[str, Any] | None) -> str:
    if not record:
        return ""
    outcome = str(record.get("outcome", ""))
    if outcome in ("broken", "skipped"):
        return outcome
    return f"{number(record.get('earned', 0))}/{number(record.get('points', 1))} {outcome}"


def _address(page: Path, folder: Path | None) -> str:
    """A relative link where the two reports share a disk, so that both can be moved together."""
    try:
        return page.absolute().as_uri() if folder is None else quote(Path(os.path.relpath(page, folder)).as_posix())
    except ValueError:
        return page.absolute().as_uri()


def _escaped(text: str) -> str:
    return escape(visible(text))
