"""Functions to be written from a description: intervals, money, page ranges, differences, orders."""

import random
import re
from fractions import Fraction
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")

FREE_SLOTS = (REFERENCES / "free_slots.py").read_text("utf-8")


@polecat.question(
    tier=1,
    points=2,
    prompt="""\
Write a Python function `free_slots(busy, opening, closing, length)` that finds the free times of a meeting room.

- All times are whole minutes since midnight. `busy` is a list of tuples `(start, end)` with start < end; a meeting
  takes the room from `start` until `end`. The meetings come in any order, may overlap, and may reach beyond the
  opening hours.
- Return a list of tuples `(start, end)` in ascending order: all the periods between `opening` and `closing` in which
  no meeting takes place, each as long as possible, without those shorter than `length` minutes (1 or more).
- Do not change `busy`.
""",
    reference=FREE_SLOTS,
    wrong=[
        FREE_SLOTS.replace("sorted(busy)", "busy"),
        FREE_SLOTS.replace("max(free_from, end)", "end"),
        FREE_SLOTS.replace("(free_from, min(start, closing))", "(free_from, start)"),
        FREE_SLOTS.replace(">=", ">"),
        FREE_SLOTS.replace("    slots = []", "    busy.sort()\n    slots = []"),
    ],
)
def test_free_slots(reply, sandbox):
    """Gaps between overlapping intervals; the oracle marks every minute by itself."""
    free_slots = sandbox.load(reply.code("python")).free_slots
    assert free_slots([], 480, 1080, 30) == [(480, 1080)]
    assert free_slots([(600, 660), (540, 630)], 480, 720, 60) == [(480, 540), (660, 720)]
    assert free_slots([(0, 2000)], 480, 1080, 1) == []
    rng = random.Random(11)
    for _ in range(60):
        busy = [(start, start + rng.randint(1, 20)) for start in rng.sample(range(80), rng.randint(0, 6))]
        before = list(busy)
        opening = rng.randint(0, 40)
        closing = opening + rng.randint(0, 40)
        length = rng.randint(1, 6)
        free = "".join(
            " " if any(start <= minute < end for start, end in busy) else "#" for minute in range(opening, closing)
        )
        expected = [(opening + gap.start(), opening + gap.end()) for gap in re.finditer("#" * length + "+", free)]
        assert free_slots(busy, opening, closing, length) == expected
        assert busy == before


SPLIT_CENTS = (REFERENCES / "split_cents.py").read_text("utf-8")


@polecat.question(
    tier=1,
    points=2,
    prompt="""\
Write a Python function `split_cents(total, weights)` that splits an amount of `total` cents (an int, 0 or more) in
proportion to `weights` (a list of ints).

- It returns a list of ints in the order of the weights; their sum is exactly `total`.
- First each share is rounded down to whole cents. The cents that are then left over go, one each, to the shares that
  lost the largest fractions by the rounding; of shares that lost the same fraction, to the one that stands earlier.
- It is exact for amounts of any size.
- It raises `ValueError` if a weight is negative, if all weights are 0, or if there are none.
""",
    reference=SPLIT_CENTS,
    wrong=[
        SPLIT_CENTS.replace("total * weight // whole", "int(total * weight / whole)"),
        SPLIT_CENTS.replace(", key=lambda i: -(total * weights[i] % whole)", ""),
        SPLIT_CENTS.replace("key=lambda i: -(total * weights[i] % whole)", "key=lambda i: total * weights[i] % whole"),
        SPLIT_CENTS.replace(" or min(weights) < 0", ""),
    ],
)
def test_split_cents(reply, sandbox):
    """Largest remainders, in whole numbers; the oracle gives the cents out one by one."""
    split_cents = sandbox.load(reply.code("python")).split_cents
    assert split_cents(100, [1, 1, 1]) == [34, 33, 33]
    assert split_cents(0, [2, 0]) == [0, 0]
    assert split_cents(10**30 + 1, [1, 3]) == [25 * 10**28, 75 * 10**28 + 1]
    for weights in ([], [0, 0], [3, -1]):
        with pytest.raises(ValueError):
            split_cents(100, weights)
    rng = random.Random(12)
    for _ in range(60):
        weights = [rng.choice([0, 1, 2, 3, 5, 8]) for _ in range(rng.randint(1, 7))] + [rng.randint(1, 9)]
        total = rng.randint(0, 200)
        exact = [Fraction(total * weight, sum(weights)) for weight in weights]
        shares = [int(share) for share in exact]
        while sum(shares) < total:
            lost = [share - given for share, given in zip(exact, shares, strict=True)]
            shares[lost.index(max(lost))] += 1
        assert split_cents(total, weights) == shares


