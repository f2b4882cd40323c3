import asyncio
import collections
import copy
import datetime as dt
import decimal
import fractions
import math
import threading
from typing import Any

import pytest

from pytest_polecat import Sandbox
from pytest_polecat.sandbox.errors import CandidateError, HandleError

CALLABLES = '''
"""The module's text."""
import asyncio, contextlib, collections, threading

LIMIT = 10

def add(a, b=1, *rest, scale=1):
    """Adds."""
    return (a + b + sum(rest)) * scale

class Stack:
    size = 0
    def __init__(self, *items): self.items = list(items)
    def push(self, item): self.items.append(item); return self
    def __len__(self): return len(self.items)
    def __getitem__(self, key): return self.items[key]
    def __setitem__(self, key, value): self.items[key] = value
    def __delitem__(self, key): del self.items[key]
    def __iter__(self): return iter(self.items)
    def __eq__(self, other): return isinstance(other, Stack) and self.items == other.items
    def __hash__(self): return hash(tuple(self.items))
    def __lt__(self, other): return len(self) < len(other)
    def __add__(self, other): return Stack(*self.items, *other.items)
    def __repr__(self): return f"Stack{tuple(self.items)}"
    def __str__(self): return "a stack"
    @property
    def top(self): return self.items[-1]
    @top.setter
    def top(self, value): self.items[-1] = value
    @classmethod
    def of(cls, *items): return cls(*items)
    @staticmethod
    def empty(): return Stack()

class Tall(Stack): pass

def both(one, other): return one.items + other.items

def countdown(n):
    while n: yield n; n -= 1
    return "off"

@contextlib.contextmanager
def noting(into):
    into.append("in")
    try: yield len(into)
    except ValueError as error: into.append(str(error))
    into.append("out")

async def later(value):
    await asyncio.sleep(0)
    return value

async def ticking(n):
    for i in range(n): yield i

class Room:
    async def __aenter__(self): return "inside"
    async def __aexit__(self, *error): return False

def twice(function, *args, **kwargs): return [function(*args, **kwargs), function(*args, **kwargs)]

def from_threads(function, count):
    found = []
    threads = [threading.Thread(target=lambda i=i: found.append(function(i))) for i in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(found)

def same(value): return value
def kind(value): return type(value).__name__

async def gathered(function, items): return await asyncio.gather(*(function(item) for item in items))
'''


def test_functions_classes_and_their_members_work_as_if_imported(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CALLABLES)
    assert candidate.add(2) == 3
    assert candidate.add(1, 2, 3, scale=2) == 12
    assert candidate.add.__name__ == "add"
    assert candidate.add.__doc__ == "Adds."
    assert candidate.LIMIT == 10
    candidate.LIMIT = 11
    assert candidate.LIMIT == 11
    stack = candidate.Stack(1, 2)
    assert stack.push(3).push(4).top == 4
    stack.top = 5
    assert stack.items == [1, 2, 3, 5]
    assert (len(stack), stack[0], stack[-1], stack[1:3], list(stack)) == (4, 1, 5, [2, 3], [1, 2, 3, 5])
    stack[0] = 9
    del stack[1]
    assert stack.items == [9, 3, 5]
    assert candidate.Stack.of(1).items == [1]
    assert len(candidate.Stack.empty()) == 0
    assert candidate.Stack.size == 0
    assert (repr(stack), str(stack), f"{stack}") == ("Stack(9, 3, 5)", "a stack", "a stack")
    assert candidate.both(stack, candidate.Stack(7)) == [9, 3, 5, 7]
    assert isinstance(stack, candidate.Stack)
    assert isinstance(candidate.Tall(), candidate.Stack)
    assert not isinstance(stack, candidate.Tall)
    assert not isinstance(3, candidate.Stack)
    assert issubclass(candidate.Tall, candidate.Stack)
    assert "push" in dir(stack)
    assert not hasattr(stack, "pop")
    del candidate.LIMIT
    assert not hasattr(candidate, "LIMIT")


