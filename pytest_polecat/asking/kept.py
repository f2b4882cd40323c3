"""Kept replies: every answer is written down as it arrives, before it is graded, and serves the same request again."""

import json
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from pytest_polecat.asking.client import Exchange
from pytest_polecat.records.question import content_hash
from pytest_polecat.records.reply import Reply
from pytest_polecat.records.request import Request
from pytest_polecat.rundir import RunDir, json_line, write_atomically


def reply_key(profile_hash: str, request: Request) -> str:
    """What a reply is kept under: the profile's fingerprint and everything that was sent, the seed included."""
    return content_hash(profile_hash, request.body())


class KeptReplies:
    """The replies of a run, one file each: `{"key", "request", "reply", "raw", "retries", "received"}`."""

    def __init__(self, run: RunDir) -> None:
        self._run = run

    def get(self, key: str) -> Reply | None:
        """The reply kept under this key; None if there is none, or if its file is damaged."""
        try:
            kept: dict[str, Any] = json.loads(self._run.reply_file(key).read_bytes())
            return Reply.model_validate(kept["reply"])
        except (OSError, ValueError, KeyError, ValidationError):
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
        write_atomically(self._run.reply_file(key), json_line(kept))
