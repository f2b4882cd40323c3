"""The check `stdio`: a reply's program is run in a container for each case, and its output compared outside."""

from typing import Any

import pytest

from pytest_polecat.grading.checks.stdio import Stdio, _fault
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.sandbox.supervised import Finished
from tests.grading.in_sandboxes import Verify, verifier
from tests.sandbox.conftest import host_image as host_image  # noqa: PLC0414 - a fixture

DOUBLE: dict[str, Any] = {
    "cases": [{"stdin": "3\n", "stdout": "6\n"}, {"stdin": "0\n", "stdout": "0\n"}],
    "timeout": 60,
}
RIGHT = "print(2 * int(input()))"


@pytest.fixture
def verify(host_image: str, request: pytest.FixtureRequest) -> Verify:
    return verifier("stdio", request.config)


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


ACCEPTED = {
    "plain": RIGHT,
    "through sys": "import sys\nsys.stdout.write(str(2 * int(sys.stdin.read())))",
    "blanks at the end": "print(2 * int(input()), end='  \\r\\n\\n\\n')",
    "guarded": "def main():\n    print(2 * int(input()))\n\nif __name__ == '__main__':\n    main()",
    "exits by itself": f"import sys\n{RIGHT}\nsys.exit(0)",
    "talks to standard error": f"import sys\n{RIGHT}\nprint('done', file=sys.stderr)",
}


@pytest.mark.parametrize("code", ACCEPTED.values(), ids=ACCEPTED)
def test_a_program_that_prints_what_is_expected_holds(code: str, verify: Verify) -> None:
    finding = verify(fenced(code), DOUBLE)
    assert finding.ok, finding.message
    assert finding.message == "All 2 cases hold."


MISSED = [
    ("print(2 + int(input()))", FailureMode.TEST_FAILURE, "the program printed '5' as line 1, and should print '6'"),
    ("print(6)", FailureMode.TEST_FAILURE, "Given '0\\n', the program printed '6' as line 1"),
    ("print('The answer is', 2 * int(input()))", FailureMode.TEST_FAILURE, "printed 'The answer is 6' as line 1"),
    ("print(2 * int(input('n? ')))", FailureMode.TEST_FAILURE, "printed 'n? 6' as line 1"),
    (f"{RIGHT}\nprint('ok')", FailureMode.TEST_FAILURE, "printed 'ok' as line 2, and should print nothing"),
    ("def main(): print(2 * int(input()))", FailureMode.TEST_FAILURE, "printed nothing as line 1, and should"),
    ("import sys\nprint('x', file=sys.stderr)\nsys.exit(3)", FailureMode.RUNTIME_ERROR, "status 3 instead of 0: x."),
    ("print(2 * int(inputt()))", FailureMode.RUNTIME_ERROR, "status 1 instead of 0: NameError: name"),
    ("print(2 * int(input())", FailureMode.SYNTAX_ERROR, "ended with status 1 instead of 0: SyntaxError: '('"),
    (f"{RIGHT}\nimport os\nos.abort()", FailureMode.RUNTIME_ERROR, "ended with status -6 instead of 0"),
    (f"{RIGHT}\nwhile True: pass", FailureMode.SANDBOX_TIMEOUT, "took longer than 3 s"),
    (f"{RIGHT}\nx = []\nwhile True: x.append(bytes(10**7))", FailureMode.SANDBOX_OOM, "took more memory than it may"),
    (f"{RIGHT}\nprint('x' * 10**7)", FailureMode.RUNTIME_ERROR, "printed more than it may"),
    ("import os\nos.write(1, b'\\xff6\\n')\ninput()", FailureMode.TEST_FAILURE, "printed '\ufffd6' as line 1"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "mode", "message"), MISSED)
def test_each_way_to_fail_has_its_sentence_and_its_mode(
    code: str, mode: FailureMode, message: str, verify: Verify
) -> None:
    patience = 3 if mode is FailureMode.SANDBOX_TIMEOUT else 60
    finding = verify(fenced(code), {**DOUBLE, "timeout": patience})
    assert (finding.ok, finding.mode) == (False, mode)
    assert message in finding.message
    assert "\n" not in finding.message


def test_a_reply_without_a_program_is_not_run(verify: Verify) -> None:
    assert verify("Six.", DOUBLE).mode is FailureMode.EXTRACTION_FAILED


def test_each_case_has_a_process_and_a_folder_of_its_own(verify: Verify) -> None:
    remembers = "import os\nprint(2 * int(input()) + os.path.exists('seen'))\nopen('seen', 'w').close()"
    assert verify(fenced(remembers), DOUBLE).ok


def printed(output: str, **declared: Any) -> tuple[str, FailureMode] | None:
    """What is wrong with a program that prints this, if anything."""
    case = {key: declared.pop(key) for key in ("stdout", "status") if key in declared}
    expected = Stdio.model_validate({"cases": [case], **declared})
    return _fault(Finished(0, output.encode(), b"", 0.1), expected.cases[0], expected)


@pytest.mark.parametrize("output", ["1 2", "1 2\n", "1 2 \t\r\n", "1 2\n\n \n"])
def test_white_space_at_the_ends_of_lines_and_blank_lines_at_the_end_do_not_count(output: str) -> None:
    assert printed(output, stdout="1 2\n") is None
    assert printed("1 2\n", stdout=output) is None


@pytest.mark.parametrize("output", [" 1 2", "1  2", "1\n2", "\n1 2", "12", "", "1 2\f3"])
def test_all_other_white_space_counts(output: str) -> None:
    assert printed(output, stdout="1 2\n") is not None


@pytest.mark.parametrize("output", ["a\nb\n", "a \nb", "a \nb\n\n", "a \r\nb\n"])
def test_exactly_every_byte_counts(output: str) -> None:
    assert printed("a \nb\n", stdout="a \nb\n", exact=True) is None
    assert printed(output, stdout="a \nb\n", exact=True) is not None


def test_the_first_line_that_differs_is_told() -> None:
    fault = printed("a \nb", stdout="a \nb\n", exact=True)
    assert fault == ("printed 'b' as line 2, and should print 'b\\n'", FailureMode.TEST_FAILURE)
    fault = printed("a", stdout="a\n\nb\n")
    assert fault == ("printed nothing as line 2, and should print ''", FailureMode.TEST_FAILURE)


def test_another_exit_status_may_be_expected(verify: Verify) -> None:
    fails = {"cases": [{"stdin": "x", "stdout": "", "status": 2}, {"stdin": "y", "status": 2}]}
    assert verify(fenced("import sys\nif input() == 'y': print('why')\nsys.exit(2)"), fails).ok
    assert not verify(fenced("import sys\nprint('why')\nsys.exit(2)"), fails).ok
    assert not verify(fenced("input()"), fails).ok
