import json
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.reporting.html.page import write_page
from tests.end_to_end.conftest import Bench

SUITE = """\
    suite: sea
    version: 1
    licence: Apache-2.0
    questions:
      - id: right
        tier: 1
        points: 2
        prompt: Say blue.
        checks: [{exact: blue}]
      - id: half
        tier: 2
        points: 4
        prompt: Say two words, one of them green.
        checks:
          - words: 2
          - includes: [green]
      - id: wrong
        tier: 3
        points: 1
        prompt: Say red.
        checks: [{exact: red}]
"""


def answers(replies: dict[str, Any]) -> Callable[[Any], Any]:
    """Replies by what the user said last."""

    def reply(body: Any) -> Any:
        said = body["messages"][-1]["content"]
        return next((reply for prompt, reply in replies.items() if prompt in said), "I do not know.")

    return reply


@pytest.fixture
def sea(bench: Bench) -> Bench:
    bench.suite(SUITE)
    bench.server.replies = answers({"blue": "blue", "green": "deep blue", "red": "blue"})
    return bench


def test_every_question_is_asked_graded_and_written_down(sea: Bench) -> None:
    result = sea.ask()
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*polecat: 4/7 points (57*%), no gate, exit 0*"])
    result.stdout.re_match_lines([r"=+ 1 passed, .*1 missed.* in .*"])
    attempts = sea.attempts
    assert {name: (each.outcome, each.earned) for name, each in attempts.items()} == {
        "right": (Outcome.PASSED, 2),
        "half": (Outcome.PARTIAL, 2),
        "wrong": (Outcome.MISSED, 0),
    }
    assert attempts["wrong"].mode is FailureMode.WRONG_ANSWER
    assert [finding.ok for finding in attempts["half"].findings] == [True, False]
    assert (sea.run.path / "report.html").exists()
    assert sea.run.read_run().status == "finished"
    assert len(sea.server.chats) == 3


def test_a_bare_path_without_a_model_skips_with_the_reason_and_writes_nothing(sea: Bench) -> None:
    result = sea.ask("-rs", model=None)
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines(["*choose one with --polecat-model=NAME*"])
    assert not sea.runs
    assert "polecat:" not in result.stdout.str()


