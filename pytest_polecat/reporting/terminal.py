"""The summary of a run on the terminal: readable at 80 columns, at most 25 lines for one suite."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_polecat.records.attempt import Graded
from pytest_polecat.records.run import ProfileRun, Run
from pytest_polecat.records.text import layers_shown
from pytest_polecat.reporting.text import one_line
from pytest_polecat.results.summary import ProfileSummary, Tally, number, percent, points, policy_line

_SHOWN = 10
"""Broken attempts listed by name; the page lists them all."""

_WIDTH = 80


def write_summary(
    terminalreporter: pytest.TerminalReporter,
    run: Run,
    summaries: Mapping[str, ProfileSummary],
    reports: Mapping[str, Path | None],
    exit_status: int,
    notes: Sequence[str] = (),
) -> None:
    """Write the summary of each profile, the notes, the policy lines and where the pages are (`reports`).

    Under `-q` only the policy lines and the pages.
    """
    several = len(summaries) > 1
    quiet = terminalreporter.verbosity < 0
    for name, summary in summaries.items():
        if not quiet:
            terminalreporter.section(f"polecat: {name}")
            _write_details(terminalreporter, run.profiles.get(name), summary)
    if not quiet:
        for note in notes:
            terminalreporter.write_line(f"note: {note}")
    for name, summary in summaries.items():
        line = policy_line(summary, exit_status, name=several)
        terminalreporter.write_line(line, bold=True, red=not summary.complete)
        if page := reports.get(name):
            terminalreporter.write_line(f"report: {page}")


def _write_details(
    terminalreporter: pytest.TerminalReporter, served: ProfileRun | None, summary: ProfileSummary
) -> None:
    width = max(_WIDTH, terminalreporter.config.get_terminal_writer().fullwidth)
    for line in _identity(served):
        terminalreporter.write_line(line)
    header, *rows = _table(summary)
    terminalreporter.write_line(header, bold=True)
    for row in rows:
        terminalreporter.write_line(row)
    for remark in _remarks(summary):
        for line in textwrap.wrap(remark, width, subsequent_indent="  ", break_on_hyphens=False):
            terminalreporter.write_line(line)
    for attempt in summary.broken[:_SHOWN]:
        terminalreporter.write_line(_broken_line(attempt, width), red=True)
    if len(summary.broken) > _SHOWN:
        terminalreporter.write_line(f"… and {len(summary.broken) - _SHOWN} more broken", red=True)


def _identity(served: ProfileRun | None) -> Iterator[str]:
    if served is None:
        return
    if served.error:
        yield f"error: {one_line(served.error, 300)}"
    if server := served.served:
        facts = [
            server.model or served.profile.model,
            server.build and f"build {server.build}",
            server.slots and f"{server.slots} slot{'s' if server.slots > 1 else ''}",
            server.n_ctx and f"{server.n_ctx} tokens of context each",
        ]
        yield ", ".join(one_line(str(fact), 60) for fact in facts if fact)
        for override in server.weights.overrides if server.weights else ():
            layers = f" in layers {layers_shown(override.layers)}" if override.layers else ""
            yield f"on {override.buffer}: {override.tensors} tensors{layers}"
        yield from (f"note: {one_line(note, 200)}" for note in server.notes)


def _table(summary: ProfileSummary) -> list[str]:
    rows = [("", "questions", "passed", "pass rate [95 %]", "points")]
    for name, suite in summary.suites.items():
        rows.append((name, *_cells(suite.total)))
        if len(suite.tiers) > 1:
            rows.extend((f"  tier {tier}", *_cells(tally)) for tier, tally in suite.tiers.items())
    if len(summary.suites) > 1:
        rows.append(("all suites", *_cells(summary.total)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    spare = _WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)
    widths[0] = min(widths[0], max(12, spare))
    return [_row(row, widths) for row in rows]


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *cells = row
    columns = [_fitted(name, widths[0]).ljust(widths[0])]
    columns += [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
    return "  ".join(columns)


def _fitted(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _cells(tally: Tally) -> tuple[str, str, str, str]:
    return str(tally.questions), number(tally.passes), _rate(tally), points(tally)


def _rate(tally: Tally) -> str:
    rate, interval = tally.pass_rate, tally.interval
    if rate is None or interval is None:
        return "–"
    low, high = rate
    shown = percent(low) if tally.complete else f"{number(100 * low, 1)}–{percent(high)}"
    return f"{shown} [{number(100 * interval.low, 1)}, {number(100 * interval.high, 1)}]"


def _remarks(summary: ProfileSummary) -> Iterator[str]:
    tally = summary.total
    if summary.epochs > 1:
        yield f"epochs: {summary.epochs} for each question, averaged by question"
    if tally.modes:
        yield f"failure modes: {_counts(tally.modes)}"
    if tally.refusals and tally.refusals[0]:
        yield f"refusals: {tally.refusals[0]} ({percent(tally.refusals[1])})"
    if tally.flags:
        yield f"flags: {_counts(tally.flags)}"
    if tally.skipped:
        yield f"skipped: {tally.skipped} ({_reasons(summary.skipped)})"
    if tally.not_run:
        yield f"not run: {tally.not_run}"
    if cost := ", ".join(_cost(tally)):
        yield f"generation: {cost}"


def _cost(tally: Tally) -> Iterator[str]:
    if tally.completion_tokens is not None:
        unknown = f" ({tally.unknown_tokens} attempts unknown)" if tally.unknown_tokens else ""
        yield f"{tally.completion_tokens} tokens{unknown}"
    if tally.generation_ms is not None:
        yield f"median {number(tally.generation_ms / 1000)} s each"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _reasons(reasons: Mapping[str, int]) -> str:
    shown = [f"{one_line(reason, 60)}: {count}" for reason, count in list(reasons.items())[:3]]
    return "; ".join([*shown, "…"] if len(reasons) > 3 else shown)


def _broken_line(attempt: Graded, width: int) -> str:
    start = f"broken {attempt.nodeid}"
    room = width - len(start) - 3
    return f"{start} - {one_line(attempt.message, room)}" if attempt.message and room > 10 else start