def test_objects_of_the_candidate_go_together_there(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CALLABLES)
    one, two = candidate.Stack(1), candidate.Stack(1)
    assert one == two
    assert one != candidate.Stack(2)
    assert one is not two
    assert one is not None
    assert {one: "found"}[two] == "found"
    assert (one + two).items == [1, 1]
    assert one < candidate.Stack(1, 2)
    assert min(candidate.Stack(1, 2), one) == one
    other = copy.deepcopy(one)
    other.push(5)
    assert len(one) == 1
    assert candidate.same(one) is one


def test_generators_context_managers_and_asynchronous_functions_work(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CALLABLES)
    assert list(candidate.countdown(3)) == [3, 2, 1]
    steps = candidate.countdown(1)
    assert next(steps) == 1
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "off"
    into: list[str] = []
    manager = candidate.noting(into)
    with manager as count:
        assert count == 1
    assert candidate.later(5) == 5
    assert list(candidate.ticking(3)) == [0, 1, 2]
    with candidate.Room() as where:
        assert where == "inside"


def test_a_context_manager_is_told_of_an_exception_but_swallows_none(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "class Hush:\n    def __enter__(self): return 4\n"
        "    def __exit__(self, kind, error, trace):\n        self.seen = [kind.__name__, str(error)]; return True\n"
    )
    hush = candidate.Hush()
    with pytest.raises(AssertionError), hush as value:
        assert value == 3, "a secret"
    assert hush.seen == ["AssertionError", ""]
    with pytest.raises(ValueError, match="mine") as raised, hush:
        raise ValueError("mine")
    assert "define" in raised.value.__notes__[0]
    assert hush.seen == ["ValueError", "mine"]
    with pytest.raises(HandleError), hush:
        assert candidate.Hush() == 3


def test_functions_of_the_test_are_called_back(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CALLABLES)
    seen: list[Any] = []

    def note(value: Any, more: Any = None) -> int:
        seen.append((value, more))
        return len(seen)

    assert candidate.twice(note, 1, more="x") == [1, 2]
    assert seen == [(1, "x"), (1, "x")]
    assert candidate.same(note) is note
    assert candidate.from_threads(lambda i: i * i, 5) == [0, 1, 4, 9, 16]
    together = threading.Barrier(3)
    assert candidate.from_threads(lambda i: together.wait(5) >= 0, 3) == [True, True, True]
    assert candidate.twice(lambda n: candidate.add(n, 1), 4) == [5, 5]

    async def double(value: int) -> int:
        await asyncio.sleep(0)
        return 2 * value

    assert candidate.gathered(double, [1, 2]) == [2, 4]
    assert candidate.twice(len, [1, 2]) == [2, 2]
    assert candidate.kind(ValueError) == "type"


def test_a_class_of_the_test_can_not_be_passed(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CALLABLES)

    class Own:
        pass

    for value in (Own, Own(), collections.Counter("a")):
        with pytest.raises(TypeError, match="can't be passed"):
            candidate.same(value)
    with pytest.raises(TypeError, match="another candidate"):
        sandbox.load(CALLABLES).same(candidate.Stack())
    with pytest.raises(HandleError, match="define"):

        class Sub(candidate.Stack):  # type: ignore[misc, name-defined]
            pass

    assert candidate.same(1) == 1


def test_what_the_test_lends_is_changed_in_place(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "def change(numbers, table, letters, data, line, nested):\n"
        "    numbers.sort(); table['new'] = 1; letters.discard('a'); data.extend(b'!'); line.popleft()\n"
        "    nested['inner'].append(nested); return numbers\n"
        "def one_list(first, second): first.append(1); return len(second), first is second\n"
        "def look(hooks): return len(hooks)\n"
        "def retype(items): items[0] = True\n"
    )
    numbers, table, letters = [3, 1, 2], {"old": 0}, {"a", "b"}
    data, line, inner = bytearray(b"x"), collections.deque([1, 2]), list[Any]([1])
    nested: dict[str, Any] = {"inner": inner}
    candidate.change(numbers, table, letters, data, line, nested)
    assert (numbers, table, letters) == ([1, 2, 3], {"old": 0, "new": 1}, {"b"})
    assert (data, line) == (bytearray(b"x!"), collections.deque([2]))
    assert nested["inner"] is inner
    assert inner[1] is nested
    shared: list[Any] = []
    assert candidate.one_list(shared, shared) == (1, True)
    hooks: list[Any] = [print, test_what_the_test_lends_is_changed_in_place]
    assert candidate.look(hooks) == 2
    assert hooks[1] is test_what_the_test_lends_is_changed_in_place
    ones: list[Any] = [1]
    candidate.retype(ones)
    assert ones[0] is True
    shared.append(shared)
    with pytest.raises(ValueError, match="holds itself"):
        candidate.look(shared)


