"""Repositories judged by tests that run inside with them: see `forgeries.py` for those that lie."""

import importlib
import io
import random
import tarfile
import unittest
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_polecat import CandidateError, Sandbox
from pytest_polecat.errors import SuiteError
from pytest_polecat.sandbox import altered
from pytest_polecat.sandbox.admission import admit
from pytest_polecat.sandbox.canaries import draw
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import MemoryLimitError, SandboxError, TimeLimitError
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.reports import read
from pytest_polecat.sandbox.tested import RepositoryResult, TamperingError
from tests.sandbox.forgeries import FORGERIES, IDS, PATH, RIGHT, TESTS, WRONG


def test_right_code_passes_its_own_tests(sandbox: Sandbox) -> None:
    result = sandbox.run_tests({"jobs.py": RIGHT}, tests={PATH: TESTS}, expected=IDS)
    assert result.passed, result.message
    assert (result.failed, result.missing, result.unexpected, result.doubled) == ({}, (), (), ())
    assert result.canaries_held
    assert result.tamper_evident
    assert not result.unguarded
    assert result.stdout == ""
    assert sandbox.flags == ["tamper-evident"]


def test_wrong_code_fails_by_the_tests_that_find_it_wrong(sandbox: Sandbox) -> None:
    result = sandbox.run_tests({"jobs.py": WRONG + "print('hello')"}, tests={PATH: TESTS}, expected=IDS)
    assert not result.passed
    assert set(result.failed) == {IDS[0]}
    assert "AssertionError" in result.failed[IDS[0]]
    assert IDS[0] in result.message
    assert result.stdout.strip() == "hello"


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_passes(sandbox: Sandbox, name: str) -> None:
    with pytest.raises((AssertionError, CandidateError), match=r"\w"):
        assert_passed(sandbox.run_tests(FORGERIES[name], tests={PATH: TESTS}, expected=IDS, timeout=10))


def assert_passed(result: RepositoryResult) -> None:
    assert result.passed, result.message


def test_forged_reports_are_the_models_doing_and_say_what_was_forged(sandbox: Sandbox) -> None:
    name = "failures of the known tests turned into passes, the canaries left alone"
    with pytest.raises(TamperingError, match="passed, which can't be") as caught:
        sandbox.run_tests(FORGERIES[name], tests={PATH: TESTS}, expected=IDS)
    assert not caught.value.result.passed
    assert not caught.value.result.canaries_held
    with pytest.raises(TamperingError, match="wrong secret"):
        sandbox.run_tests(
            FORGERIES["reports printed with a guessed secret"], tests={PATH: TESTS}, expected=IDS, timeout=10
        )


def test_what_would_steer_the_tests_is_left_out_and_named(sandbox: Sandbox) -> None:
    files = FORGERIES["files that steer Python or the runner"] | {"jobs.py": RIGHT}
    result = sandbox.run_tests(files, tests={PATH: TESTS}, expected=IDS)
    assert result.passed, result.message
    assert set(result.left_out) == set(files) - {"jobs.py"}


def test_files_that_hide_modules_or_tests_may_not_come_in() -> None:
    own = [PATH, "tests/helpers.py"]
    harmless = ["jobs.py", "tests/__init__.py", "tests/json.py", "json/schema.py", "queue.txt", "pkg/queue.py", "a.so"]
    hiding = ["json.py", "queue/__init__.py", "src/re.cpython-311.so", "pytest.py", "tests/helpers/x.py", "tests.py"]
    hiding += ["tests/helpers.abi3.so", "__pycache__/jobs.cpython-311.pyc", "x.dist-info/entry_points.txt", "tests"]
    strange = ["/jobs.py", "../jobs.py", "a/../../b", "", ".", "a\0b", "a\nb", f"./{PATH}"]
    admitted, left_out = admit(dict.fromkeys([*harmless, *hiding, *strange], ""), own)
    assert list(admitted) == harmless
    assert set(left_out) == {*hiding, *strange}


def test_exactly_the_expected_tests_have_to_pass(sandbox: Sandbox) -> None:
    tests = """
import unittest
from jobs import Queue

class TestOne(unittest.TestCase):
    def test_right(self): self.assertTrue(Queue().empty())
    def test_wrong(self): self.assertFalse(Queue().empty())
    def test_sub(self):
        for number in (1, 2):
            with self.subTest(number): self.assertEqual(len(Queue()), number - 1)
    @unittest.skip("not today")
    def test_skipped(self): self.fail()
    @unittest.expectedFailure
    def test_expected(self): self.assertEqual(len(Queue()), 1)
"""
    path, names = "test_one.py", ("right", "wrong", "sub", "skipped", "expected", "none")
    ids = {name: f"{path}::TestOne::test_{name}" for name in names}
    result = sandbox.run_tests({"jobs.py": RIGHT}, tests={path: tests}, expected=list(ids.values()))
    assert not result.passed
    assert set(result.failed) == {ids["wrong"], ids["sub"]}
    assert result.skipped == (ids["skipped"], ids["expected"])
    assert result.missing == (ids["none"],)
    assert result.unexpected == ()
    assert sandbox.run_tests({"jobs.py": RIGHT}, tests={path: tests}, expected=[ids["right"]]).passed


