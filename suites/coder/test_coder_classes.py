"""Classes to be written from a description: they keep a state, and much can come in between."""

import ast
import random
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")

# Runs a whole story beside the candidate, and tells what each step gave: only inputs go in, the test compares outside.
# Steps name an object of the story, a method, and its arguments; `new` makes an object of the candidate's. An exception
# is told by the first of its classes that a prompt names, as it may be of a subclass.
PLAY = """
def _name_of_error(error):
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((name for name in ("ConflictError", "KeyError", "RuntimeError") if name in names), names[0])

def _play(steps, **objects):
    told = []
    for name, method, *arguments in steps:
        try:
            if method == "new":
                kind, *arguments = arguments
                objects[name] = globals()[kind](*(objects.get(each, each) for each in arguments))
                told.append("made")
            else:
                told.append(getattr(objects[name], method)(*arguments))
        except Exception as error:
            told.append(_name_of_error(error))
    return told
"""


EXPIRING_CACHE = (REFERENCES / "expiring_cache.py").read_text("utf-8")


@polecat.question(
    tier=2,
    points=3,
    prompt="""\
Write a Python class `ExpiringCache(capacity, lifetime, clock)`. It keeps at most `capacity` (1 or more) values, each
for less than `lifetime` seconds. `clock` is a function without parameters that returns the current time in seconds;
use no other clock.

- `put(key, value)` stores a value, which is then as good as new, also if the key is known. If there are `capacity`
  others already, it first drops the one whose last use is longest ago.
- `get(key)` returns the value. It raises `KeyError` if there is none (any more). It does not lengthen a value's life.
- `keys()` returns the list of all keys, from the one whose last use is longest ago to the latest.

A use is a `put` or a successful `get`. A value stored at time t is gone at time t + lifetime; what is gone takes no
place.
""",
    reference=EXPIRING_CACHE,
    wrong=[
        EXPIRING_CACHE.replace("now < entry[1]", "now <= entry[1]"),
        EXPIRING_CACHE.replace("self.entries[key] = self.entries.pop(key)\n", ""),
        EXPIRING_CACHE.replace("        self.entries.pop(key, None)\n", ""),
        EXPIRING_CACHE.replace(
            "now = self._drop_expired()\n        self.entries.pop", "now = self.clock()\n        self.entries.pop"
        ),
        EXPIRING_CACHE.replace(
            "        return self.entries[key][0]",
            "        value = self.entries[key][0]\n        self.put(key, value)\n        return value",
        ),
    ],
)
def test_expiring_cache(reply, sandbox):
    """Least recently used and expiry at once, with a clock of the test; the oracle is a list of what was done."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(PLAY)
    candidate.define("class _Clock:\n    now = 0\n    def set(self, to):\n        self.now = to\n_clock = _Clock()")
    candidate.define("def _story(steps):\n    return _play(steps, clock=_clock, read=lambda: _clock.now)")
    begin = [("clock", "set", 0), ("cache", "new", "ExpiringCache", 2, 5, "read"), ("cache", "put", "old", 1)]
    used = [("clock", "set", 3), ("cache", "put", "new", 2), ("cache", "get", "old"), ("clock", "set", 6)]
    full = [("cache", "put", "third", 3), ("cache", "keys")]
    assert candidate._story([*begin, *used, *full]) == [None, "made", *[None] * 3, 1, None, None, ["new", "third"]]
    rng = random.Random(21)
    for _ in range(50):
        capacity, lifetime, now = rng.randint(1, 4), rng.randint(1, 8), 0
        steps, expected = (
            [("clock", "set", 0), ("cache", "new", "ExpiringCache", capacity, lifetime, "read")],
            [None, "made"],
        )
        kept = []  # of [key, value, stored at], by last use
        for number in range(40):
            kept = [entry for entry in kept if now - entry[2] < lifetime]
            key = rng.choice("abcdef")
            known = next((entry for entry in kept if entry[0] == key), None)
            others = [entry for entry in kept if entry is not known]
            step = rng.choice(["put", "put", "get", "get", "keys", "clock", "clock"])
            if step == "put":
                value = rng.choice([number, number, 0, None])
                steps.append(("cache", "put", key, value))
                expected.append(None)
                kept = [*others[len(others) == capacity :], [key, value, now]]
            elif step == "get":
                steps.append(("cache", "get", key))
                expected.append(known[1] if known else "KeyError")
                kept = [*others, known] if known else kept
            elif step == "keys":
                steps.append(("cache", "keys"))
                expected.append([entry[0] for entry in kept])
            else:
                now += rng.randint(1, 3)
                steps.append(("clock", "set", now))
                expected.append(None)
        assert candidate._story(steps) == expected


CSV_READER = (REFERENCES / "csv_reader.py").read_text("utf-8")


def imported(code):
    """The modules that a program imports."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:  # of a Python newer than this one
        return set()
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def csv_text(rng, rows):
    """Rows as CSV, each with its line end; quotes where they are needed, and sometimes where they aren't."""

    def written(field):
        needed = any(char in field for char in ',"\r\n') or rng.random() < 0.2
        return '"' + field.replace('"', '""') + '"' if needed else field

    return [",".join(map(written, row)) + rng.choice(["\n", "\r\n"]) for row in rows]


