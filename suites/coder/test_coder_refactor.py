"""Programs that work and are to be written anew: the same results, and a property that the old one lacks."""

import ast
import random
from copy import deepcopy
from pathlib import Path

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))


RANK = """
def rank(players):
    ranked = [dict(player) for player in sorted(players, key=lambda each: (-each["points"], each["name"]))]
    for number, player in enumerate(ranked):
        tied = number > 0 and player["points"] == ranked[number - 1]["points"]
        player["place"] = ranked[number - 1]["place"] if tied else number + 1
    return ranked
"""


@polecat.question(
    id="rank-without-traces",
    tier=1,
    points=2,
    prompt="""\
Rewrite this Python function so that it returns the same, but leaves its argument as it was: neither the list nor the
dicts in it may be changed. Answer with the whole function.

```python
def rank(players):
    players.sort(key=lambda player: (-player["points"], player["name"]))
    for number, player in enumerate(players):
        if number > 0 and player["points"] == players[number - 1]["points"]:
            player["place"] = players[number - 1]["place"]
        else:
            player["place"] = number + 1
    return players
```
""",
    reference=RANK,
    wrong=[
        RANK.replace("dict(player) for", "player for"),
        RANK.replace('(-each["points"], each["name"])', '-each["points"]'),
        RANK.replace('ranked[number - 1]["place"] if tied else number + 1', "number + 1"),
    ],
)
def test_rank_without_traces(reply, sandbox):
    """No change of the arguments: what the sandbox changes in the test's lists and dicts is seen here."""
    rank = sandbox.load(reply.code("python")).rank
    rng = random.Random(51)
    for _ in range(40):
        names = rng.sample(["Ada", "Bo", "Cy", "Di", "Ed", "Flo"], rng.randint(0, 6))
        players = [{"name": name, "points": rng.randint(0, 3), "club": rng.choice("xy")} for name in names]
        before = deepcopy(players)
        better = {each["name"]: sum(other["points"] > each["points"] for other in players) for each in players}
        ranked = [{**each, "place": better[each["name"]] + 1} for each in players]
        assert rank(players) == sorted(ranked, key=lambda each: (each["place"], each["name"]))
        assert players == before


OUTLINE = """
def outline(node):
    result = []
    pending = [(node, 0)]
    while pending:
        node, depth = pending.pop()
        result.append((depth, node["title"]))
        pending += [(child, depth + 1) for child in reversed(node.get("children", []))]
    return result
"""


def syntax(code):
    """All nodes of a program's syntax tree."""
    try:
        return list(ast.walk(ast.parse(code)))
    except SyntaxError:  # of a Python newer than this one; then the deep tree decides alone
        return []


def calls_itself(code):
    """Whether a function is called by name inside a function of that name."""
    for node in syntax(code):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            called = {
                each.func.id
                for each in ast.walk(node)
                if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
            }
            if node.name in called:
                return True
    return False


def sets_limit(code):
    """Whether a program names what changes the recursion limit, other than in a comment or a text."""
    return any("setrecursionlimit" in (getattr(n, "attr", ""), getattr(n, "name", "")) for n in syntax(code))


@polecat.question(
    id="outline-without-recursion",
    tier=2,
    points=3,
    prompt="""\
Rewrite this Python function without recursion, so that it also manages a tree of 30,000 levels; no function may call
itself, and Python's recursion limit must stay as it is. The result should be the same. Answer with the whole program.

```python
def outline(node, depth=0):
    result = [(depth, node["title"])]
    for child in node.get("children", []):
        result += outline(child, depth + 1)
    return result
```

It is only ever called with the node.
""",
    reference=OUTLINE,
    wrong=[
        OUTLINE.replace('reversed(node.get("children", []))', 'node.get("children", [])'),
        OUTLINE.replace("pending.pop()", "pending.pop(0)"),
        OUTLINE.replace('node.get("children", [])', 'node["children"]'),
        (
            "import sys\n\nsys.setrecursionlimit(10**6)\n\n\ndef outline(node, depth=0):\n"
            '    result = [(depth, node["title"])]\n    for child in node.get("children", []):\n'
            "        result += outline(child, depth + 1)\n    return result"
        ),
    ],
)
def test_outline_without_recursion(reply, sandbox):
    """An own stack in place of Python's; the deep tree is made beside the candidate."""
    code = reply.code("python")
    candidate = sandbox.load(code)
    assert not calls_itself(code), "a function calls itself"
    assert not sets_limit(code), "it changes the recursion limit"
    rng = random.Random(52)

    def tree(depth, expected):
        expected.append((depth, rng.choice("abcdefgh")))
        node = {"title": expected[-1][1]}
        if count := rng.randint(0, 3) if depth < 4 else 0:
            node["children"] = [tree(depth + 1, expected) for _ in range(count)]
        return node

    for _ in range(20):
        expected = []
        assert candidate.outline(tree(0, expected)) == expected
    candidate.define(
        "def _deep(levels):\n    node = {'title': levels - 1}\n    for level in range(levels - 2, -1, -1):\n"
        "        node = {'title': level, 'children': [node]}\n    return outline(node)"
    )
    assert candidate._deep(30_000) == [(level, level) for level in range(30_000)]


RUNS = """
def runs(readings, step):
    run = []
    for reading in readings:
        if run and abs(reading - run[-1]) > step:
            yield run
            run = []
        run.append(reading)
    if run:
        yield run
"""