# What the ways to the candidate and back call their own parameters and parts.
PARAMETERS = ["operation", "on", "self", "cls", "target", "args", "kwargs", "function", "id", "op", "m", "h", "fn", "d"]


def test_a_keyword_argument_may_have_any_name(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "def took(*items, **named): return [*items, named]\n"
        "def pass_on(function, /, **named): return function(**named)\n"
        "class Took(Exception):\n    def __init__(*given, **named): given[0].named = named\n"
    )
    for name in PARAMETERS:
        assert candidate.took([1], **{name: [2]}) == [[1], {name: [2]}]
        assert candidate.pass_on(lambda **named: named, **{name: 3}) == {name: 3}
        assert candidate.Took(**{name: 4}).named == {name: 4}


def test_many_lists_and_dicts_go_along_in_no_time(sandbox: Sandbox) -> None:
    candidate = sandbox.load("def mark(rows): rows[7]['cells'].append(1); return len(rows)", call_timeout=10)
    rows = [{"cells": [number]} for number in range(20_000)]
    assert candidate.mark(rows) == 20_000
    assert [row["cells"] for row in rows[6:9]] == [[6], [7, 1], [8]]


def test_exceptions_are_the_candidates_own(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "class QueueError(Exception): pass\n"
        "class JobFailedError(QueueError, ValueError):\n"
        "    def __init__(self, job, *, code=1): super().__init__(f'{job} failed'); self.job, self.code = job, code\n"
        "def fail(job):\n"
        "    try: {}[job]\n"
        "    except KeyError as error: raise JobFailedError(job, code=7) from error\n"
        "def other(): raise QueueError('x', 2)\n"
        "def keep(): return JobFailedError('kept')\n"
        "def call(f): return f()\n"
        "def decode(): return b'\\xff'.decode()\n"
        "def exit(): raise SystemExit(0)\n"
        "def stop(): raise StopIteration\n"
        "def caught(f):\n    try: f()\n    except JobFailedError as error: return error.job\n"
        "def only(f, kind):\n    try: f()\n    except kind as error: return str(error)\n"
    )
    with pytest.raises(candidate.JobFailedError, match=r"^a failed$") as failed:
        candidate.fail("a")
    error: Any = failed.value
    assert (error.job, error.code, error.kind) == ("a", 7, "JobFailedError")
    assert isinstance(error, candidate.QueueError)
    assert error.where == "solution.py:6"
    assert isinstance(error.__cause__, KeyError)
    assert isinstance(failed.value, ValueError)
    with pytest.raises(candidate.QueueError) as plain:
        candidate.other()
    assert plain.value.args == ("x", 2)
    assert not isinstance(plain.value, candidate.JobFailedError)
    assert not isinstance(plain.value, ValueError)
    with pytest.raises(AttributeError):
        _ = error.nothing
    kept = candidate.keep()
    assert isinstance(kept, candidate.JobFailedError)
    assert (str(kept), kept.code) == ("kept failed", 1)
    with pytest.raises(UnicodeDecodeError):
        candidate.decode()
    for name in ("exit", "stop"):
        with pytest.raises(CandidateError) as ended:
            getattr(candidate, name)()
        assert not isinstance(ended.value, SystemExit | StopIteration)

    def raise_its() -> None:
        raise candidate.JobFailedError("mine", code=3)

    assert candidate.caught(raise_its) == "mine"

    class BoomError(Exception):
        pass

    def raise_own() -> None:
        raise BoomError("bang")

    with pytest.raises(BoomError, match="bang") as own:
        candidate.call(raise_own)
    assert isinstance(own.value, CandidateError)
    assert candidate.only(lambda: int("x"), (KeyError, ValueError)).startswith("invalid literal")


