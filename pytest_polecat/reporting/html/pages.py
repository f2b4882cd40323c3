"""The pages of a run: one for each profile that was asked, begun while the run goes on."""

from collections.abc import Container, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from pytest_polecat.errors import PolecatError
from pytest_polecat.records.attempt import Case
from pytest_polecat.reporting.columns import Column
from pytest_polecat.reporting.html.page import Listing, write_page
from pytest_polecat.results.results import Results
from pytest_polecat.rundir import RunDir


class Pages:
    """The pages of a run. `cases` is what was selected; where `several` models could be asked, pages carry their names.

    Pages are made of the run's folder alone: what is made ahead is what would be made at the end, only sooner.
    """

    def __init__(self, run: RunDir, cases: Sequence[Case], *, several: bool) -> None:
        self._run = run
        self._several = several
        self._cases: dict[str, list[Case]] = {}
        for case in cases:
            self._cases.setdefault(case.profile, []).append(case)
        self._listings: dict[str, Listing] = {}
        self._unfit: set[str] = set()

    def prepare(self, finished: Container[str]) -> bool:
        """Make a little of a page ahead: whether there was anything to make. `finished` are items by their node ids."""
        return any(self._prepare(name, finished) for name in self._cases if name not in self._unfit)

    def _prepare(self, name: str, finished: Container[str]) -> bool:
        try:
            listing = self._listings.pop(name, None) or Listing(self._run, self._cases[name])
            # Nothing that was broken off is used, by Ctrl-C say: it is put back when it is whole.
            with ExitStack() as broken_off:
                broken_off.callback(listing.close)
                made = listing.prepare(finished)
                broken_off.pop_all()
        except Exception:
            # It will fail again, and be told, when the page is made: here it must cost nobody an answer.
            self._unfit.add(name)
            return False
        self._listings[name] = listing
        return made

    def write(self, columns: Sequence[Column], results: Results | None) -> tuple[dict[str, Path | None], list[str]]:
        """Write them: the path of each profile's page, None where there is none, and sentences that say why.

        Raises `OSError` if the run can't be written.
        """
        written: dict[str, Path | None] = {}
        problems = []
        for name in self._cases:
            path = self._run.report(name if self._several else None)
            try:
                self._write(name, path, columns, results)
                written[name] = path
            except PolecatError as error:
                written[name] = None
                problems.append(str(error))
        return written, problems

    def close(self) -> None:
        """Give up what was made ahead."""
        while self._listings:
            self._listings.popitem()[1].close()

    def _write(self, name: str, path: Path, columns: Sequence[Column], results: Results | None) -> None:
        listing = self._listings.pop(name, None)
        if listing is None:
            write_page(self._run, name, path, columns, results)
            return
        with closing(listing):
            write_page(self._run, name, path, columns, results, listing)