def test_the_authors_canaries_have_to_fail(sandbox: Sandbox) -> None:
    canary = "def test_canary():\n    assert len(str(1)) == {}\n"

    def run(length: int) -> RepositoryResult:
        canaries = {"tests/test_canary.py": canary.format(length)}
        return sandbox.run_tests({"jobs.py": RIGHT}, tests={PATH: TESTS}, expected=IDS[:1], canaries=canaries)

    assert run(2).passed
    with pytest.raises(TamperingError, match=r"which can't be: tests/test_canary\.py::test_canary"):
        run(1)


def test_packages_and_helpers_are_found(sandbox: Sandbox) -> None:
    files = {"src/shop/__init__.py": "", "src/shop/till.py": "def add(a, b): return a + b\n", "tests/__init__.py": ""}
    tests = {
        "tests/helpers.py": "TWO = 2\n",
        "tests/test_till.py": "from shop.till import add\nfrom .helpers import TWO\nimport helpers\n"
        "def test_add():\n    assert add(helpers.TWO, TWO) == 4\n",
    }
    result = sandbox.run_tests(files, tests=tests, expected=["tests/test_till.py::test_add"])
    assert result.passed, result.message


def test_time_and_memory_are_limited(sandbox: Sandbox) -> None:
    with pytest.raises(TimeLimitError, match="longer than 1 s"):
        sandbox.run_tests({"jobs.py": "while 1: pass"}, tests={PATH: TESTS}, expected=IDS, timeout=1)
    with pytest.raises(MemoryLimitError, match="memory"):
        sandbox.run_tests({"jobs.py": "x = []\nwhile 1: x.append(bytes(10**7))"}, tests={PATH: TESTS}, expected=IDS)


@pytest.mark.parametrize(
    ("tests", "expected", "why"),
    [
        ({PATH: TESTS}, [], "no test is expected"),
        ({PATH: TESTS}, ["tests/test_other.py::test_x"], "the candidate's own proves nothing"),
        ({PATH: TESTS}, [PATH], "the candidate's own proves nothing"),
        ({"./a.py": ""}, ["./a.py::test_x"], "no path of a file"),
        ({"a.py": "def"}, ["a.py::test_x"], "no Python"),
        ({"a.py": b"\xff"}, ["a.py::test_x"], "not UTF-8"),
    ],
)
def test_tests_that_prove_nothing_are_the_suites_fault(
    tests: dict[str, str | bytes], expected: list[str], why: str
) -> None:
    sandbox = Sandbox(lambda: pytest.fail("nothing needs a sandbox"), lambda _: None)
    with pytest.raises(SuiteError, match=why):
        sandbox.run_tests({}, tests=tests, expected=expected)