PAGES = (REFERENCES / "pages.py").read_text("utf-8")


@polecat.question(
    tier=1,
    points=2,
    prompt="""\
Write a Python function `pages(selection, last)` that reads which pages of a document of `last` pages are to be printed.

- `selection` is a text of pieces separated by commas. A piece is one page (`3`), a range with both its ends (`7-9`),
  all pages from one on (`12-`), or all pages up to one (`-4`). Spaces may stand before and after numbers and hyphens.
- It returns a list of the selected page numbers, each once, in ascending order.
- A selection that is empty or consists of spaces means all pages.
- It raises `ValueError` for any other malformed piece (such as `x`, `1-2-3`, `-`, or an empty one), for a range whose
  end is before its start, and for a page below 1 or above `last`.
""",
    reference=PAGES,
    wrong=[
        PAGES.replace("range(start, end + 1)", "range(start, end)"),
        PAGES.replace("    return sorted(chosen)", "    return list(chosen)"),
        PAGES.replace("not 1 <= start <= end <= last", "start > end"),
        PAGES.replace("int(match[1] or 1)", "int(match[1])"),
        PAGES.replace("([0-9]*)", "([0-9+_]*)"),
        "def pages(selection, last):\n    return sorted({int(page) for page in selection.split(',')})",
    ],
)
def test_pages(reply, sandbox):
    """A very small parser and its errors."""
    pages = sandbox.load(reply.code("python")).pages
    assert pages("3, 7-9, 8 - 10", 12) == [3, 7, 8, 9, 10]
    assert pages("11-,-2", 12) == [1, 2, 11, 12]
    assert pages("  ", 3) == [1, 2, 3]
    assert pages("900,3,65", 1000) == [3, 65, 900]
    for malformed in ("x", "1-2-3", "-", "1,,2", "4,", "2 3", "5-3", "0", "0-2", "13", "9-13", "2.5", "1_0", "+3"):
        with pytest.raises(ValueError):
            pages(malformed, 12)
    rng = random.Random(13)
    for _ in range(40):
        last = rng.randint(1, 30)
        pieces, chosen = [], set()
        for _ in range(rng.randint(1, 5)):
            start = rng.randint(1, last)
            end = rng.randint(start, last)
            text, meant = rng.choice(
                [
                    (f"{start}", {start}),
                    (f"{start} -{end}", set(range(start, end + 1))),
                    (f" {start}-", set(range(start, last + 1))),
                    (f"-{end}", set(range(1, end + 1))),
                ]
            )
            pieces.append(text)
            chosen |= meant
        assert pages(",".join(pieces), last) == sorted(chosen)


CHANGES = (REFERENCES / "changes.py").read_text("utf-8")


def changed_trees(rng, path=()):
    """Two nested dicts, the second made from the first by random changes, and the changes that were made."""
    old, new, made = {}, {}, []
    values = [0, 1, True, 1.0, "", "x", None, [1], [], {}, {"deep": {"er": 1}}]
    for key in rng.sample("abcdefg", rng.randint(0, 5)):
        here, value, other = (*path, key), *rng.sample(values, 2)
        kind = rng.choice(["same", "added", "removed", "changed", "inside", "inside"])
        if kind == "inside" and len(path) < 3:
            old[key], new[key], inner = changed_trees(rng, here)
            made += inner
        elif kind == "added":
            new[key] = value
            made.append(("added", here, value))
        elif kind == "removed":
            old[key] = value
            made.append(("removed", here, value))
        elif kind == "changed" and not (isinstance(value, dict) and isinstance(other, dict)):
            old[key], new[key] = value, other
            made.append(("changed", here, value, other))
        else:
            old[key] = new[key] = value
    return old, dict(rng.sample(list(new.items()), len(new))), made


