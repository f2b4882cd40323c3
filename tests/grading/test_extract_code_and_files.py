"""Reading code and files out of replies."""

import pytest

from pytest_polecat.errors import Missed
from pytest_polecat.grading.extract import code, files

QUEUE = "class JobQueue:\n    def add(self, job):\n        return job"
USE = "q = JobQueue()\nq.add(1)"


def fenced(body: str, info: str = "python", marks: str = "```") -> str:
    return f"{marks}{info}\n{body}\n{marks}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"Here:\n\n{fenced(QUEUE)}\n\nDone.", QUEUE, id="one fence in prose"),
        pytest.param(fenced(QUEUE, "Py3"), QUEUE, id="another name of the language"),
        pytest.param(fenced(QUEUE, "python title=queue.py"), QUEUE, id="more in the mark"),
        pytest.param(fenced(QUEUE, "", "~~~"), QUEUE, id="tildes without a language"),
        pytest.param(f"```python\n{QUEUE}", QUEUE, id="unclosed"),
        pytest.param(fenced(QUEUE).replace("\n", "\r\n"), QUEUE, id="Windows line ends"),
        pytest.param("1. Do:\n\n   " + fenced(QUEUE).replace("\n", "\n   "), QUEUE, id="indented in a list"),
        pytest.param(fenced(f"s = '''\n```\n'''\n{USE}", marks="````"), f"s = '''\n```\n'''\n{USE}", id="longer fence"),
        pytest.param(f"{fenced(QUEUE)}\nUse it:\n{fenced(USE)}", QUEUE, id="usage after it"),
        pytest.param(f"{fenced('pip install x', 'bash')}\n{fenced(QUEUE)}", QUEUE, id="a shell block before it"),
        pytest.param(f"{fenced(USE, '')}\n{fenced(QUEUE)}", QUEUE, id="a block without mark before it"),
        pytest.param(f"{fenced('def f(: oops' * 20)}\n{fenced(USE)}", USE, id="a longer one that is no Python"),
        pytest.param(QUEUE, QUEUE, id="no fence"),
        pytest.param("\n\n    " + QUEUE.replace("\n", "\n    "), QUEUE, id="no fence, indented"),
        pytest.param("print('Sure')", "print('Sure')", id="one call"),
        pytest.param("x = '\\d'", "x = '\\d'", id="a doubtful escape"),
        pytest.param("`lambda x: x + 1`", "lambda x: x + 1", id="inline code"),
        pytest.param("```def f(): pass```", "def f(): pass", id="a fence on one line"),
    ],
)
def test_python_code_is_found(text: str, expected: str) -> None:
    assert code(text, "python") == expected


def test_a_later_block_that_defines_the_same_names_is_a_correction() -> None:
    draft = QUEUE + "\n\n    def long_and_wrong(self):\n        return None"
    assert code(f"{fenced(draft)}\nWait, simpler:\n{fenced(QUEUE)}\n{fenced(USE)}", "python") == QUEUE


def test_code_that_does_not_parse_is_still_the_code_if_there_is_no_other() -> None:
    assert code(fenced("def f(:"), "python") == "def f(:"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sure",
        "yes, no",
        "42",
        "Answer: yes",
        "I can't write that.",
        "pass",
        fenced("npm install", "bash"),
        fenced("", "python"),
        "('" * 100_000,
        "-" * 100_000 + "1",
        "a" + ".b" * 100_000,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_python_is_not_taken_for_code(text: str) -> None:
    with pytest.raises(Missed, match="Expected python code") as caught:
        code(text, "python")
    assert caught.value.mode == "extraction_failed"


def test_without_a_language_any_block_counts() -> None:
    assert code(fenced(r"^\d+$", "regex")) == r"^\d+$"
    assert code(r"`^\d+$`") == r"^\d+$"


def test_another_language_needs_no_fence_if_it_looks_like_code() -> None:
    program = "#include <iostream>\nint main() {\n  return 0;\n}"
    assert code(program, "c++") == program
    assert code(fenced(program, "cpp"), "C++") == program
    with pytest.raises(Missed):
        code("I would write a program that returns 0.", "c++")