# What the source was asked for so far is known to the test, not to the candidate.
SOURCE = """
def _source(readings, note):
    for reading in readings:
        note(reading)
        yield reading

def _begin(readings, note, step):
    return iter(runs(_source(readings, note), step))

def _next(yielded):
    return next(yielded, None)

def _kept(readings, step):
    return list(runs(iter(readings), step))
"""


@polecat.question(
    id="runs-from-a-stream",
    tier=2,
    points=3,
    prompt="""\
This Python function splits a list of readings into runs: a run ends where two readings that follow each other differ
by more than `step`. Rewrite it as a generator function for streams: `readings` is any iterable, perhaps without an
end, and may be gone through only once. Each run (a list of its own) is yielded as soon as the first reading that does
not belong to it was read; nothing is read before it is needed. No readings give no runs. Answer with the whole
function.

```python
def runs(readings, step):
    result = [[readings[0]]]
    for i in range(1, len(readings)):
        if abs(readings[i] - readings[i - 1]) > step:
            result.append([])
        result[-1].append(readings[i])
    return result
```
""",
    reference=RUNS,
    wrong=[
        RUNS.replace("    run = []\n    for reading in readings:", "    run = []\n    for reading in list(readings):"),
        RUNS.replace("            run = []\n", "            run.clear()\n"),
        RUNS.replace("    if run:\n        yield run\n", ""),
        RUNS.replace("    if run:\n        yield run\n", "    yield run\n"),
        (
            "def runs(readings, step):\n    readings = list(readings)\n    result = []\n    for reading in readings:\n"
            "        if not result or abs(reading - result[-1][-1]) > step:\n            result.append([])\n"
            "        result[-1].append(reading)\n    return result"
        ),
    ],
)
def test_runs_from_a_stream(reply, sandbox):
    """Laziness: the source counts what is read from it."""
    candidate = sandbox.load(reply.code("python"), call_timeout=5)
    candidate.define(SOURCE)
    assert candidate._kept([], 1) == []
    rng = random.Random(53)
    for _ in range(12):
        readings = [rng.randint(0, 6) for _ in range(rng.randint(1, 9))]
        step = rng.randint(0, 3)
        cuts = [i for i in range(1, len(readings)) if abs(readings[i - 1] - readings[i]) > step]
        bounds = list(zip([0, *cuts], [*cuts, len(readings)], strict=True))
        assert candidate._kept(readings, step) == [readings[start:end] for start, end in bounds]
        read = []
        yielded = candidate._begin(readings, read.append, step)
        assert read == []
        for start, end in bounds:
            assert candidate._next(yielded) == readings[start:end]
            assert read == readings[: end + 1]
        assert candidate._next(yielded) is None


CROWDED = """
from collections import Counter


def crowded(visits, span):
    inside = Counter()
    oldest = 0
    result = []
    for time, visitor in visits:
        while visits[oldest][0] <= time - span:
            inside[visits[oldest][1]] -= 1
            oldest += 1
        result.append(inside[visitor])
        inside[visitor] += 1
    return result
"""

SLOW_CROWDED = """\
def crowded(visits, span):
    result = []
    for i, (time, visitor) in enumerate(visits):
        count = 0
        for earlier, other in visits[:i]:
            if other == visitor and earlier > time - span:
                count += 1
        result.append(count)
    return result
"""

# So many visits are made beside the candidate.
MANY = """
def _many(count, span):
    visits = [(i // 3, "abcdefg"[i * i % 7]) for i in range(count)]
    return crowded(visits, span)[-21:]
"""


@polecat.question(
    id="crowded-in-linear-time",
    tier=2,
    points=3,
    prompt=f"""\
Rewrite this Python function so that its time grows no faster than the number of visits, whatever `span` is (60,000
visits should take far less than a second). The result should be the same. `visits` is a list of tuples `(time,
visitor)` whose times (ints) never decrease; `span` is an int of 1 or more. Answer with the whole program.

```python
{SLOW_CROWDED}```
""",
    reference=CROWDED,
    wrong=[
        CROWDED.replace("<= time - span", "< time - span"),
        CROWDED.replace(
            "        result.append(inside[visitor])\n        inside[visitor] += 1",
            "        inside[visitor] += 1\n        result.append(inside[visitor])",
        ),
        CROWDED.replace("inside[visits[oldest][1]] -= 1", "inside[visitor] -= 1"),
    ],
)
def test_crowded_in_linear_time(reply, sandbox):
    """A sliding window that counts; the oracle is the slow definition."""
    candidate = sandbox.load(reply.code("python"), call_timeout=3)
    assert candidate.crowded([], 5) == []
    rng = random.Random(54)
    for _ in range(40):
        times = sorted(rng.choices(range(12), k=rng.randint(1, 12)))
        visits = [(time, rng.choice("xyz")) for time in times]
        span = rng.randint(1, 8)
        near = [[who for at, who in visits[:i] if time - at < span] for i, (time, _) in enumerate(visits)]
        counts = [n.count(who) for n, (_, who) in zip(near, visits, strict=True)]
        assert candidate.crowded(visits, span) == counts
    candidate.define(MANY)
    letters = ["abcdefg"[i * i % 7] for i in range(60_000)]
    counted = [letters[3 * (i // 3 - 15_000 + 1) : i].count(letters[i]) for i in range(60_000 - 21, 60_000)]
    assert candidate._many(60_000, 15_000) == counted
