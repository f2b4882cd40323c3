"""Why a model server ended or did not get ready: from its exit status and the lines of its log.

The phrases are those of llama.cpp's server; its log has lines `0.00.007.081 E comp  function: text` with the level I,
W, D or E, or with `--log-jsonl` objects `{"type": "log", "level": "error", "msg": "…"}`. Others print without a level.
"""

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_polecat.errors import ServerError

Kind = Literal["flag", "model", "port", "memory", "command", "crash", "timeout"]

_SHOWN_LINES = 5
_SHOWN_LENGTH = 300


class LaunchFailedError(ServerError):
    """A server did not start, or died; `kind` says of what."""

    def __init__(self, message: str, mode: str, kind: Kind) -> None:
        super().__init__(message, mode)
        self.kind: Kind = kind


@dataclass(frozen=True)
class _Cause:
    """A cause that a line of the log gives away; `what` may use the pattern's groups as `{0}`."""

    kind: Kind
    pattern: re.Pattern[str]
    what: str
    mend: str
    levels: tuple[str, ...] = ("E", "")


def _cause(kind: Kind, pattern: str, what: str, mend: str) -> _Cause:
    return _Cause(kind, re.compile(pattern, re.IGNORECASE), what, mend)


_REBUILD = "take it out of the profile, or use another build of llama.cpp"

# The first that matches any line wins: a lack of memory also makes the server say that it can't load the model.
_CAUSES = (
    _cause(
        "memory",
        r"out of memory|cudaMalloc failed|failed to allocate|unable to allocate|bad_alloc|Device memory allocation",
        "ran out of memory",
        "lower `ctx-size`, `parallel` or `n-gpu-layers`, use a smaller `cache-type-k` and `-v`, or free the device",
    ),
    _cause("flag", r"error: invalid argument: (.+)", "does not know the flag {0}", _REBUILD),
    _cause("flag", r"([^\s\":]*)\"?:? ?the argument has been removed", "no longer takes the flag {0}", _REBUILD),
    _cause(
        "flag",
        r"error while handling (?:argument|environment variable) (\S+):",
        "can't read the value of {0}",
        "correct it in the profile",
    ),
    _cause("flag", r"unknown value for (\S+):", "can't read the value of {0}", "correct it in the profile"),
    _cause("flag", r"unknown buffer type", "has no such buffer type", "correct `override-tensor` in the profile"),
    _cause(
        "flag", r"regular expression|regex_error", "can't read a pattern", "correct `override-tensor` in the profile"
    ),
    _Cause(
        "flag",
        re.compile(r"requested but model doesn't contain MTP layers"),
        "was asked for MTP speculation, which the model has no layers for",
        "drop `spec-type` from the profile, or use weights with MTP layers",
        # A warning, though the server ends for it.
        levels=("E", "W", ""),
    ),
    _cause("port", r"couldn't bind HTTP server socket", "could not get its port", "free the port"),
    _cause(
        "model",
        r"failed to load draft model, '(.+)'",
        "could not load the draft model {0}",
        "correct `draft` in the profile",
    ),
    _cause(
        "model",
        r"failed to load multimodal model, '(.+)'",
        "could not load the projector {0}",
        "point `mmproj` to the projector of these weights",
    ),
    _cause(
        "model",
        r"failed to open GGUF file '(.+?)' \((.+)\)",
        "could not open {0} ({1})",
        "correct `model` in the profile",
    ),
    _cause(
        "model",
        r"invalid magic characters|failed to read magic",
        "was given a file that is not GGUF",
        "point `model` to GGUF weights; if it should be one, download it again",
    ),
    _cause(
        "model",
        r"not within the file bounds|model is corrupted or incomplete",
        "was given weights that are cut short",
        "download the file again",
    ),
    _cause(
        "model",
        r"unknown model architecture: '?([^']+)'?",
        "does not know the architecture {0}",
        "use a newer build of llama.cpp",
    ),
    _cause(
        "flag", r"failed to create.context", "can't make such a context", "correct the flags that the lines below name"
    ),
    _cause(
        "model",
        r"failed to load model|exiting due to model loading error",
        "could not load the model",
        "check that the file is whole and that this build supports it",
    ),
    _cause("command", r"lifeline: can't start (.+)", "could not be run: {0}", "correct the profile's command"),
)

_MODES: dict[Kind, str] = {"memory": "server_oom", "timeout": "connection"}


