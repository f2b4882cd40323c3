"""The progress line on a terminal, seen through a real pseudo-terminal and a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pyte
import pytest

from pytest_polecat.reporting.progress import Progress, Speed, line
from tests.end_to_end.conftest import Bench
from tests.end_to_end.test_engine import many

COLUMNS, LINES = 80, 24


def on_a_terminal(bench: Bench, *args: str) -> tuple[list[str], str]:
    """Run pytest on a terminal: what stands on its screen in the end, and everything that was written."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--polecat-model=fake",
        "--polecat-allow-unproven",
    ]
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*command, *(["-n2"] if bench.xdist else []), *args, "."],
        cwd=bench.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    written = bytearray()
    while data := _read(ours):
        written += data
    process.wait(30)
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=1000)
    stream = pyte.ByteStream(screen)
    stream.feed(bytes(written))
    above = ["".join(row[column].data for column in range(COLUMNS)).rstrip() for row in screen.history.top]
    return [*above, *(row.rstrip() for row in screen.display)], written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("flags", [[], ["-v"]])
def test_a_terminal_shows_how_far_the_run_is_and_keeps_nothing_of_it(bench: Bench, flags: list[str]) -> None:
    bench.suite(many(40))
    bench.server.latency = 0.2
    bench.server.replies = lambda _: "fine"
    screen, written = on_a_terminal(bench, *flags)
    assert "of 40 questions · " in written
    assert " in flight · " in written
    assert " points" in written
    shown = "\n".join(screen)
    assert "of 40 questions · " not in shown
    assert "polecat: 40/40 points (100 %), no gate, exit 0" in shown
    if not flags:
        dots = [row for row in screen if row.endswith("%]")]
        assert sum(row.removeprefix("sea.polecat.yaml").count(".") for row in dots) == 40
    elif not bench.xdist:
        assert sum("PASSED" in row for row in screen) == 40


def test_a_pipe_and_a_session_without_capture_show_nothing(bench: Bench) -> None:
    bench.suite(many(4))
    bench.server.latency = 0.7
    bench.server.replies = lambda _: "fine"
    assert " in flight" not in bench.ask().stdout.str()
    _, written = on_a_terminal(bench, "-s")
    assert " in flight" not in written


def test_the_line_tells_done_in_flight_speed_points_and_time_left() -> None:
    progress = Progress(done=212, total=400, earlier=12, in_flight=20, tokens=0, points=310.5)
    assert line(progress, 200.0, 143.4) == (
        "polecat: 212 of 400 questions · 20 in flight · 143 tokens/s · 310.5 points · 3:08 left"
    )
    fresh = Progress(done=0, total=400, earlier=0, in_flight=20, tokens=0, points=0)
    assert line(fresh, 1.0, None) == "polecat: 0 of 400 questions · 20 in flight · 0 points"
    loading = Progress(done=0, total=4, earlier=0, in_flight=0, tokens=0, points=0, doing="starting the server of 35b")
    assert line(loading, 75.0, None) == "polecat: starting the server of 35b, 1:15"


def test_the_speed_is_that_of_the_last_half_minute() -> None:
    speed = Speed()
    assert speed.of(0, 0.0) is None
    assert speed.of(500, 10.0) == 50
    assert speed.of(500, 40.0) == 0
    assert speed.of(600, 45.0) == 20
