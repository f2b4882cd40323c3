"""Blocks as models write them: nested, quoted, in lists, cut off; several blocks for one answer; listings of files."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.errors import Missed
from pytest_polecat.grading.extract import code, files
from pytest_polecat.grading.fences import fences, without_fences

README = "# Queue\n\nInstall it:\n\n```sh\npip install queue\n```\n\nand use it."
DOCSTRING = 'def f(x):\n    """Double it.\n\n    ```\n    f(1)\n    ```\n    """\n    return 2 * x'
HELPER = "def halve(x):\n    return x // 2"
SOLVE = "def solve(x):\n    y = halve(x)\n    z = halve(y)\n    return y + z"
NAIVE = "def naive(x):\n    result = x\n    result += 0\n    result += 0\n    return result"
TESTS = "import unittest\n\nclass TestHalve(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(1, 1)"


def fenced(body: str, info: str = "python", marks: str = "```") -> str:
    return f"{marks}{info}\n{body}\n{marks}"


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        pytest.param(f"{fenced(README, 'markdown')}\nDone.", [README], id="a fence that names its language inside"),
        pytest.param(fenced(README, "README.md"), [README], id="a file of Markdown"),
        pytest.param(fenced(README, "md", "````"), [README], id="a longer fence"),
        pytest.param(fenced(README, "md", "~~~"), [README], id="tildes"),
        pytest.param(fenced(DOCSTRING), [DOCSTRING], id="a fence in a docstring"),
        pytest.param("1. ```python\n   x = 1\n   ```\n2. ```python\n   x = 2\n   ```", ["x = 1", "x = 2"], id="a list"),
        pytest.param("10. ```\n    x = 1\n    ```", ["x = 1"], id="a list with wide numbers"),
        pytest.param("> ```python\n> if x:\n>     y()\n> ```\n> Done.", ["if x:\n    y()"], id="a quotation"),
        pytest.param("Sure: ```python\nx = 1\n```", ["x = 1"], id="at the end of a line"),
        pytest.param("```python\nx = 1```", ["x = 1"], id="closed at the end of the code"),
        pytest.param(
            "```python\nx = 1\n      ```\nThen:\n```python\ny = 2\n```", ["x = 1", "y = 2"], id="closed too deep"
        ),
        pytest.param("```python\nx = 1\n      ```", ["x = 1"], id="closed too deep, at the end"),
        pytest.param("```markdown\n# A\n```python\nx = 1", ["# A\n```python\nx = 1"], id="cut off inside"),
        pytest.param("The mark is ``` and no more.", [], id="marks in a sentence"),
    ],
)
def test_blocks_are_read_as_they_were_meant(text: str, bodies: list[str]) -> None:
    for each in (text, text.replace("\n", "\r\n")):
        assert [fence.body for fence in fences(each)] == bodies


def test_the_text_before_a_fence_on_its_line_is_text() -> None:
    assert without_fences("Sure: ```python\nx = 1\n```\nDone.") == "Sure: \nDone."


@pytest.mark.parametrize("info", ["python3.11", "Python 3", "{.python}", "ipython", "text/x-python", "py:app.py"])
def test_python_has_many_names(info: str) -> None:
    assert code(fenced("x = 1", info), "python") == "x = 1"


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        pytest.param([HELPER, SOLVE], f"{HELPER}\n\n{SOLVE}", id="what it uses stands in an earlier block"),
        pytest.param([SOLVE, HELPER], f"{HELPER}\n\n{SOLVE}", id="in a later block"),
        pytest.param(["import re", "def f(x):\n    return re.escape(x)"], None, id="an import of its own"),
        pytest.param([HELPER, TESTS], HELPER, id="longer tests after it"),
        pytest.param(
            [HELPER, HELPER.replace("    return", "    # ... rest unchanged\n    return")], HELPER, id="excerpt"
        ),
        pytest.param(
            [SOLVE.replace("halve", "int"), NAIVE[:30]], SOLVE.replace("halve", "int"), id="one cut off after"
        ),
    ],
)
def test_several_blocks_make_one_answer(blocks: list[str], expected: str | None) -> None:
    found = code("\n\nThen:\n\n".join(map(fenced, blocks)), "python")
    assert found == (expected or "\n\n".join(blocks))
    compile(found, "answer", "exec")


def test_the_name_that_is_asked_for_decides_between_answers() -> None:
    text = f"{fenced(HELPER)}\nThe naive way, for comparison:\n{fenced(NAIVE)}"
    assert code(text, "python") == NAIVE
    assert code(text, "python", "halve") == HELPER
    assert code(text, "python", "missing") == NAIVE


@pytest.mark.parametrize(
    "text",
    [
        "I would use `halve(x)` and then `x // 2`; that is all.",
        "Call `solve()`.\n\nIt returns 1.",
        "First, import re. Then, for x in y: print it.",
        "```\n```",
        "> Quoted, not code.",
        "The answer is (1, 2).",
    ],
)
def test_prose_with_code_in_its_lines_has_no_code_to_be_wrong(text: str) -> None:
    with pytest.raises(Missed) as caught:
        code(text, "python")
    assert caught.value.mode == "extraction_failed"


CORE, INIT = "class Queue: ...", "from .core import Queue"
BOTH = {"queue/__init__.py": INIT, "queue/core.py": CORE}


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("📄 {0}\n{2}\n📄 `{1}`\n{3}", id="signs"),
        pytest.param("- `{0}`\n{2}\n- `{1}`:\n{3}", id="a list"),
        pytest.param("First create `{0}`:\n{2}\nAnd then **{1}**:\n{3}", id="sentences"),
        pytest.param("File 1: `{0}`\n{2}\n## File 2: {1}\n{3}", id="numbered"),
        pytest.param("```\n=== {0} ===\n{4}\n=== {1} ===\n{5}\n```", id="one listing with dividers"),
        pytest.param("--- {0} ---\n{4}\n\n--- {1} ---\n{5}", id="a listing without a fence"),
        pytest.param("**{0}**\n{2}\nRun it:\n```sh\nls\n```\n**{1}**\n{3}", id="a command between them"),
    ],
)
def test_files_are_found_however_they_are_named(form: str) -> None:
    assert files(form.format(*BOTH, fenced(INIT), fenced(CORE), INIT, CORE)) == BOTH


def test_a_listing_keeps_the_comments_that_name_its_files() -> None:
    listing = f"# queue/__init__.py\n{INIT}\n\n# --- queue/core.py ---\n{CORE}"
    first, second = listing.split("\n\n")
    for text in (fenced(listing), listing):
        assert files(text) == {"queue/__init__.py": first, "queue/core.py": second}


def test_a_comment_about_a_file_begins_no_other_file() -> None:
    body = "# main.py\nimport core\n# core.py\ncore.run()\n\n    # data.csv\n    # see core.py for more"
    assert files(fenced(body)) == {"main.py": body}


@pytest.mark.parametrize("path", ["app/[id]/page.tsx", "app/(shop)/$slug.tsx", ".github/ci.yml", "Makefile", "ö/ü.py"])
def test_unusual_paths_are_paths(path: str) -> None:
    assert files(fenced("x", f'ts title="{path}"')) == {path: "x"}
    assert files(f"`{path}`\n\n{fenced('x')}") == {path: "x"}


@pytest.mark.parametrize(
    "text",
    [
        f"Run this beside `main.py`:\n{fenced('python main.py', 'sh')}",
        f"The endpoint /api/users\n{fenced('x = 1')}",
        f"https://example.org/main.py\n{fenced('x = 1')}",
        f"See main.py and core.py\n{fenced('x = 1')}",
        fenced("# see core.py for the rest\nx = 1"),
        "main.py holds x = 1, and core.py holds the rest.",
    ],
)
def test_what_speaks_of_a_file_is_none(text: str) -> None:
    with pytest.raises(Missed, match="Expected files"):
        files(text)


PIECES = [
    "```", "~~~", "````", "python", "py title=", "a.py", "../a.py", "/etc/x.py", "C:\\x.py", "# ", "**", "`", "=== ",
    " ===", "--- ", "\n", "\n\n", "\r\n", " ", "    ", "> ", "1. ", "- ", "def f():", "x = 1", "return f", "class A:",
    "import re", "# ... rest", "\x00", "é", "人", "<!-- ", " -->", "\"", "'''", "(", ")", "markdown", ":", "File: ",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=200))
def test_no_reply_makes_them_raise_anything_but_that_nothing_is_there(text: str) -> None:
    for read in (lambda: code(text, "python"), lambda: code(text), lambda: files(text)):
        with contextlib.suppress(Missed):
            assert read()
    assert len(without_fences(text)) <= len(text) + 1


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a.py", "b/a.py", "b/c.txt", "d/e/f.ts"]), st.text("ab =1()\n", max_size=60)))
def test_files_that_were_written_down_are_read_back(given_files: dict[str, str]) -> None:
    bodies = {path: body.strip() for path, body in given_files.items()}
    text = "\n\n".join(f"### `{path}`\n\n{fenced(body)}" for path, body in bodies.items())
    if bodies:
        assert files(text) == bodies


MEGABYTE = 1_000_000
HOSTILE = {
    "fences that open": "```python\n" * (MEGABYTE // 10),
    "fences of Markdown": "```markdown\n" * (MEGABYTE // 12),
    "fences and closings": "```md\n```a\n```\n" * (MEGABYTE // 14),
    "deep closings": "```a\n        ```\n" * (MEGABYTE // 17),
    "small blocks": "```python\nx = y\n```\n" * (MEGABYTE // 20),
    "blocks that need each other": "".join(f"```python\nx{n} = x{n - 1}\n```\n" for n in range(25_000)),
    "one block": "```python\n" + "x = [1, 2]\n" * (MEGABYTE // 11) + "```",
    "comments of paths": "# a.py\n\n" * (MEGABYTE // 8),
    "leads": ("#" * 290 + "\n```a\n```\n") * (MEGABYTE // 300),
    "stars": ("*" * 150 + "|" + "`" * 2 + "\n```a\n#" + "=" * 200 + "|\n```\n") * (MEGABYTE // 370),
    "words": ("word " * 50 + "\n```a\n```\n") * (MEGABYTE // 260),
    "quotations": "> " * (MEGABYTE // 2),
    "quoted fences": ("> " * 20 + "```a\n") * (MEGABYTE // 45),
    "blanks": " " * MEGABYTE + "```",
    "noise": "".join(random.Random(3).choices("`~>#-*: \n.a/", k=MEGABYTE)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_is_read_in_linear_time(text: str) -> None:
    for read in (lambda: code(text, "python"), lambda: files(text)):
        with contextlib.suppress(Missed):
            read()