CORE, INIT = "class Queue: ...", "from .core import Queue"
TITLED = 'python title="queue/__init__.py"'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{fenced(INIT, 'python queue/__init__.py')}\n{fenced(CORE, 'python queue/core.py')}", id="mark"),
        pytest.param(f"{fenced(INIT, 'queue/__init__.py')}\n{fenced(CORE, 'python:queue/core.py')}", id="mark alone"),
        pytest.param(fenced(INIT, TITLED) + "\n" + fenced(CORE, "py filename=queue/core.py"), id="title"),
        pytest.param(f"### queue/__init__.py\n\n{fenced(INIT)}\n## 2. `queue/core.py`\n{fenced(CORE)}", id="heading"),
        pytest.param(f"**queue/__init__.py**\n{fenced(INIT)}\n**`queue/core.py`** (new):\n\n{fenced(CORE)}", id="bold"),
        pytest.param(f"File: queue/__init__.py\n{fenced(INIT)}\n`./queue/core.py`:\n{fenced(CORE)}", id="alone"),
    ],
)  # fmt: skip
def test_files_are_named_by_the_mark_or_the_line_before(text: str) -> None:
    assert files(text) == {"queue/__init__.py": INIT, "queue/core.py": CORE}


def test_a_file_is_named_by_a_comment_on_its_first_line() -> None:
    script, page = "// src/app.ts\nlet x = 1;", "<!-- index.html -->\n<p>"
    assert files(f"{fenced(script, 'ts')}\n{fenced(page, 'html')}") == {"src/app.ts": script, "index.html": page}


def test_an_empty_file_counts_and_one_that_is_given_twice_is_one() -> None:
    text = f"**a/__init__.py**\n```python\n```\n**a/b.py**\n{fenced('x = 1')}\nAll of `./a/b.py`:\n{fenced('x = 1')}"
    assert files(text) == {"a/__init__.py": "", "a/b.py": "x = 1"}


@pytest.mark.parametrize(
    "path", ["../up.py", "a/../../b.py", "C:\\x.py", "src\\x.py", "~/x.py", "a//b.py", "/etc/x.py"]
)
def test_a_path_that_leads_elsewhere_is_refused_and_named(path: str) -> None:
    for text in (fenced("x", f"python {path}"), f"**{path}**\n{fenced('x')}", fenced(f"# {path}\nx")):
        with pytest.raises(Missed, match="is no path of a file here: paths are relative") as caught:
            files(f"**a/b.py**\n{fenced('x = 1')}\n\n{text}")
        assert caught.value.mode == "extraction_failed"
        assert path in str(caught.value)


@pytest.mark.parametrize("info", ["python title=/etc/passwd", 'py file="a\0b.py"', "python path='..'", "sh ~/.bashrc"])
def test_what_is_named_as_the_path_in_the_mark_has_to_be_one(info: str) -> None:
    with pytest.raises(Missed, match="is no path of a file here"):
        files(f"**a/b.py**\n{fenced('x = 1')}\n\n{fenced('x', info)}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"**a/b.py**\n{fenced('x = 1')}\n**a/b.py**\n{fenced('x = 2')}", "Two different files are named a/b.py"),
        (f"**a/b.py**\n{fenced('x = 1')}\n**./a/b.py**\n{fenced('x = 2')}", "Two different files are named a/b.py"),
        (f"**a.d**\n{fenced('x')}\n**a.d/b.py**\n{fenced('x')}", "a.d is named as a file and as a folder"),
    ],
    ids=["two contents", "two contents under two spellings", "a file and a folder"],
)
def test_files_that_contradict_each_other_are_refused(text: str, why: str) -> None:
    with pytest.raises(Missed, match=why) as caught:
        files(text)
    assert caught.value.mode == "extraction_failed"


@pytest.mark.parametrize(
    "text", ["", "queue/core.py", fenced("x = 1"), f"Then run main.py like this:\n{fenced('ls', 'sh')}"]
)
def test_a_reply_without_named_files_is_a_miss(text: str) -> None:
    with pytest.raises(Missed, match="Expected files"):
        files(text)
