"""Code to be completed: a signature and what it promises, or the first half of a program."""

import random
import re
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")


COLUMNS = (REFERENCES / "columns.py").read_text("utf-8")


@polecat.question(
    id="text-columns",
    tier=1,
    points=2,
    prompt="""\
Complete this Python function. Answer with the whole function.

```python
def columns(rows, gap=2):
    \"\"\"Lay out a table as text.

    - `rows` is a list of lists of strings; the first row is the header. Rows may be of different lengths, and what is
      missing at their ends counts as empty cells.
    - Every column is as wide as its longest cell, and `gap` spaces stand between two columns.
    - A column is set to the right, its header too, if at least one of its cells below the header is not empty, and all
      of these are whole numbers (digits, perhaps with a minus before them). Other columns are set to the left.
    - No line ends with spaces. Lines are joined by line breaks, with none at the end. No rows give an empty text.
    \"\"\"
```
""",
    reference=COLUMNS,
    wrong=[
        COLUMNS.replace("cells[1:]", "cells"),
        COLUMNS.replace('.rstrip(" ")', ""),
        COLUMNS.replace("zip(*full, strict=True)", "zip(*rows)"),
        COLUMNS.replace("-?[0-9]+", "[0-9]+"),
        COLUMNS.replace('re.fullmatch("-?[0-9]+", cell)', 'cell.lstrip("-").isdigit()'),
    ],
)
def test_text_columns(reply, sandbox):
    """Alignment by content; the oracle looks at each place of the text."""
    columns = sandbox.load(reply.code("python")).columns
    assert columns([]) == ""
    assert columns([["pier", "boats"], ["North", "12"], ["Old", "-7"]]) == "pier   boats\nNorth     12\nOld       -7"
    assert columns([["a", "b", "c"], [], ["x"]], gap=1) == "a b c\n\nx"
    rng = random.Random(31)
    for _ in range(50):
        cells = ["", "7", "-40", "mole", "1.5", "-", "123", "--5", "+8"]
        rows = [rng.choices(cells, k=rng.randint(0, 4)) for _ in range(rng.randint(1, 4))]
        gap = rng.randint(1, 3)
        lines = [""] * len(rows)
        for place in range(max(map(len, rows))):
            column = [row[place] if place < len(row) else "" for row in rows]
            numbers = [re.match(r"-?\d+\Z", cell) is not None for cell in column[1:] if cell != ""]
            sign = ">" if numbers and False not in numbers else "<"
            width = max(len(cell) for cell in column)
            lines = [
                line + (" " * gap if place else "") + format(cell, f"{sign}{width}" if width else "")
                for line, cell in zip(lines, column, strict=True)
            ]
        assert columns([list(row) for row in rows], gap=gap) == "\n".join(line.rstrip() for line in lines)


RATE_LIMITER = (REFERENCES / "rate_limiter.py").read_text("utf-8")

AT_TIMES = """
def _at_times(limit, window, steps):
    now = 0
    limiter = RateLimiter(limit, window, lambda: now)
    told = []
    for now, method, *arguments in steps:
        told.append(getattr(limiter, method)(*arguments))
    return told
"""