@polecat.question(
    id="incremental-csv",
    tier=3,
    points=4,
    prompt="""\
Write a Python class `CsvReader()` that reads CSV text which arrives in pieces. Do not use the module `csv`.

- `feed(chunk)` takes the next piece of the text, and returns the list of the rows that this piece completes. A row is a
  list of strings. A piece may end anywhere: in a field, between two quotes, between `\\r` and `\\n`.
- `close()` says that the text is over. It returns a list with the last row if that had no line end, else an empty list.
- Fields are separated by commas, rows end with `\\n` or `\\r\\n`. An empty line is a row with one empty field.
- A field that begins with `"` goes on to the next `"` and may hold commas and line ends, which are kept as they are;
  `""` in it stands for one `"`. A `\\r` outside of quotes that no `\\n` follows is an ordinary character.
- `ValueError` is raised by `feed` for a `"` inside a field that does not begin with one, and for any character after a
  closing quote but a comma or a line end; by `close` if the text ends inside quotes.
""",
    reference=CSV_READER,
    wrong=[
        {
            "content": CSV_READER.replace(
                '                if char != "\\n":\n                    self._take("\\r")\n', ""
            ),
            "points": 2,
        },
        CSV_READER.replace("            self.field += '\"'\n            self.state", "            self.state"),
        {"content": CSV_READER.replace('raise ValueError(f"{char!r} follows a closing quote")', "return"), "points": 2},
        (
            "class CsvReader:\n    def __init__(self):\n        self.rest = ''\n\n    def feed(self, chunk):\n"
            "        *lines, self.rest = (self.rest + chunk).split('\\n')\n"
            "        return [line.rstrip('\\r').split(',') for line in lines]\n\n"
            "    def close(self):\n        return [self.rest.split(',')] if self.rest else []"
        ),
        CSV_READER.replace("class CsvReader:", "from csv import reader\n\n\nclass CsvReader:"),
        {
            "content": CSV_READER.replace(
                '        if self.carriage_return:\n            self._take("\\r")\n        if', "        if"
            ),
            "points": 2,
        },
    ],
)
def test_incremental_csv(reply, sandbox, score):
    """A parser that keeps its state between pieces; rows must come as soon as they are complete."""
    code = reply.code("python")
    candidate = sandbox.load(code)
    assert "csv" not in imported(code), "it uses the module csv"
    reader = candidate.CsvReader()
    assert reader.feed('a,"b ""q') == []
    assert reader.feed('"""\r') == []
    assert reader.feed("\n\nx,") == [["a", 'b "q"'], [""]]
    assert reader.close() == [["x", ""]]
    rng = random.Random(22)
    for _ in range(40):
        rows = [
            ["".join(rng.choices('ab,"\r\n ', k=rng.randint(0, 4))) for _ in range(rng.randint(1, 4))] for _ in "1234"
        ]
        lines = csv_text(rng, rows)
        text = "".join(lines)
        if whole := rng.random() < 0.7:
            text = text.removesuffix("\n").removesuffix("\r") if rows[-1] != [""] and text.endswith("\r\n") else text
        ends = [len("".join(lines[: i + 1])) for i in range(4)]
        cuts = sorted(rng.sample(range(len(text) + 1), min(3, len(text))))
        reader, begin = candidate.CsvReader(), 0
        for cut in [*cuts, len(text)]:
            assert reader.feed(text[begin:cut]) == [
                row for row, end in zip(rows, ends, strict=True) if begin < end <= cut
            ]
            begin = cut
        assert reader.close() == (rows[-1:] if whole and ends[-1] > len(text) else [])
    score.award(2, note="rows")
    for text, rows, last in (
        ("", [], []),
        ("a\rb\n", [["a\rb"]], []),
        ("a\r\r\n", [["a\r"]], []),
        ("a,b\r", [], [["a", "b\r"]]),
        ('"",', [], [["", ""]]),
        ('""', [], [[""]]),
        ("a\n", [["a"]], []),
        ("a,b", [], [["a", "b"]]),
    ):
        reader = candidate.CsvReader()
        assert reader.feed(text) == rows
        assert reader.close() == last
    for text in ('ab"c', '"a"b', '"a" ,', '"a"\rb', '\r"a"'):
        reader = candidate.CsvReader()
        with pytest.raises(ValueError):
            reader.feed(text + "\n")
    reader = candidate.CsvReader()
    assert reader.feed('a,"b\n') == []
    with pytest.raises(ValueError):
        reader.close()
    score.award(2, note="edges and errors")


