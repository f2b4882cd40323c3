"""A larger class to be completed: an editor whose changes can be undone."""

import random
from pathlib import Path

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")

EDITOR = (REFERENCES / "editor.py").read_text("utf-8")

# Runs a story beside the candidate: groups are `with` statements, and some of them fail.
TELL = """
def _tell(editor, story):
    told = []
    for step, *arguments in story:
        if step == "group":
            try:
                with editor.group():
                    told.append(_tell(editor, arguments[0]))
                    if arguments[1]:
                        raise LookupError
            except LookupError:
                told.append("failed")
        else:
            try:
                told.append(getattr(editor, step)(*arguments))
            except IndexError:
                told.append("IndexError")
            except RuntimeError:
                told.append("RuntimeError")
        told.append(editor.text)
    return told

def _told(text, story):
    return _tell(Editor(text), story)
"""


class History:
    """The oracle of the editor: all its texts in a row, and which one is shown."""

    def __init__(self, text):
        self.texts, self.at, self.now = [text], 0, text
        self.typed = self.place = None  # where the next insert joins, and where the last one ended

    def keep(self, *, join=False):
        """The text as it is now becomes a step of its own, or part of the last one."""
        self.texts[self.at + (0 if join else 1) :] = [self.now]
        self.at = len(self.texts) - 1

    def story(self, rng, length, depth=0):
        """A random story, and what is to be told of it."""
        steps, told = [], []
        for _ in range(length):
            place = rng.randint(0, len(self.now))
            kind = rng.choice(["insert", "type", "type", "delete", "undo", "undo", "redo", "group"])
            if kind in ("insert", "type"):
                if kind == "type" and self.place is not None:
                    place = min(self.place, len(self.now))
                new = rng.choice(["s", "ea ", "x"])
                steps.append(("insert", place, new))
                self.now = self.now[:place] + new + self.now[place:]
                if not depth:
                    self.keep(join=place == self.typed)
                    self.typed = self.place = place + len(new)
                told.append(None)
            elif kind == "delete":
                count = rng.randint(1, 3)
                steps.append(("delete", place, count))
                told.append(None if place + count <= len(self.now) else "IndexError")
                if place + count <= len(self.now):
                    self.now, self.typed = self.now[:place] + self.now[place + count :], None
                    if not depth:
                        self.keep()
            elif kind == "group":
                before, fails, self.typed = self.now, rng.random() < 0.3, None
                inner, inner_told = self.story(rng, rng.randint(0, 3), depth + 1)
                steps.append(("group", inner, fails))
                told += [inner_told, "failed"] if fails else [inner_told]
                self.now = before if fails and not depth else self.now
                if not depth and self.now != before:
                    self.keep()
            else:
                steps.append((kind,))
                told.append("RuntimeError" if depth else self.moved(-1 if kind == "undo" else 1))
            told.append(self.now)
        return steps, told

    def moved(self, by):
        """Undo or redo: whether there was anything."""
        self.typed = None
        if not 0 <= self.at + by < len(self.texts):
            return False
        self.at += by
        self.now = self.texts[self.at]
        return True


@polecat.question(
    id="undo-groups",
    tier=3,
    points=5,
    prompt="""\
Complete this Python class, a text editor whose changes can be undone. Answer with the whole program.

```python
class Editor:
    def __init__(self, text=""):
        self.text = text  # always the text as it is now

    def insert(self, position, text):
        \"\"\"Put in a text. IndexError (and no change) for a position outside of 0 to len(self.text).\"\"\"

    def delete(self, position, count):
        \"\"\"Take out `count` characters. IndexError (and no change) if they are not all there.\"\"\"

    def undo(self):
        \"\"\"Take the last step back: True, or False if there is none.\"\"\"

    def redo(self):
        \"\"\"Do the step again that was undone last: True, or False if there is none.\"\"\"

    def group(self):
        \"\"\"For a `with` statement: the changes made inside are one step.\"\"\"
```

- Every change is a step, but an insert that begins exactly where the insert before it ended joins the step of that one.
  It does so only if both are outside of groups and no `delete` that succeeded, and no `undo`, `redo` or group, whatever
  became of it, was in between.
- A new step ends what can be redone. Inserting an empty text or deleting 0 characters is no change.
- A group inside a group belongs to the outermost one. A group after which the text is what it was before makes no step,
  and what can be redone stays.
- If an exception leaves the outermost group, the text is again what it was before the group, there is no step of it,
  what can be redone stays, and the exception goes on. Inside a group, `undo` and `redo` raise `RuntimeError`.
""",
    reference=EDITOR,
    wrong=[
        {
            "content": EDITOR.replace("            self.text = self._before\n            raise", "            raise"),
            "points": 2,
        },
        EDITOR.replace("joins = position == self._typed_to and self._before is None", "joins = False"),
        EDITOR.replace("            self._redo.clear()\n        self.text = text", "        self.text = text"),
        EDITOR.replace("        if text:\n", "        if True:\n"),
        {
            "content": EDITOR.replace(
                "        self._before = self.text\n        self._typed_to = None\n",
                "        self._before = self.text\n",
            ),
            "points": 3,
        },
        {
            "content": EDITOR.replace("        self._typed_to = None\n        if not source", "        if not source"),
            "points": 3,
        },
        {"content": EDITOR.replace("            if self.text != self._before:", "            if True:"), "points": 2},
        {
            "content": EDITOR.replace(
                "            yield\n            return\n        self._before = self.text",
                "            self._undo.append(self._before)\n        self._before = self.text",
            ),
            "points": 2,
        },
    ],
)
def test_undo_groups(reply, sandbox, score):
    """Steps, joined steps, and groups that nest and fail; the oracle keeps every text."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(TELL)
    typing = [
        ("insert", 1, "b"),
        ("insert", 2, "c"),
        ("insert", 0, "z"),
        ("delete", 1, 2),
        ("delete", 2, 1),
        ("insert", 4, ""),
        ("insert", 1, ""),
        ("delete", 2, 0),
        ("insert", -1, "q"),
        ("delete", -1, 1),
    ]
    told = [None, "ab", None, "abc", None, "zabc", None, "zc", *("IndexError", "zc") * 2]
    told += [None, "zc", None, "zc", *("IndexError", "zc") * 2]
    assert candidate._told("a", typing) == told
    moving = [*[("undo",)] * 4, ("insert", 0, ""), ("redo",), ("insert", 3, "d"), ("redo",), ("undo",), ("undo",)]
    told += [True, "zabc", True, "abc", True, "a", False, "a", None, "a", True, "abc", None, "abcd", False, "abcd"]
    told += [True, "abc", True, "a"]
    assert candidate._told("a", typing + moving) == told
    score.award(2, note="steps")
    group = ("group", [("insert", 0, "x"), ("group", [("delete", 1, 1)], False), ("undo",)], False)
    inner = [None, "xsea", [None, "xea"], "xea", "RuntimeError", "xea"]
    nothing = ("group", [("insert", 0, "y"), ("delete", 0, 1)], False)
    failing = ("group", [("delete", 0, 2)], True)
    assert candidate._told("sea", [group, ("undo",), nothing, ("redo",), failing, ("undo",), ("undo",)]) == [
        *(inner, "xea", True, "sea", [None, "ysea", None, "sea"], "sea", True, "xea"),
        *([None, "a"], "failed", "xea", True, "sea", False, "sea"),
    ]
    score.award(1, note="groups")
    rng = random.Random(34)
    for _ in range(60):
        story, told = History("sea").story(rng, 25)
        assert candidate._told("sea", story) == told
    score.award(2, note="long stories")
