"""The fixture `sandbox`: code that a model wrote, called from a test as if it had been imported."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pytest_polecat.sandbox.errors import EndedError, HandleError, LostError, SandboxError
from pytest_polecat.sandbox.proxies import Handle, Proxies
from pytest_polecat.sandbox.repositories import FLAG, TESTS_SECONDS, Runner, make_plan, run_tests
from pytest_polecat.sandbox.session import Session
from pytest_polecat.sandbox.supervised import Finished, Supervised
from pytest_polecat.sandbox.tested import RepositoryResult

CALL_SECONDS = 10.0
TASK_SECONDS = 120.0
_OUTPUT = 1 << 20
_GRACE = 5.0

Files = Mapping[str, str | bytes]


class Candidate(Handle):
    """The candidate's module. Its functions, classes and variables are attributes of this."""

    __slots__ = ("_polecat_container", "_polecat_module")

    def __init__(self, session: Session, container: Supervised, module: Handle) -> None:
        super().__init__(session, module._polecat_id, module._polecat_type)  # noqa: SLF001
        object.__setattr__(self, "_polecat_container", container)
        # As long as that lives, its number is not given back.
        object.__setattr__(self, "_polecat_module", module)

    def __del__(self) -> None:
        """The module's own handle gives its number back."""

    def define(self, source: str) -> None:
        """Run code in the candidate's module: helpers that have to live beside it."""
        self._polecat_session.request("define", None, source)

    @property
    def stdout(self) -> str:
        """What the candidate has printed so far, 1 MiB at most."""
        return _text(self._polecat_container.printed["stdout"])

    @property
    def stderr(self) -> str:
        """What the candidate has printed to standard error so far."""
        return _text(self._polecat_container.printed["stderr"])

    @property
    def output_cut(self) -> bool:
        """Whether it printed more than is kept."""
        return bool(self._polecat_container.cut)


class Sandbox:
    """Containers for one test. `take` gives one that is ready, `discard` clears it away."""

    def __init__(self, take: Callable[[], Supervised], discard: Callable[[Supervised], None]) -> None:
        self._take = take
        self._discard = discard
        self._containers: list[Supervised] = []
        self._sessions: list[Session] = []
        self._lost: LostError | None = None
        self.flags: list[str] = []

    def load(
        self,
        source: str | Files,
        module: str | None = None,
        *,
        call_timeout: float = CALL_SECONDS,
        timeout: float = TASK_SECONDS,
    ) -> Any:
        """Start a candidate: a source text, or files by their paths, and import its module.

        `module` is the one to import: `solution` for a source text, else the only file's, or `main`. `call_timeout` and
        `timeout` are seconds for one call and for all of them. Raises `CandidateError` for what goes wrong in the code,
        `SandboxError` when there is no sandbox.
        """
        files = {"solution.py": source} if isinstance(source, str) else dict(source)
        name = module or _module_of(files)
        container = self._container()
        session = Session(container, call_limit=call_timeout, limit=timeout)
        session.objects = Proxies(session)
        self._sessions.append(session)
        loaded = session.request("load", None, {path: _bytes(path, text) for path, text in files.items()}, name)
        if not isinstance(loaded, Handle):
            raise HandleError(f"{name} is no module once it is loaded, but a {type(loaded).__name__}")
        return Candidate(session, container, loaded)

    def run(
        self,
        argv: Sequence[str],
        *,
        files: Files | None = None,
        stdin: str | bytes = b"",
        timeout: float = CALL_SECONDS,
        output_limit: int = _OUTPUT,
    ) -> Finished:
        """Run a command in a sandbox of its own, with these files in its folder, and wait for its end.

        `timeout` is in seconds, `output_limit` in bytes of each of its two outputs. `limited` of the result says what
        cut it short: `time`, `memory` or `output`. Raises `CandidateError` for a file that is no program,
        `SandboxError` for a program that the image lacks.
        """
        asked = {
            "argv": list(argv),
            "files": {path: base64.b64encode(_bytes(path, text)).decode() for path, text in (files or {}).items()},
            "stdin": base64.b64encode(stdin.encode() if isinstance(stdin, str) else stdin).decode(),
            "timeout": timeout,
            "output": output_limit,
        }
        container = self._container()
        try:
            told = container.command(asked, timeout + _GRACE)
        except LostError as error:
            self._lost = error
            raise
        self._discard(container)
        self._containers.remove(container)
        if told["missing"]:
            raise SandboxError(f"the sandbox's image has no program {argv[0]}; use an image that has it")
        if told["problem"]:
            raise EndedError(f"{argv[0]} could not be run: {told['problem']}")
        return Finished(
            status=told["status"],
            stdout=base64.b64decode(told["stdout"]),
            stderr=base64.b64decode(told["stderr"]),
            seconds=told["seconds"],
            limited=told["limited"],
        )

    def run_tests(
        self,
        files: Files,
        *,
        tests: Files,
        expected: Sequence[str],
        canaries: Files | None = None,
        runner: Runner = "unittest",
        timeout: float = TESTS_SECONDS,
    ) -> RepositoryResult:
        """Judge a repository by tests that run inside with it, twice; for what can't be called from outside.

        `files` are the candidate's, by their paths. `tests` are written over them, `expected` are the ids of those that
        have to pass, as pytest writes them. Every test in the files of `canaries` has to fail; others are drawn anyway.
        `timeout` is in seconds for each of the two runs. The attempt is flagged `tamper-evident`: such a verdict can be
        forged in principle. Raises `CandidateError` for forged reports, for too much time or memory, `SuiteError` for
        tests that can't be used, `SandboxError` when the image lacks the runner.
        """
        self.flags.append(FLAG)
        return run_tests(self.run, make_plan(files, tests, expected, canaries or {}, runner), timeout)

    @property
    def lost(self) -> LostError | None:
        """The engine's failure that this test met, whatever it made of it; None where it met none."""
        return next((session.lost for session in self._sessions if session.lost), self._lost)

    def renew(self) -> None:
        """End everything that was started so far, and forget what came of it: as new."""
        for session in self._sessions:
            session.close()
        for container in self._containers:
            self._discard(container)
        self._containers, self._sessions, self._lost = [], [], None

    def close(self) -> None:
        """End everything that this test started; raises an assertion that a candidate swallowed."""
        for session in self._sessions:
            session.close()
        for container in self._containers:
            self._discard(container)
        for session in self._sessions:
            session.check()

    def _container(self) -> Supervised:
        container = self._take()
        self._containers.append(container)
        return container


def _text(printed: bytearray) -> str:
    return bytes(printed).decode(errors="replace")


def _module_of(files: Files) -> str:
    modules = [path.removesuffix(".py") for path in files if path.endswith(".py") and "/" not in path]
    return modules[0] if len(modules) == 1 else "main"


def _bytes(path: str, content: str | bytes) -> bytes:
    """The content of a file; its path has to stay in the folder."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"{path!r} leads out of the sandbox's folder; name files by relative paths")
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
