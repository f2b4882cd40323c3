"""What became of an attempt, and why."""

from enum import StrEnum


class Outcome(StrEnum):
    """The verdict on one attempt. `missed` is the model's doing, `broken` is ours or the machine's."""

    PASSED = "passed"
    PARTIAL = "partial"
    MISSED = "missed"
    BROKEN = "broken"
    SKIPPED = "skipped"


class FailureMode(StrEnum):
    """Why an attempt did not pass. The last five are infrastructure: they are never scored."""

    WRONG_ANSWER = "wrong_answer"
    TEST_FAILURE = "test_failure"
    RUNTIME_ERROR = "runtime_error"
    SYNTAX_ERROR = "syntax_error"
    FORMAT_VIOLATION = "format_violation"
    EXTRACTION_FAILED = "extraction_failed"
    EMPTY = "empty"
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    THINKING_EXHAUSTED = "thinking_exhausted"
    REPETITION = "repetition"
    ECHO = "echo"
    SCRIPT_SWITCH = "script_switch"
    GENERATION_TIMEOUT = "generation_timeout"
    SANDBOX_TIMEOUT = "sandbox_timeout"
    SANDBOX_OOM = "sandbox_oom"
    CONTEXT_OVERFLOW = "context_overflow"
    INVALID_TOOL_CALL = "invalid_tool_call"
    SERVER_CRASH = "server_crash"
    SERVER_OOM = "server_oom"
    CONNECTION = "connection"
    SANDBOX_ERROR = "sandbox_error"
    SUITE_ERROR = "suite_error"

    @property
    def infrastructure(self) -> bool:
        """Whether the fault is ours or the machine's, so that the attempt is `broken` and not scored."""
        return self in _INFRASTRUCTURE


_INFRASTRUCTURE = frozenset(
    {
        FailureMode.SERVER_CRASH,
        FailureMode.SERVER_OOM,
        FailureMode.CONNECTION,
        FailureMode.SANDBOX_ERROR,
        FailureMode.SUITE_ERROR,
    }
)
