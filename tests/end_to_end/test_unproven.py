"""Only what a self-test has proven is asked, unless the user allows more; and then it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Bench

SEA = """
suite: sea
questions:
  - {id: tide, prompt: Say red., checks: [{exact: red}], reference: red, wrong: [blue]}
  - {id: coast, prompt: Say teal., checks: [{exact: teal}], reference: teal, wrong: [blue]}
"""

FREE = "  - {id: free, prompt: Say green., checks: [{exact: green}]}\n"

PYTHON = """
import pytest_polecat as polecat

COLOUR = "red"

@polecat.question(prompt="Say red.", reference="red", wrong=["blue"])
def test_tide(reply):
    assert reply.text == COLOUR
"""


def run(bench: Bench, *args: str) -> pytest.RunResult:
    workers = ["-n2"] if bench.xdist else []
    return bench.pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *workers, *args, ".", timeout=90
    )


def ask(bench: Bench, *args: str) -> pytest.RunResult:
    return run(bench, "--polecat-model=fake", *args)


def prove(bench: Bench, *args: str) -> pytest.RunResult:
    return run(bench, "--polecat-selftest", *args)


def refused(result: pytest.RunResult) -> str:
    """The one line that says why nothing was asked."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.outlines
    (line,) = [line for line in result.errlines if line]
    return line


def test_an_unproven_suite_is_refused_with_the_names_and_the_mend(bench: Bench) -> None:
    bench.suite(SEA)
    line = refused(ask(bench))
    assert line == (
        "ERROR: --polecat-model: not proven: sea/tide (never passed a self-test), sea/coast (never passed a "
        "self-test); prove what can be: pytest --polecat-selftest sea.polecat.yaml; "
        "or ask all the same: --polecat-allow-unproven"
    )
    assert not bench.server.chats
    assert not [path for path in bench.folder.glob("polecat-runs/*") if path.name != ".gitignore"]


def test_a_self_test_makes_the_suite_askable(bench: Bench) -> None:
    bench.suite(SEA)
    proved = prove(bench)
    assert proved.ret == 0
    proved.stdout.fnmatch_lines([f"note: what is proven of sea is written down in {bench.folder}/sea.proof.json"])
    assert ask(bench).ret == 0
    assert bench.run.read_run().suites["sea"].unproven == ()
    prove(bench).stdout.no_fnmatch_line("note:*")


def test_a_changed_question_has_to_be_proven_anew(bench: Bench) -> None:
    bench.suite(SEA)
    prove(bench)
    bench.suite(SEA.replace("exact: red", "exact: red ").replace("Say red.", "Say red!"))
    line = refused(ask(bench))
    assert "sea/tide (changed since its self-test);" in line
    assert "coast" not in line


def test_a_changed_grader_has_to_be_proven_anew(bench: Bench) -> None:
    file = bench.suite(PYTHON, "test_sea.py")
    prove(bench)
    assert ask(bench).ret == 0
    file.write_text(file.read_text().replace('COLOUR = "red"', 'COLOUR = "blue"'))
    assert "(changed since its self-test)" in refused(ask(bench))


def test_a_question_that_fails_its_self_test_is_proven_no_more(bench: Bench) -> None:
    bench.suite(SEA)
    prove(bench)
    wrong = SEA.replace("reference: red", "reference: rot")
    bench.suite(wrong)
    assert prove(bench).ret == pytest.ExitCode.TESTS_FAILED
    assert "sea/tide (never passed a self-test);" in refused(ask(bench))


def test_another_version_of_polecat_wants_its_own_proof(bench: Bench) -> None:
    bench.suite(SEA)
    prove(bench)
    record = bench.folder / "sea.proof.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "polecat": "0.0.1"}))
    assert "sea/tide (proven for polecat 0.0.1 alone)" in refused(ask(bench))
    prove(bench)
    assert ask(bench).ret == 0


def test_a_part_of_a_self_test_proves_nothing(bench: Bench) -> None:
    bench.suite(SEA)
    result = prove(bench, "-k", "reference or wrong")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["sea/tide: only a part of its self-test was run*"])
    assert "sea/tide (never passed a self-test)" in refused(ask(bench))


def test_a_self_test_of_some_questions_leaves_the_proof_of_the_others(bench: Bench) -> None:
    bench.suite(SEA)
    prove(bench, "-k", "tide")
    assert "coast" in refused(ask(bench))
    assert ask(bench, "-k", "tide").ret == 0
    prove(bench, "-k", "coast")
    assert ask(bench).ret == 0


def test_a_question_that_nothing_can_prove_is_asked_when_that_is_allowed_and_named(bench: Bench) -> None:
    bench.suite(SEA + FREE)
    prove(bench)
    assert "not proven: sea/free (has no reference answer, so nothing can prove it);" in refused(ask(bench))
    allowed = ask(bench, "--polecat-allow-unproven")
    assert allowed.ret == 0
    allowed.stdout.fnmatch_lines(["note: unproven: 1 of 3 questions of sea: free"])
    assert bench.run.read_run().suites["sea"].unproven == ("free",)
    page = (bench.run.path / "report.html").read_text(encoding="utf-8")
    assert "Unproven in sea" in page


def test_a_project_can_allow_it_for_good(bench: Bench) -> None:
    bench.suite(SEA)
    bench.pytester.makeini("[pytest]\npolecat_allow_unproven = true\n")
    assert ask(bench).ret == 0
    assert bench.run.read_run().suites["sea"].unproven == ("tide", "coast")


def test_where_the_folder_can_not_be_written_the_cache_keeps_the_proof(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bench.suite(SEA)
    (bench.folder / "sea.proof.json").mkdir()
    prove(bench).stdout.fnmatch_lines([f"note: *is written down in {tmp_path}/cache/polecat/proofs/sea-*.proof.json"])
    assert ask(bench).ret == 0


def test_free_tests_and_other_profiles_of_the_self_test_need_no_proof(bench: Bench) -> None:
    bench.suite("def test_hello(model):\n    assert model.ask('Hello?').text\n", "test_free.py")
    assert ask(bench).ret == 0
    bench.suite(SEA)
    assert run(bench, "--polecat-model=@reference", "-k", "tide").ret == 0