def test_epochs_are_items_of_their_own_with_seeds_of_their_own(sea: Bench) -> None:
    result = sea.ask("--polecat-epochs=3", "--polecat-seed=7", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*polecat: 4/7 points (57*%)*"])
    assert len(sea.attempts) == 9
    assert {each.seed for each in sea.attempts.values()} == {7, 8, 9}
    assert "test_question[right-e2]" in result.stdout.str()


def test_a_limit_takes_the_first_questions_and_says_that_it_is_a_subset(sea: Bench) -> None:
    result = sea.ask("--polecat-limit=2")
    assert set(sea.attempts) == {"right", "half"}
    result.stdout.fnmatch_lines(["*subset*"])
    assert sea.run.read_run().deselected == 1


def test_a_sample_is_drawn_by_the_seed(sea: Bench) -> None:
    drawn = set()
    for seed in ("1", "1", "0"):
        result = sea.ask("--polecat-sample=1", f"--polecat-seed={seed}", "-v")
        assert result.ret == 0
    for run in sea.runs:
        drawn.add(tuple(case.question for case in run.cases()))
    first, second = (next(iter(run.cases())).question for run in sea.runs[:2])
    assert first == second
    assert len(drawn) > 1
    assert all(len(questions) == 1 for questions in drawn)


def test_deselected_questions_are_not_asked(sea: Bench) -> None:
    result = sea.ask("-k", "half or wrong")
    assert len(sea.server.chats) == 2
    result.stdout.fnmatch_lines(["*2/5 points*subset*"])


def test_one_question_can_be_named_by_its_node_id(sea: Bench) -> None:
    sea.ask(path="sea.polecat.yaml::test_question[half]")
    assert set(sea.attempts) == {"half"}
    assert sea.run.read_run().deselected == 2


def test_collecting_only_asks_nothing_and_writes_nothing(sea: Bench) -> None:
    result = sea.ask("--collect-only", "-q")
    result.stdout.fnmatch_lines(["sea.polecat.yaml::test_question?half?"])
    assert not sea.server.chats
    assert not sea.runs


def test_the_conversation_of_a_question_goes_on_with_the_models_own_answers(bench: Bench) -> None:
    bench.suite("""\
        suite: talk
        questions:
          - id: kept
            points: 2
            turns:
              - prompt: Name a colour.
                checks: [{exact: teal}]
              - prompt: Name it again.
                checks: [{exact: teal}]
          - id: carried
            carry_reasoning: true
            turns:
              - prompt: Think of a colour.
              - prompt: Which was it?
                checks: [{exact: teal}]
    """)
    thought = {"role": "assistant", "content": "teal", "reasoning_content": "a calm one"}
    bench.server.replies = answers({"colour": thought, "again": "teal", "Which": "teal"})
    result = bench.ask()
    result.stdout.fnmatch_lines(["*polecat: 3/3 points (100*%)*"])
    bodies = [chat.body["messages"] for chat in bench.server.chats]
    again = next(messages for messages in bodies if messages[-1]["content"] == "Name it again.")
    which = next(messages for messages in bodies if messages[-1]["content"] == "Which was it?")
    assert again[1] == {"role": "assistant", "content": "teal"}
    assert which[1] == {"role": "assistant", "content": "teal", "reasoning_content": "a calm one"}


PYTHON_SUITE = """
import pytest
import pytest_polecat as polecat

SUITE = polecat.SuiteHeader(suite="mine", version=3, sampling={"temperature": 0.5})

@polecat.question(prompt="Say blue.", points=3, tier=2, reference="blue", wrong=["red"])
def test_blue(reply):
    assert reply.text == "blue"

@polecat.question(prompt="Say red.", points=2)
def test_red(reply):
    assert reply.text == "red", "it is not red"

@polecat.question(prompt="Say green.", points=4)
def test_green(reply, score):
    score.award(1, when="blue" in reply.text, note="a colour of the sea")
    score.award(2, when="green" in reply.text, note="green")

@polecat.question(prompt="Give JSON.", points=1)
def test_json(reply):
    assert reply.json()["a"] == 1

@polecat.question(prompt="Break.", points=1)
def test_broken_grader(reply):
    {}["missing"]

@polecat.suite([{"id": "a", "prompt": "Say a.", "data": {"want": "a"}}, {"id": "b", "prompt": "Say b."}])
def test_letters(question, reply, score):
    if reply.text != question.data.get("want", "b"):
        raise polecat.Missed("another letter", mode="format_violation")

def test_ordinary():
    assert True
"""


def test_python_questions_are_graded_by_their_bodies(bench: Bench) -> None:
    bench.pytester.makepyfile(test_mine=PYTHON_SUITE)
    bench.server.replies = answers(
        {"blue": "blue", "red": "blue", "green": "deep blue", "JSON": "no json", "a.": "a", "b.": "c"}
    )
    result = bench.ask()
    assert result.ret == 1, "a broken question must not end in exit status 0"
    outcomes = {name: (each.outcome, each.earned, each.mode) for name, each in bench.attempts.items()}
    assert outcomes == {
        "blue": (Outcome.PASSED, 3, None),
        "red": (Outcome.MISSED, 0, FailureMode.TEST_FAILURE),
        "green": (Outcome.PARTIAL, 1, FailureMode.WRONG_ANSWER),
        "json": (Outcome.MISSED, 0, FailureMode.EXTRACTION_FAILED),
        "broken-grader": (Outcome.BROKEN, 0, FailureMode.SUITE_ERROR),
        "a": (Outcome.PASSED, 1, None),
        "b": (Outcome.MISSED, 0, FailureMode.FORMAT_VIOLATION),
    }
    assert "KeyError" in bench.attempts["broken-grader"].message
    assert "reply.json" in bench.attempts["broken-grader"].message.replace(".json()", "reply.json")
    result.stdout.fnmatch_lines(["*5–6/13 points*1 broken, incomplete*"])
    assert all(chat.body["temperature"] == 0.5 for chat in bench.server.chats)


def test_free_tests_ask_the_model_and_hold_conversations(bench: Bench) -> None:
    bench.pytester.makepyfile("""
        def test_free(model):
            assert model.ask("Say blue.", temperature=0).text == "blue"

        def test_talk(conversation):
            conversation.say("Say blue.")
            assert conversation.say("And now?").text == "green"
            assert [m["role"] for m in conversation.messages] == ["user", "assistant", "user", "assistant"]
    """)
    bench.server.replies = answers({"blue": "blue", "now": "green"})
    result = bench.ask()
    result.assert_outcomes(passed=2)
    assert result.ret == 0


def test_several_models_are_asked_one_after_the_other(bench: Bench) -> None:
    bench.suite(SUITE)
    bench.profile("other", f'extends = "fake"\nurl = "{bench.server.url}"\nmodel = "other"')
    bench.server.replies = lambda body: "blue" if body["model"] == "fake" else "red"
    result = bench.ask("--polecat-model=other")
    if bench.xdist:
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*xdist runs ask one model at a time*fake, other*"])
        return
    assert result.ret == 0
    models = [chat.body["model"] for chat in bench.server.chats]
    assert models == sorted(models, key=["fake", "other"].index)
    result.stdout.fnmatch_lines(["*2/7 points*", "*1/7 points*"])
    assert (bench.run.path / "report-fake.html").exists()
    assert (bench.run.path / "report-other.html").exists()


def test_an_unknown_profile_is_a_usage_error_with_the_nearest_names(bench: Bench) -> None:
    bench.suite(SUITE)
    result = bench.ask(model="fak")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['*no profile "fak"*nearest: "fake"*'])
    assert "Traceback" not in result.stderr.str()