VERSIONED_STORE = (REFERENCES / "versioned_store.py").read_text("utf-8")


class Copies:
    """The oracle of the store: every transaction has a copy of all that was committed when it began."""

    def __init__(self):
        self.committed, self.commits = {}, []

    def step(self, transactions, name, method, *arguments):
        """What a step gives."""
        if method == "new":
            transactions[name] = {"began": len(self.commits), "seen": dict(self.committed), "wrote": {}, "ended": False}
            return "made"
        transaction = transactions[name]
        if transaction["ended"]:
            return "RuntimeError"
        seen, wrote = transaction["seen"], transaction["wrote"]
        if method in ("put", "delete"):
            wrote[arguments[0]] = seen[arguments[0]] = arguments[1] if method == "put" else None
        elif method in ("commit", "rollback"):
            transaction["ended"] = True
            if method == "commit" and wrote.keys() & set().union(*self.commits[transaction["began"] :]):
                return "ConflictError"
            if method == "commit":
                self.commits.append(set(wrote))
                self.committed |= wrote
        else:
            keys = sorted(key for key, value in seen.items() if value is not None)
            return seen.get(arguments[0]) if method == "get" else keys
        return None


@polecat.question(
    tier=3,
    points=5,
    prompt="""\
Write a Python module with a key-value store whose transactions do not disturb each other (snapshot isolation). Keys are
strings, values are never `None`.

- `Store()` is an empty store. `Transaction(store)` begins a transaction on it; many can be open at once.
- A transaction sees what was committed before it began, and its own changes; nothing else, whatever others commit.
- `get(key)` returns the value or `None`; `put(key, value)` and `delete(key)` change it (a missing key may be deleted,
  and that is a change too); `keys()` returns the sorted list of the keys that have a value.
- `rollback()` ends the transaction without effect. `commit()` ends it and makes its changes visible to transactions
  that begin later. But if another transaction has committed a change of any key that this one changed, since this one
  began, then `commit()` raises `ConflictError` (a class of yours), nothing of it takes effect, and it has ended all
  the same. It doesn't matter which values were written. A transaction that changes nothing never has a conflict.
- After its end, every method of a transaction raises `RuntimeError`.
""",
    reference=VERSIONED_STORE,
    wrong=[
        VERSIONED_STORE.replace(" if time <= self.began", ""),
        {
            "content": VERSIONED_STORE.replace("                raise ConflictError(key)", "                pass"),
            "points": 2,
        },
        {
            "content": VERSIONED_STORE.replace(
                "        for key in self.writes:\n            if key in store.versions and",
                "        for key in self.writes:\n            if self.writes[key] and key in store.versions and",
            ),
            "points": 3,
        },
        {
            "content": VERSIONED_STORE.replace(
                "[-1][0] > self.began:", "[-1][0] > self.began and self.writes[key] != store.versions[key][-1][1]:"
            ),
            "points": 2,
        },
    ],
)
def test_versioned_store(reply, sandbox, score):
    """Snapshots, conflicts, and stories of many transactions; the oracle copies everything at every begin."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(PLAY)

    def holds(stories):
        for story in stories:
            oracle, transactions = Copies(), {}
            expected = ["made", *(oracle.step(transactions, *step) for step in story)]
            assert candidate._play([("store", "new", "Store"), *story]) == expected

    def new(name):
        return name, "new", "Transaction", "store"

    setting = [new("a"), ("a", "put", "x", 1), ("a", "put", "y", 2), ("a", "commit")]
    changing = [
        new("c"),
        ("c", "put", "x", 9),
        ("c", "delete", "y"),
        ("c", "put", "z", 3),
        ("c", "keys"),
        ("c", "get", "y"),
    ]
    looking = [("b", "get", "x"), ("b", "keys"), ("b", "get", "z")]
    later = [
        new("d"),
        ("d", "get", "x"),
        ("d", "keys"),
        ("d", "rollback"),
        ("d", "get", "x"),
        ("b", "commit"),
        ("b", "keys"),
    ]
    holds([[*setting, new("b"), *changing, *looking, ("c", "commit"), *looking, *later]])
    score.award(2, note="snapshots")
    both = [new("b"), new("c"), ("b", "put", "x", 5), ("c", "put", "x", 5), ("c", "put", "w", 1), ("b", "commit")]
    after = [("c", "commit"), ("c", "get", "x"), new("d"), ("d", "get", "x"), ("d", "get", "w"), ("d", "put", "x", 6)]
    undone = [new("e"), ("e", "put", "y", 7), ("e", "rollback"), ("d", "put", "y", 8), ("d", "commit")]
    same = [new("b"), new("c"), new("d"), ("b", "put", "x", 5), ("c", "put", "x", 1), ("b", "commit"), ("c", "commit")]
    again = [("d", "put", "y", 3), new("e"), ("e", "put", "y", 2), ("e", "commit"), ("d", "commit")]
    holds([[*setting, *both, *after, *undone], [*setting, *same, *again]])
    score.award(1, note="conflicts")
    rng = random.Random(23)
    stories = []
    for _ in range(30):
        story, open_ones = [], set()
        for number in range(60):
            name, key = rng.choice("abc"), rng.choice("xyz")
            if name not in open_ones and rng.random() < 0.9:
                story.append(new(name))
                open_ones.add(name)
                continue
            changing = [("put", key, number), ("put", key, 0), ("delete", key)]
            step = rng.choice([*changing, ("get", key), ("keys",), ("commit",), ("commit",), ("rollback",)])
            if name in open_ones or story[:1] == [new(name)]:
                story.append((name, *step))
            if step[0] in ("commit", "rollback"):
                open_ones.discard(name)
        stories.append(story)
    holds(stories)
    score.award(2, note="long stories")
