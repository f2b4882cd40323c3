"""A headless Chromium that opens a page from disk and tells what it did."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--log-level=0",
    "--dump-dom",
)


@dataclass(frozen=True)
class Opened:
    """A page after its script ran: the document as HTML, and what was written on the console."""

    document: str
    console: list[str]

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.document, re.DOTALL)
        return found.group(1) if found else ""

    @property
    def entries(self) -> dict[str, str]:
        """The opening tag of each entry in the list of questions, by anchor."""
        tags = re.findall(r'<details class="entry[^>]*>', self.document)
        return {anchor: tag for tag in tags for anchor in re.findall(r' id="([^"]*)"', tag)}

    @property
    def visible(self) -> list[str]:
        """The anchors of the entries that the filters show."""
        return [anchor for anchor, tag in self.entries.items() if " hidden" not in tag]


def chromium() -> str:
    """The browser; without one a test is skipped, but never where tests are run for everybody (CI)."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("no Chromium on this machine")
    return found


def open_page(page: Path, fragment: str = "") -> Opened:
    """Open a page from disk, run its script, and read the document."""
    address = page.as_uri() + (f"#{fragment}" if fragment else "")
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [chromium(), *_OPTIONS, f"--user-data-dir={profile}", address]
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    log = done.stderr.decode("utf-8", "replace").splitlines()
    return Opened(done.stdout.decode("utf-8"), [line for line in log if ":CONSOLE" in line])


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine: its address, and the paths that anybody asked it for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