def test_a_missing_key_is_a_usage_error_that_names_the_variable(bench: Bench) -> None:
    bench.suite(SUITE)
    bench.profile("keyed", f'url = "{bench.server.url}"\nmodel = "x"\nkey_env = "POLECAT_TEST_NO_SUCH_KEY"')
    result = bench.ask(model="keyed")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*keyed*POLECAT_TEST_NO_SUCH_KEY*"])


def test_a_faulty_suite_file_is_a_collection_error_of_one_line(bench: Bench) -> None:
    bench.suite(SUITE.replace("points: 2", "pionts: 2"))
    result = bench.ask()
    result.stdout.fnmatch_lines(["*sea.polecat.yaml:7: questions?0?.pionts: unknown key; did you mean `points`?*"])
    assert "Traceback" not in result.stdout.str()


def test_a_stopped_session_keeps_pytests_own_exit_status(sea: Bench) -> None:
    result = sea.ask("-x")
    assert result.ret != 0
    if not sea.xdist:
        result.stdout.fnmatch_lines(["*incomplete*"])


def test_an_ordinary_failure_beside_the_questions_fails_the_session(sea: Bench) -> None:
    sea.pytester.makepyfile("def test_plain(): assert False")
    result = sea.ask()
    assert result.ret == 1


def test_junit_carries_points_and_outcome(sea: Bench) -> None:
    sea.ask("--junitxml=out.xml")
    text = (sea.folder / "out.xml").read_text()
    assert '<property name="polecat_earned" value="2"' in text
    assert '<property name="polecat_outcome" value="partial"' in text


def test_pytest_html_shows_points_and_links_to_the_page(sea: Bench) -> None:
    sea.ask("--html=out.html", "--self-contained-html")
    text = (sea.folder / "out.html").read_text()
    assert "4/7 points" in text
    assert "report.html" in text


def test_a_third_partys_check_profile_and_record_hook_work(bench: Bench) -> None:
    bench.pytester.makeconftest(f"""
        from pytest_polecat import Check, CheckResult
        from pytest_polecat.grading.checks import Expectation

        class Rhyme(Expectation):
            short = "with_"
            with_: str

        def rhymes(reply, expected):
            return CheckResult(reply.content.endswith(expected.with_[-2:]), "Rhyme looked for.")

        def pytest_polecat_checks(config):
            return [Check("rhymes", Rhyme, rhymes)]

        def pytest_polecat_profiles(config):
            return {{"theirs": {{"url": "{bench.server.url}", "model": "theirs"}}}}

        def pytest_polecat_record(record, item):
            record["extra"]["length"] = 3

        def pytest_polecat_report_columns(config):
            from pytest_polecat.reporting.columns import Column
            return [Column("Length of verse", lambda record: f"{{record['extra']['length']}} feet")]
    """)
    bench.suite("""\
        suite: verse
        questions:
          - id: rhyme
            prompt: What rhymes with sea?
            checks: [{rhymes: sea}]
    """)
    bench.server.replies = lambda _: "a pea"
    result = bench.ask(model="theirs")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*1/1 point*"])
    line = json.loads(bench.run.attempts_file.read_text())
    assert line["extra"] == {"length": 3}
    page = (bench.run.path / "report.html").read_text(encoding="utf-8")
    assert "Length of verse" in page
    assert "3 feet" in page


def test_a_third_partys_launcher_serves_a_profile_that_names_it(bench: Bench) -> None:
    bench.suite(SUITE)
    bench.pytester.makeconftest("""
        import pathlib

        class Theirs:
            name = "theirs"

            def check(self, profile, models_dir):
                pathlib.Path("checked").touch()

            def prepare(self, profile, models_dir, port):
                return None

        def pytest_polecat_launchers(config):
            return [Theirs()]
    """)
    bench.profile("launched", f'launcher = "theirs"\nurl = "{bench.server.url}"\nmodel = "x"')
    bench.server.replies = lambda _: "blue"
    result = bench.ask(model="launched")
    assert result.ret == 0
    assert (bench.folder / "checked").exists()
    assert bench.attempts["right"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--polecat-config=none.toml"], "*there is no file*none.toml*"),
        (["--polecat-epochs=0"], "*--polecat-epochs*must be at least 1, not 0*"),
        (["--polecat-suite=instruction_precison"], '*no suite "instruction_precison"*instruction_precision*'),
        (["--polecat-selftest"], "*--polecat-selftest needs no model*"),
        (["--polecat-runs=polecat.toml"], "*can't begin the run*--polecat-runs=DIR*"),
    ],
)
def test_a_bad_option_is_a_usage_error_of_one_line(bench: Bench, args: list[str], expected: str) -> None:
    bench.suite(SUITE)
    result = bench.ask(*args)
    output = result.stderr.str() + result.stdout.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([expected])
    assert "Traceback" not in output


