"""The embedded model server's process: `python -m pytest_polecat.asking.launch.embedded.server --port N --params JSON`.

A process of its own, because llama.cpp aborts its host when something goes badly wrong. The log goes to stderr; the
exit status is 1 when the server could not start. While the model loads, a signal ends the process at once; later it
shuts the server down, and a second SIGTERM, or three seconds, end that too. A lifeline sees to its end.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

_SHUTDOWN_SECONDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    parser = argparse.ArgumentParser(description="the llama.cpp server of the xllamacpp wheel")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--params", type=json.loads, required=True, help='JSON: {"attribute.path": value}')
    options = parser.parse_args(arguments)
    # Not Python's exception: unwinding would wait for a server that may not listen yet.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        import xllamacpp

        params = xllamacpp.CommonParams()
        apply(params, {**options.params, "port": options.port})
        server = xllamacpp.Server(params)
    except (ImportError, AttributeError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        sys.stderr.write(f"error: the embedded server did not start: {error}\n")
        return 1
    _wait_for_signal()
    # From here on the kernel ends us if llama.cpp does not let go (a server told to end while its main loop is about to
    # start never does): no Python code may get to run any more.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(_SHUTDOWN_SECONDS)
    del server
    return 0


def apply(params: Any, values: Mapping[str, Any]) -> None:
    """Set attributes by their dotted paths; enumerations take the names of their members.

    Raises what the attributes raise: `AttributeError`, `KeyError`, `TypeError`, `ValueError`, `OverflowError`.
    """
    for path, value in values.items():
        *parents, name = path.split(".")
        target = params
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, name, _typed(getattr(target, name), value))


def _typed(current: Any, value: Any) -> Any:
    """JSON's value as the type that the attribute has now."""
    if isinstance(current, Enum):
        return type(current)[value]
    if isinstance(current, list) and current and isinstance(current[0], Enum):
        return [type(current[0])[name] for name in value]
    return set(value) if isinstance(current, set) else value


def _wait_for_signal() -> None:
    """Block until SIGTERM or SIGINT, whichever thread the kernel hands it to."""
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    os.read(wakeup, 1)


if __name__ == "__main__":
    # An ordinary exit: llama.cpp writes its log from a thread, and only then the last lines are sure to be written.
    sys.exit(main())