@polecat.question(
    tier=2,
    points=3,
    prompt="""\
Complete this Python class. Answer with the whole class.

```python
class RateLimiter:
    \"\"\"Lets every key use at most `limit` units in any `window` seconds.

    `clock()` is the time in seconds, an int that never decreases. A unit used at time t counts until t + window, and
    no longer at that time itself. `units` are 1 or more.
    \"\"\"

    def __init__(self, limit, window, clock):
        self.limit = limit
        self.window = window
        self.clock = clock
        self.used = {}

    def allow(self, key, units=1):
        \"\"\"Use some units: True, or False (then nothing is used) if that would exceed the limit now.\"\"\"

    def wait(self, key, units=1):
        \"\"\"The seconds from now until `allow(key, units)` would be True if nothing else happens; 0 if it would now.

        Nothing is used. ValueError if it would never be, because `units` exceed the limit.
        \"\"\"
```
""",
    reference=RATE_LIMITER,
    wrong=[
        {"content": RATE_LIMITER.replace("free_at = time + self.window", "free_at = now + self.window"), "points": 2},
        RATE_LIMITER.replace("now < time + self.window", "now <= time + self.window"),
        RATE_LIMITER.replace(".get(key, [])", ".get(key, self.used.get('harbour', []))"),
        RATE_LIMITER.replace("            return False\n        self", "            pass\n        self"),
        {
            "content": RATE_LIMITER.replace(
                "        if units > self.limit:\n            raise", "        if False:\n            raise"
            ),
            "points": 2,
        },
    ],
)
def test_rate_limiter(reply, sandbox, score):
    """A sliding window with a clock of the test; the oracle remembers everything, and waits second by second."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(AT_TIMES)
    rng = random.Random(32)
    stories = {"allow": [], "wait": []}
    for method in ("allow",) * 20 + ("wait",) * 20:
        limit, window, now, used, steps, expected = rng.randint(1, 6), rng.randint(1, 9), 0, [], [], []
        for _ in range(25):
            key, units = rng.choice(["harbour", "lock"]), rng.randint(1, limit + (method == "allow"))

            def free(time, key=key, used=used, limit=limit, window=window):
                return limit - sum(given for user, at, given in used if user == key and at <= time < at + window)

            if method == "wait":
                steps.append((now, "wait", key, units))
                expected.append(next(time for time in range(now, now + 20) if units <= free(time)) - now)
            steps.append((now, "allow", key, units))
            expected.append(units <= free(now))
            if expected[-1]:
                used.append((key, now, units))
            now += rng.choice([0, 0, 1, 2])
        stories[method].append((limit, window, steps, expected))
    for limit, window, steps, expected in stories["allow"]:
        assert candidate._at_times(limit, window, steps) == expected
    score.award(2, note="allow")
    for limit, window, steps, expected in stories["wait"]:
        assert candidate._at_times(limit, window, steps) == expected
    with pytest.raises(ValueError):
        candidate.RateLimiter(3, 10, lambda: 0).wait("lock", 4)
    score.award(1, note="wait")


DRAW_TREE = (REFERENCES / "draw_tree.py").read_text("utf-8")


def tree_lines(paths):
    """The oracle of the tree: from the sorted list of all entries, without building a tree."""
    entries = set()
    for path in paths:
        parts = path.rstrip("/").split("/")
        kinds = [*["/"] * (len(parts) - 1), "/" if path.endswith("/") else ""]
        entries |= {tuple(zip(parts[: i + 1], kinds[: i + 1], strict=True)) for i in range(len(parts))}
    ordered = sorted(entries, key=lambda entry: [(kind == "", name) for name, kind in entry])

    def last(entry):
        return [other for other in ordered if other[:-1] == entry[:-1]][-1] == entry

    return [
        "".join("    " if last(entry[:i]) else "│   " for i in range(2, len(entry)))
        + ("" if len(entry) == 1 else "└── " if last(entry) else "├── ")
        + "".join(entry[-1])
        for entry in ordered
    ]


@polecat.question(
    tier=2,
    points=3,
    prompt="""\
Complete this Python program, which draws a list of paths as a tree. Answer with the whole program.

```python
def draw_tree(paths):
    \"\"\"The lines of the tree, as a list.

    A path that ends with a slash is a folder, any other a file; what stands before a slash is a folder too. Each folder
    and each file has one line, however often it occurs. Folders are shown with a slash at the end. In a folder, and
    on the top level, folders stand before files, and each of both are sorted by name (without the slash).
    >>> print("\\n".join(draw_tree(["port/log/", "port/boats.txt", "readme", "port/log/may", "sea/"])))
    port/
    ├── log/
    │   └── may
    └── boats.txt
    sea/
    readme
    \"\"\"
    root = {}
    for path in paths:
        *folders, name = path.split("/")
        folder = root
        for each in folders:
            folder = folder.setdefault(each + "/", {})
        if name:
            folder[name] = None
```
""",
    reference=DRAW_TREE,
    wrong=[
        DRAW_TREE.replace("(item[1] is None, item[0]", "(item[0]"),
        DRAW_TREE.replace('("    " if last else "│   ")', '"│   "'),
        DRAW_TREE.replace('.rstrip("/"))\n', ")\n").replace("item[1] is None, ", "item[1] is not None, "),
        DRAW_TREE.replace('("└── " if last else "├── ")', '"├── "'),
    ],
)
def test_draw_tree(reply, sandbox):
    """A tree with its branches; the oracle never builds one."""
    draw_tree = sandbox.load(reply.code("python")).draw_tree
    assert draw_tree([]) == []
    assert draw_tree(["b", "a/", "c/d/e", "c/d/e"]) == ["a/", "c/", "└── d/", "    └── e", "b"]
    rng = random.Random(33)
    for _ in range(60):
        paths = []
        for _ in range(rng.randint(1, 9)):
            folders = rng.choices(["sea", "sea-2", "air", "Low"], k=rng.randint(0, 3))
            paths.append("/".join([*folders, rng.choice(["a.txt", "B", "zoo", "" if folders else "m"])]))
        lines = tree_lines(paths)
        assert draw_tree(paths) == lines