def test_the_page_of_a_session_is_the_one_that_its_run_folder_gives(sea: Bench) -> None:
    sea.ask("--polecat-epochs=4")
    made = (sea.run.path / "report.html").read_bytes()
    write_page(sea.run, "fake", sea.run.path / "again.html")
    assert (sea.run.path / "again.html").read_bytes() == made


def test_runs_go_where_the_user_wants_them(sea: Bench) -> None:
    sea.ask("--polecat-runs=kept/here")
    assert list(sea.folder.glob("kept/here/*/report.html"))
    assert not sea.runs


RUNGS = {
    "profile": """
        def profile(profile):
            return profile.model_copy(update={"prompt_prefix": "Shout: "})
    """,
    "server": """
        def server(server):
            server.profile = server.profile.model_copy(update={"prompt_prefix": "Shout: "})
            return server
    """,
    "model": """
        def model(model):
            model.profile = model.profile.model_copy(update={"prompt_prefix": "Shout: "})
            return model
    """,
    "reply": """
        def reply(reply):
            return reply.model_copy(update={"content": "BLUE"})
    """,
    "grade": """
        def grade(grade, reply):
            return lambda _: grade(reply.model_copy(update={"content": "BLUE"}))
    """,
}


@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_of_the_ladder_can_be_overridden(bench: Bench, rung: str) -> None:
    """In the folder of the conftest.py, and there alone."""
    for folder in ("mine", "others"):
        (bench.folder / folder).mkdir()
        bench.suite(
            f"suite: {folder}\nquestions: [{{id: {folder}, prompt: Say it., checks: [{{exact: BLUE}}]}}]",
            f"{folder}/s.polecat.yaml",
        )
    own = "import pytest\n\n@pytest.fixture" + textwrap.dedent(RUNGS[rung])
    (bench.folder / "mine" / "conftest.py").write_text(own)
    bench.server.replies = lambda body: "BLUE" if "Shout" in body["messages"][-1]["content"] else "blue"
    bench.ask()
    outcomes = {name: attempt.outcome for name, attempt in bench.attempts.items()}
    assert outcomes == {"mine": Outcome.PASSED, "others": Outcome.MISSED}


def test_a_rung_can_be_overridden_by_a_plugin_that_a_conftest_names(sea: Bench) -> None:
    (sea.folder / "shouting.py").write_text(
        "import pytest\n\n@pytest.fixture(name='reply')\ndef shouted(reply):\n"
        "    return reply.model_copy(update={'content': 'blue'})\n"
    )
    sea.server.replies = lambda _: "?"
    sea.pytester.makeconftest("pytest_plugins = ['shouting']")
    sea.ask("-k", "right")
    assert sea.attempts["right"].outcome is Outcome.PASSED


def test_an_autouse_fixture_may_look_at_the_reply_of_a_suite_file(sea: Bench) -> None:
    sea.pytester.makeconftest("""
        import pytest

        @pytest.fixture(autouse=True)
        def seen(reply, request):
            print("seen", request.node.name, reply.content)
    """)
    result = sea.ask("-rA", "-k", "right")
    assert "seen test_question[right] blue" in result.stdout.str()
    assert len(sea.server.chats) == 1
    assert sea.attempts["right"].outcome is Outcome.PASSED


def test_what_failed_last_is_a_subset_of_the_questions(bench: Bench) -> None:
    bench.suite(
        """\
        import os
        import pytest_polecat as polecat

        @polecat.suite([{"id": f"q{n}", "prompt": f"Question {n}"} for n in range(8)])
        def test_sea(question, reply):
            assert question.id != "q5" or os.path.exists("mended")
            if question.id == "q3" and not os.path.exists("mended"):
                raise ValueError
    """,
        "test_sea.py",
    )
    bench.server.replies = lambda _: "fine"
    cached = ("-p", "cacheprovider")
    assert bench.ask(*cached).ret == 1
    bench.suite("", "mended")
    result = bench.ask(*cached, "--lf")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*subset: 2 of 8 questions*"])
    assert [case.question for case in bench.runs[1].cases()] == ["q3", "q5"]