def test_a_runner_that_the_image_lacks_is_not_the_models_fault(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no pytest; use runner='unittest'"):
        sandbox.run_tests({"jobs.py": RIGHT}, tests={PATH: TESTS}, expected=IDS, runner="pytest")


ALTERABLE = """
import unittest


class TestAll(unittest.TestCase):
    def test_number(self):
        self.assertEqual(2 + 3, 5)

    def test_other_side(self):
        self.assertEqual([1, {"ä": 0.5}], list((1, {"ä": 0.5})))

    def test_negative(self):
        assert -7 == 3 - 10, "a message"

    def test_text(self):
        self.assertEqual("ä" + "b c", "äb c")

    def test_nothing(self):
        assert str() == ""

    def test_truth(self):
        self.assertTrue(1 < 2)

    def test_none(self):
        self.assertIsNone(None)

    def test_plain(self):
        for number in [1, 2]:
            with self.subTest(number):
                assert number in (1, 2)

    def test_not(self):
        assert not (
            []
        )

    def test_and(self):
        assert 1 and (2)

    def test_almost(self):
        self.assertAlmostEqual(0.1 + 0.2, 0.3)

    def test_same(self):
        value = object()
        assert (value) is (value)

    def test_large(self):
        self.assertEqual(1e30, 10.0**30)
        if self is None:
            return
        self.assertEqual(1, 1)

    async def test_unknown(self):
        with self.assertRaises(ValueError):
            self.assertEqual(1, 1)
            int("x")
        while False:
            assert False


class Base(unittest.TestCase):
    def test_inherited(self):
        self.assertEqual(1, 1)


class TestChild(Base):
    @unittest.expectedFailure
    def test_expected(self):
        self.assertEqual(1, 2)
"""


def test_an_altered_test_fails_where_the_test_passes() -> None:
    for _ in range(20):
        found = altered.edits({"a.py": ALTERABLE})
        names = {each.rpartition("::")[2] for each in found}
        everything = {name.rpartition("::")[2] for name in altered.ids({"a.py": ALTERABLE})}
        assert names == everything - {"test_unknown", "test_inherited", "test_expected"}
        for name in names:
            source = altered.apply(ALTERABLE, [found[f"a.py::TestAll::{name}"]])
            assert _passes(ALTERABLE, name), name
            assert not _passes(source, name), source
        both = altered.apply(ALTERABLE, found.values())
        assert not any(_passes(both, name) for name in names)


def _passes(source: str, name: str) -> bool:
    module: dict[str, type[unittest.TestCase]] = {}
    exec(compile(source, "a.py", "exec"), module)
    result = unittest.TestResult()
    module["TestAll"](name).run(result)
    return result.wasSuccessful()


def test_drawn_tests_do_what_they_must() -> None:
    for _ in range(20):
        drawn = draw(PATH, IDS, [])
        module: dict[str, type[unittest.TestCase]] = {}
        exec(compile(drawn.source, drawn.path, "exec"), module)
        for each in drawn.ids:
            _, home, name = each.split("::")
            result = unittest.TestResult()
            module[home](name).run(result)
            assert result.wasSuccessful() == (each in drawn.passing)
        assert len(drawn.passing) == len(drawn.failing) == 4


def test_no_report_can_break_its_reader() -> None:
    lines = [
        b'polecat-tests:s:{"id": 1}',
        b"polecat-tests:s:" + b"[" * 100_000,
        b"polecat-tests:s:\xff",
        b"polecat-tests:",
    ]
    for line in lines:
        assert read(b"x\n\n" + line + b"\nprinted\n", "s").forged
    noise = random.Random(1)
    assert not read(noise.randbytes(10_000), "s").tests


@pytest.fixture(scope="module")
def sandbox_with_pytest(host_image: str) -> Iterator[Sandbox]:
    """A sandbox of an image that has pytest too: the one that runs this."""
    name = "pytest-polecat/with-pytest:test"
    packages = ["pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py"]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for package in packages:
            file = Path(str(importlib.import_module(package).__file__))
            found = file.parent if file.name == "__init__.py" else file
            tar.add(found, f"packages/{found.name}")
        for about in found.parent.glob("pluggy-*.dist-info"):
            tar.add(about, f"packages/{about.name}")
        home = Path(unittest.__file__).parents[1] / "site-packages"
        text = f"FROM {host_image}\nCOPY packages {home}\n".encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    archive.seek(0)
    with closing(connect()) as client:
        log = list(client.api.build(fileobj=archive, custom_context=True, tag=name, rm=True, decode=True))
    assert "error" not in log[-1], log[-1]
    pool = Pool(Engine(name), 1)
    sandbox = Sandbox(pool.take, pool.discard)
    yield sandbox
    sandbox.close()
    pool.close()


PYTEST_TESTS = """
import pytest
import jobs

@pytest.fixture
def queue():
    return jobs.Queue()

@pytest.mark.parametrize("count", [1, 3])
def test_size(queue, count):
    for number in range(count):
        queue.put(number)
    assert len(queue) == count

def test_order(queue):
    queue.put("a")
    queue.put("b")
    assert [queue.get(), queue.get()] == ["a", "b"]

@pytest.mark.skip
def test_skipped(): pass

@pytest.mark.xfail
def test_expected(): assert 0
"""


def test_pytest_runs_tests_where_the_image_has_it(sandbox_with_pytest: Sandbox) -> None:
    ids = [f"tests/test_it.py::test_{name}" for name in ("size[1]", "size[3]", "order")]

    def run(files: dict[str, str], *more: str) -> RepositoryResult:
        tests = {"tests/test_it.py": PYTEST_TESTS}
        return sandbox_with_pytest.run_tests(files, tests=tests, expected=[*ids, *more], runner="pytest")

    right = run({"jobs.py": RIGHT, "pytest.ini": "[pytest]\naddopts = --collect-only\n", "pluggy.py": ""})
    assert right.passed, right.message
    assert not right.unguarded
    wrong = run({"jobs.py": WRONG}, "tests/test_it.py::test_skipped", "tests/test_it.py::test_expected")
    assert set(wrong.failed) == {ids[2]}
    assert len(wrong.skipped) == 2
    ended = run({"jobs.py": "import sys; sys.exit(0)"})
    assert ended.missing == tuple(ids)
    lying = WRONG + "\nimport _pytest.runner as r\nr.check_interactive_exception = lambda *a: False\n"
    lying += "import _pytest.python as p\np.Function.runtest = lambda self: None\n"
    with pytest.raises(TamperingError):
        run({"jobs.py": lying})
