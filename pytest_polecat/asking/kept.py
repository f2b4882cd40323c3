"""Kept replies: every answer is written down as it arrives, before it is graded, and serves the same request again."""

import json
import os
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from pytest_polecat.asking.client import Exchange
from pytest_polecat.errors import RecordingError, ServerError
from pytest_polecat.jsonl import json_line
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.question import content_hash
from pytest_polecat.records.reply import Reply
from pytest_polecat.records.request import Request
from pytest_polecat.records.run import Hung, Served
from pytest_polecat.rundir import RunDir, read_bytes, write_atomically


def reply_key(profile_hash: str, request: Request) -> str:
    """What a reply is kept under: the profile's fingerprint and everything that was sent, the seed included."""
    return content_hash(profile_hash, request.body())


class KeptReplies:
    """The replies of a run, one file each: `{"key", "request", "reply", "raw", "retries", "received"}`."""

    def __init__(self, run: RunDir, source: RunDir | None = None) -> None:
        """`source`: a run whose kept replies serve as well; those that are used are kept in this run, too."""
        self._run = run
        self._source = source

    def get(self, key: str) -> Reply | None:
        """The reply kept under this key; None if there is none, or if its file is damaged.

        Raises `RecordingError` if a reply of the source can't be kept here.
        """
        if self._source is not None:
            self._take_over(self._source.reply_file(key), self._run.reply_file(key))
        try:
            kept: dict[str, Any] = json.loads(read_bytes(self._run.reply_file(key)))
            return Reply.model_validate(kept["reply"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError, ValidationError):
            return None

    def put(self, key: str, request: Request, exchange: Exchange) -> None:
        """Keep a reply. What failed for a reason of ours is not kept: it will be asked again."""
        error = exchange.reply.error
        if error is not None and error.mode.infrastructure:
            return
        kept = {
            "key": key,
            "request": request.body(),
            "reply": exchange.reply.model_dump(mode="json", exclude_defaults=True),
            "raw": exchange.raw,
            "retries": exchange.retries,
            "received": datetime.now(tz=UTC).isoformat(timespec="milliseconds"),
        }
        self._write(self._run.reply_file(key), json_line(kept))

    def _take_over(self, there: str, here: str) -> None:
        if not os.path.exists(here) and os.path.exists(there):  # noqa: PTH110 - texts, see `RunDir.reply_file`
            try:
                content = read_bytes(there)
            except OSError:
                return
            self._write(here, content)

    def _write(self, file: str, content: bytes) -> None:
        try:
            write_atomically(file, content)
        except OSError as error:
            raise RecordingError.of(self._run.path, error) from error


class NoServers:
    """The servers of a replay: there are none, and what was not kept can't be asked."""

    def __init__(self, source: RunDir) -> None:
        self._source = source

    def wait(self, profile_name: str) -> Served:
        """Raise `ServerError`."""
        raise ServerError(
            f"the run {self._source.id}, which is replayed, keeps no reply of {profile_name} to this request: the "
            "question, its sampling or the profile is another, or it was never answered",
            mode=FailureMode.CONNECTION,
        )

    def lost(self, profile_name: str, hung: Hung | None = None) -> Served:
        """Raise `ServerError`."""
        del hung
        return self.wait(profile_name)