@polecat.question(
    id="nested-changes",
    tier=2,
    points=3,
    prompt="""\
Write a Python function `changes(old, new)` that compares two nested dicts whose keys are strings. It returns a list of
tuples, one for each difference:

- `("added", path, value)` for a key that only `new` has,
- `("removed", path, value)` for a key that only `old` has,
- `("changed", path, old_value, new_value)` for a key that both have with different values.

`path` is the tuple of the keys that lead there. Where both values are dicts, their contents are compared in the same
way; a dict that stands on one side only is one value. Two other values are the same only if they are equal and of
exactly the same type: 1, 1.0 and True are all different. The list is sorted by path.
""",
    reference=CHANGES,
    wrong=[
        CHANGES.replace("type(old[key]) is not type(new[key]) or ", ""),
        CHANGES.replace("(key, *path)", "path"),
        CHANGES.replace("sorted(old.keys() | new.keys())", "[*old, *(key for key in new if key not in old)]"),
        CHANGES.replace("isinstance(old[key], dict) and isinstance(new[key], dict)", "isinstance(old[key], dict)"),
    ],
)
def test_nested_changes(reply, sandbox):
    """A difference of trees; the inputs are made together with the answer."""
    changes = sandbox.load(reply.code("python")).changes
    assert changes({}, {}) == []
    assert changes({"a": {"x": 1, "y": {}}}, {"a": {"x": 1, "y": {"z": 2}}, "A": 0}) == [
        ("added", ("A",), 0),
        ("added", ("a", "y", "z"), 2),
    ]
    assert changes({"n": 1, "m": {"k": 1}}, {"n": True, "m": 5}) == [
        ("changed", ("m",), {"k": 1}, 5),
        ("changed", ("n",), 1, True),
    ]
    rng = random.Random(14)
    for _ in range(80):
        old, new, made = changed_trees(rng)
        assert changes(old, new) == sorted(made, key=lambda change: change[1])


BUILD_ORDER = (REFERENCES / "build_order.py").read_text("utf-8")


def slow_build_order(needs):
    """The definition, word for word: quadratic."""
    order = []
    while len(order) < len(needs):
        ready = [target for target in needs if target not in order and set(needs[target]) <= set(order)]
        if not ready:
            return None
        order.append(ready[0])
    return order


@polecat.question(
    tier=2,
    points=3,
    prompt="""\
Write a Python function `build_order(needs)`. `needs` is a dict: each key is a target, its value the list of the targets
that must be built before it. All targets are keys; a list may name the same target more than once.

Return the list of all targets in this order: the next one is always, of the targets not yet built for which all that
they need is built, the one that stands first in the dict. Raise `ValueError` if targets need each other (or themselves)
in a circle. It must be fast for 40,000 targets.
""",
    reference=BUILD_ORDER,
    wrong=[
        BUILD_ORDER.replace("heapq.heappop(ready)", "ready.pop(0)"),
        BUILD_ORDER.replace("len(set(wanted))", "len(wanted)"),
        BUILD_ORDER.replace("len(order) < len(needs)", "False"),
        {
            "content": "def build_order(needs):\n    order, built = [], set()\n    while len(order) < len(needs):\n"
            "        for target in needs:\n            if target not in built and set(needs[target]) <= built:\n"
            "                order.append(target)\n                built.add(target)\n                break\n"
            "        else:\n            raise ValueError('circle')\n    return order",
            "points": 2,
        },
        {
            "content": BUILD_ORDER.replace("heapq.heappop(ready)", "ready.pop(ready.index(min(ready)))").replace(
                "heapq.heappush(ready, rank[waiting])", "ready.append(rank[waiting])"
            ),
            "points": 2,
        },
    ],
)
def test_build_order(reply, sandbox, score):
    """A topological order whose ties are decided; one point of three is for its speed."""
    candidate = sandbox.load(reply.code("python"), call_timeout=4)
    build_order = candidate.build_order
    assert build_order({"app": ["lib", "gen"], "docs": [], "lib": ["gen"], "gen": []}) == ["docs", "gen", "lib", "app"]
    for circle in ({"a": ["a"]}, {"x": [], "a": ["b"], "b": ["c", "x"], "c": ["a"]}):
        with pytest.raises(ValueError):
            build_order(circle)
    rng = random.Random(15)
    for _ in range(60):
        ranked = rng.sample("abcdefghij", rng.randint(1, 10))
        needs = {name: rng.choices(ranked[:i], k=rng.randint(0, 3)) if i else [] for i, name in enumerate(ranked)}
        needs = dict(rng.sample(list(needs.items()), len(needs)))
        order = slow_build_order(needs)
        assert build_order(needs) == order
    score.award(2, note="the order")
    candidate.define("def _chain(n):\n    return build_order({**{i: [i + 1] for i in range(n)}, n: []})")
    candidate.define("def _star(n):\n    return build_order({**{i: [n] for i in range(n)}, n: []})")
    assert candidate._chain(40_000) == list(range(40_001))[::-1]
    assert candidate._star(40_000) == [40_000, *range(40_000)]
    score.award(1, note="in time")