def test_an_assertion_in_a_callback_fails_the_test_whatever_the_candidate_makes_of_it(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "def quiet(f):\n    try: return f()\n    except BaseException as error: return str(error)\n"
    )

    def check() -> None:
        assert candidate is None, "a secret"

    with pytest.raises(AssertionError, match="secret"):
        candidate.quiet(check)
    sandbox._sessions[0].asserted = None


PLAIN = [
    *(0, 1, -(2**53), 2**64, True, False, None, 1.0, -0.0, 1e300, math.inf, -math.inf, "", "ä\ud800\x00", b"\x00\xff"),
    *([1, [2.0, "x"]], (1,), (), {1: "a", (2, 3): None, "k": [1]}, {1, 2}, frozenset({"a"}), bytearray(b"x")),
    *(1 + 2j, range(1, 9, 3), slice(None, 2), ..., collections.deque([1, 2])),
    *(decimal.Decimal("1.10"), fractions.Fraction(1, 3), dt.timedelta(days=-1, microseconds=3)),
    *(dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.UTC), dt.date(1, 1, 1), dt.time(23, 59, 59, 1)),
    *(int, ValueError, [dict, bool]),
]


def test_built_in_values_go_there_and_back_as_they_are(sandbox: Sandbox) -> None:
    candidate = sandbox.load("def same(*values): return list(values)")
    back = candidate.same(*PLAIN)
    assert [(type(value), repr(value)) for value in back] == [(type(value), repr(value)) for value in PLAIN]
    assert math.isnan(candidate.same(math.nan)[0])


def test_subclasses_of_built_in_types_arrive_by_their_base(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "import collections, enum\n"
        "class Level(enum.IntEnum): LOW = 1\n"
        "class Colour(enum.Enum): RED = 'r'\n"
        "class Suit(str, enum.Enum):\n    HEARTS = 'h'\n    def __str__(self): return 'suit'\n"
        "class Names(list): 'All of them.'\n"
        "class Grid(dict[str, int]):\n    def __init__(self, *cells): super().__init__(cells)\n"
        "Point = collections.namedtuple('Point', 'x y')\n"
        "def all():\n    ordered = collections.OrderedDict(a=1)\n"
        "    plain = [Suit.HEARTS, Names('xy'), Grid('ab')]\n"
        "    return [collections.Counter('aab'), Point(1, 2), Level.LOW, ordered, *plain]\n"
        "def colours(): return {Colour.RED: 1}\n"
    )
    back = candidate.all()
    assert back == [{"a": 2, "b": 1}, (1, 2), 1, {"a": 1}, "h", ["x", "y"], {"a": "b"}]
    assert [type(value) for value in back] == [dict, tuple, int, dict, str, list, dict]
    assert candidate.colours()[candidate.Colour.RED] == 1
    assert candidate.Colour.RED == candidate.Colour.RED
    assert candidate.Colour.RED.value == "r"


DERIVED = """
import collections, enum, typing

class LRUCache(collections.OrderedDict):
    def __init__(self, size): super().__init__(); self.size = size
    def put(self, key, value):
        self[key] = value
        if len(self) > self.size: self.popitem(last=False)
    def at(self, key): self.move_to_end(key); return self[key]

class Folded(dict):
    def __getitem__(self, key): return super().__getitem__(key.lower())

class Point(typing.NamedTuple):
    x: int
    y: int
    def norm(self): return abs(self.x) + abs(self.y)

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
    def above(self): return Level(self + 1)

class Hello:
    def greet(self): return "hello"
class Text(str, Hello): pass
class Noted(list): pass
def noted():
    made = Noted([1]); made.by = "me"; return made

seen = []
class Nosy(int):
    def _look(self, *others): seen.extend(map(repr, others)); return True
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __add__ = __radd__ = __bool__ = _look
    def __hash__(self): return 3
"""