def diagnose(exit_status: int | None, log_text: str, profile_name: str) -> LaunchFailedError:
    """The error to raise for a server that ended with this status (None: it still runs, but is not ready in time).

    A negative status is the signal's number, as `subprocess` has it. The message names the profile, the cause and the
    mend, then the log's last error lines. The mode is `server_oom`, `server_crash`, or `connection` when nothing ended.
    """
    log_text = _USAGE.sub("", log_text)
    kind, sentence, line = _explain(exit_status, log_text)
    # What follows the line that gives the cause away may be many lines that only say that it failed.
    shown = dict.fromkeys([*([_printable(line)] if line else []), *_last_errors(log_text)])
    message = f"profile {profile_name!r}: the model server {sentence}"
    if shown:
        message += "\n" + "\n".join(f"    {each}" for each in shown)
    return LaunchFailedError(message, _MODES.get(kind, "server_crash"), kind)


def _explain(exit_status: int | None, log_text: str) -> tuple[Kind, str, str | None]:
    """The class, the sentence, and the line of the log that gives the cause away, if one does."""
    if exit_status is None:
        return "timeout", "was not ready in time; raise `ready_timeout` if the weights need longer to load", None
    for cause in _CAUSES:
        for level, text in log_lines(log_text):
            found = cause.pattern.search(text) if level in cause.levels else None
            if found:
                return cause.kind, f"{cause.what.format(*found.groups())}; {cause.mend}", text
    return (*_explain_status(exit_status), None)


def _explain_status(exit_status: int) -> tuple[Kind, str]:
    if exit_status == -signal.SIGKILL:
        return "memory", (
            "was killed (SIGKILL), as the kernel does when memory runs out; lower `ctx-size` or `parallel`, "
            "or free memory"
        )
    if exit_status < 0:
        return "crash", f"crashed ({_signal_name(-exit_status)}); its log tells more"
    return "crash", f"ended by itself with exit status {exit_status}; its log tells more"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_USAGE = re.compile(r"^usage:$.*?^to show complete usage.*?$", re.MULTILINE | re.DOTALL)
"""What the server prints below an error in a flag: longer than all that is shown, and no error."""

_ABORT = re.compile(r"\S+\.(?:cpp|cuh?|c|h|hpp|m|mm):\d+: ")
"""The line by which GGML_ABORT and GGML_ASSERT end a server begins with the place in the source."""

_CONFIGURED = re.compile(r"using config file: (?P<file>\S+)|(?P<ignored>Bad metadata override type.*)", re.IGNORECASE)
_LEVELLED = re.compile(r"[\d.]+ ([IWED]) +(.*)")
_JSON_LEVELS = {"debug": "D", "info": "I", "warn": "W", "warning": "W", "error": "E"}


def log_lines(log_text: str) -> Iterator[tuple[str, str]]:
    """The lines of a log as (level, text) without time stamps; the level is `I`, `W`, `E`, `D`, or empty."""
    for line in log_text.splitlines():
        levelled = _LEVELLED.match(line)
        if levelled:
            yield levelled[1], levelled[2]
        elif line.startswith('{"'):
            yield _json_line(line)
        elif line.strip():
            yield "", line


def _json_line(line: str) -> tuple[str, str]:
    try:
        entry = json.loads(line)
    except ValueError:
        return "", line
    return _JSON_LEVELS.get(str(entry.get("level")), "I"), str(entry.get("msg", "")).strip()


def hidden_settings(log_text: str) -> list[str]:
    """Sentences about settings that are not as the command line says: files that the server read, flags it ignored."""
    found = [each for _, text in log_lines(log_text) if (each := _CONFIGURED.search(text))]
    told = (f"the server also read its settings from {each['file']}" if each["file"] else each[0] for each in found)
    return list(dict.fromkeys(told))


def _last_errors(log_text: str) -> list[str]:
    """The last distinct error lines; if there are none, the last lines without a level."""
    lines = list(log_lines(log_text))
    errors = [text for level, text in lines if level == "E" or (not level and _ABORT.match(text))]
    errors = errors or [text for level, text in lines if not level]
    distinct = list(dict.fromkeys(_printable(text) for text in errors))
    return distinct[-_SHOWN_LINES:]


def _printable(text: str) -> str:
    clean = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(clean.split())[:_SHOWN_LENGTH]
