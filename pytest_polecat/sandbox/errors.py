"""What goes wrong in a sandbox: the candidate's doing, and ours."""

from pytest_polecat.errors import PolecatError


class CandidateError(Exception):
    """The candidate's code raised this, or can't go on: the model's doing.

    What arrives is of a class made for it, which mirrors the candidate's: a subclass of this one, of the classes of the
    candidate that it derives from, and of the built-in exception, so that `pytest.raises(ValueError)` holds.
    `kind` is the name of its class, `where` the file and line that it came from, `mode` the failure mode to book.
    """

    mode = "runtime_error"

    def __init__(self, *args: object, kind: str = "", text: str | None = None, where: str = "") -> None:
        super().__init__(*args)
        self.kind = kind or type(self).__name__
        self.where = where
        self._text = text

    def __str__(self) -> str:
        return super().__str__() if self._text is None else self._text


class ProtocolError(CandidateError):
    """The candidate broke the protocol: what it sent is no message, or no value."""


class EndedError(CandidateError):
    """The candidate's process is gone: it ended itself, crashed, or was killed."""


class TimeLimitError(CandidateError):
    """The candidate took longer than it may."""

    mode = "sandbox_timeout"


class MemoryLimitError(CandidateError):
    """The candidate took more memory than it may."""

    mode = "sandbox_oom"


class HandleError(CandidateError):
    """The test wants to know a plain value, and the candidate gave an object; or of what can't work from outside."""

    mode = "wrong_answer"


class SandboxError(PolecatError):
    """There is no sandbox, or it failed: the machine's doing, not the model's."""

    mode = "sandbox_error"


class LostError(SandboxError):
    """A sandbox that worked was lost in the midst of it, and not by the candidate: another one may get further."""