def test_a_class_with_methods_of_its_own_keeps_them_whatever_it_derives_from(sandbox: Sandbox) -> None:
    candidate = sandbox.load(DERIVED)
    cache = candidate.LRUCache(2)
    for key in "abc":
        cache.put(key, key.upper())
    assert cache.at("b") == "B"
    assert (len(cache), list(cache), "a" in cache, cache["c"]) == (2, ["c", "b"], False, "C")
    assert dict(cache) == {"c": "C", "b": "B"}
    assert isinstance(cache, candidate.LRUCache)
    assert candidate.Folded(key=1)["KEY"] == 1
    assert candidate.Point(3, -4).norm() == 7
    assert candidate.Point(3, -4).x == 3
    assert candidate.Level.LOW.above().name == "HIGH"
    assert candidate.Text("x").greet() == "hello"
    assert candidate.noted().by == "me"


def test_what_such_an_object_is_as_a_plain_value_is_compared_in_the_test(sandbox: Sandbox) -> None:
    candidate = sandbox.load(DERIVED)
    cache = candidate.LRUCache(2)
    assert cache == {}
    assert not cache
    cache.put("a", [1])
    assert cache == {"a": [1]}
    assert [cache] == [{"a": [1]}]
    assert cache != {"a": [2]}
    assert candidate.Point(3, -4) == (3, -4)
    level = candidate.Level.HIGH
    assert (level > 1, level + 1, 3 - level, level in [1, 2], {2: "two"}[level]) == (True, 3, 1, True, "two")
    with pytest.raises(HandleError):
        _ = candidate.Text("x") + 1
    nosy = candidate.Nosy(7)
    assert nosy == 7
    assert nosy + 1 == 8
    assert not any((nosy == 3, nosy != 7, nosy < 3, nosy in [3, 4], candidate.Nosy(0)))
    assert candidate.seen == []


def test_what_is_printed_and_defined_is_found(sandbox: Sandbox) -> None:
    candidate = sandbox.load({"main.py": "from part import name\n", "part.py": "name = 'p'\nprint('loaded')\n"})
    assert candidate.name == "p"
    candidate.define("import sys\ndef shout(): print('out', file=sys.stderr); return name.upper()")
    assert candidate.shout() == "P"
    assert (candidate.stdout, candidate.stderr, candidate.output_cut) == ("loaded\n", "out\n", False)


def test_threads_of_the_test_are_served_at_once(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "import queue\nbox = queue.Queue()\ndef put(x): box.put(x)\ndef take(): return box.get()\n"
    )
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(candidate.take()))
    thread.start()
    candidate.put(4)
    thread.join(10)
    assert found == [4]


def test_no_handle_is_compared_with_a_plain_value(sandbox: Sandbox) -> None:
    candidate = sandbox.load(
        "seen = []\n"
        "class Yes:\n"
        "    def _yes(self, *others): seen.extend(map(repr, others)); return True\n"
        "    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __bool__ = _yes\n"
        "    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __getattr__ = _yes\n"
        "    def __hash__(self): return 3\n"
        "def f(): return Yes()\n"
    )
    yes = candidate.f()
    for look in (
        lambda: yes == 3,
        lambda: yes != 3,
        lambda: yes < 3,
        lambda: yes >= 3,
        lambda: yes > 3,
        lambda: 3 in yes,
        lambda: yes in [1, 2],
        lambda: yes not in [1, 2],
        lambda: yes in {3, 4},
        lambda: [yes] == [1],
        lambda: (1, yes) != (1, 2),
        lambda: {"a": yes} == {"a": 3},
        lambda: {3: 0}[yes],
        lambda: sorted([yes, 3]),
        lambda: max(3, yes),
        lambda: abs(yes - 3.5) < 0.1,
        lambda: 3.5 - yes,
        lambda: sum([yes]),
        lambda: "a" + yes,
        lambda: yes == pytest.approx(3.0),
        lambda: pytest.approx(3.0) == yes,
        lambda: not yes,
        lambda: bool(yes),
        lambda: [yes].index(3),
        lambda: yes == CandidateError,
    ):
        with pytest.raises(HandleError):
            look()
    assert candidate.seen == []
