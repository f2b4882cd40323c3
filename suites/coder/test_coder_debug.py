"""Programs with faults: the prompt shows the code and says what it should do. As it stands it earns nothing."""

import random
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")


SMOOTH = """
def smooth(values, reach):
    result = []
    for i in range(len(values)):
        window = values[max(0, i - reach) : i + reach + 1]
        result.append(sum(window) / len(window))
    return result
"""


@polecat.question(
    id="smoothing-window",
    tier=1,
    points=2,
    prompt="""\
This Python function should replace every value of a list by the mean of itself and its neighbours, up to `reach` (0 or
more) of them on each side; at the ends of the list there are fewer. It gives wrong results. Correct it, and answer with
the whole function.

```python
def smooth(values, reach):
    result = []
    for i in range(len(values)):
        window = values[i - reach : i + reach]
        result.append(sum(window) / len(window))
    return result
```
""",
    reference=SMOOTH,
    wrong=[
        SMOOTH.replace("max(0, i - reach)", "i - reach"),
        SMOOTH.replace("i + reach + 1", "i + reach"),
        SMOOTH.replace("len(window)", "(2 * reach + 1)"),
        "The slice is wrong: a negative start counts from the end, and the stop leaves out the last neighbour.",
    ],
)
def test_smoothing_window(reply, sandbox):
    """A window at the ends of a list."""
    smooth = sandbox.load(reply.code("python"), call_timeout=2).smooth
    assert smooth([], 2) == []
    assert smooth([4, 8, 6], 0) == [4, 8, 6]
    assert smooth([2, 4, 12], 1) == [3, 6, 8]
    rng = random.Random(41)
    for _ in range(30):
        values = rng.choices(range(-8, 9), k=rng.randint(1, 9))
        reach = rng.randint(0, 10)
        near = [[v for j, v in enumerate(values) if abs(i - j) <= reach] for i in range(len(values))]
        assert smooth(values, reach) == [pytest.approx(sum(each) / len(each)) for each in near]


SURVEY = (REFERENCES / "survey.py").read_text("utf-8")


@polecat.question(
    id="shared-answers",
    tier=1,
    points=3,
    prompt="""\
Objects of this Python class get in each other's way, and in that of their callers: what one survey is told turns up in
another one, and lists and dicts that go in or come out stay connected with what is inside. Each survey should keep its
own questions, tags and answers; nothing but its methods should change them. Correct the class without changing what its
methods mean, and answer with the whole class.

```python
class Survey:
    answers = {}

    def __init__(self, questions, tags=[]):
        self.questions = questions
        self.tags = tags

    def tag(self, name):
        self.tags.append(name)

    def answer(self, question, text):
        if question not in self.questions:
            raise KeyError(question)
        self.answers.setdefault(question, []).append(text)

    def summary(self):
        for question in self.questions:
            self.answers.setdefault(question, [])
        return self.answers
```

`summary()` returns a dict from each of the questions to the list of its answers; `tags` can be read, as a list.
""",
    reference=SURVEY,
    wrong=[
        SURVEY.replace("        self.answers = {}\n", "").replace(
            "    def __init__", "    answers = {}\n\n    def __init__"
        ),
        {"content": SURVEY.replace("list(questions)", "questions"), "points": 2},
        {"content": SURVEY.replace("list(tags)", "tags or []"), "points": 2},
        SURVEY.replace("tags=()", "tags=[]").replace("list(tags)", "tags"),
        {
            "content": SURVEY.replace("list(self.answers.get(question, []))", "self.answers.setdefault(question, [])"),
            "points": 2,
        },
        {
            "content": SURVEY.replace("        return {", "        self.answers = {").replace(
                " for question in self.questions}", " for question in self.questions}\n        return self.answers"
            ),
            "points": 2,
        },
    ],
)
def test_shared_answers(reply, sandbox, score):
    """Class attributes, default arguments and aliases."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(
        "def _spoilt(survey):\n    told = survey.summary()\n    for texts in told.values():\n"
        "        texts.append('spoilt')\n    told['Sugar?'] = ['spoilt']"
    )
    candidate.define(
        "def _asked(questions):\n    survey = Survey(questions)\n    questions.append('late')\n    return survey"
    )
    candidate.define(
        "def _tagged(tags):\n    survey = Survey(['Tea?'], tags)\n    tags.append('late')\n    survey.tag('attic')\n"
        "    return [survey.tags, tags]"
    )
    one, two = candidate.Survey(["Tea?", "Milk?"]), candidate.Survey(["Tea?"])
    one.answer("Tea?", "yes")
    two.answer("Tea?", "no")
    one.answer("Tea?", "always")
    one.tag("kitchen")
    assert one.summary() == {"Tea?": ["yes", "always"], "Milk?": []}
    assert two.summary() == {"Tea?": ["no"]}
    assert candidate.Survey([]).summary() == {}
    assert (one.tags, two.tags) == (["kitchen"], [])
    with pytest.raises(KeyError):
        two.answer("Milk?", "yes")
    three = candidate.Survey(["Tea?"], ["hall"])
    three.tag("attic")
    assert three.tags == ["hall", "attic"]
    score.award(2, note="surveys apart")
    candidate._spoilt(one)
    assert one.summary() == {"Tea?": ["yes", "always"], "Milk?": []}
    assert candidate._asked(["Tea?"]).summary() == {"Tea?": []}
    assert candidate._tagged(["hall"]) == [["hall", "attic"], ["hall", "late"]]
    score.award(1, note="nothing comes in or out by the side")


BILL = """
def bill(kwh, steps):
    tenths = 0
    start = 0
    for limit, price in steps:
        end = kwh if limit is None else min(kwh, limit)
        if end > start:
            tenths += (end - start) * price
            start = end
    return (tenths + 5) // 10
"""


@polecat.question(
    id="stepped-tariff",
    tier=2,
    points=3,
    prompt="""\
This Python function should compute an electricity bill. `kwh` is the consumption (an int, 0 or more). `steps` is a
list of tuples `(limit, price)` with ascending limits: the price, in tenths of a cent per kWh, holds only for the
consumption above the limit of the step before, up to its own limit (inclusive). The limit of the last step is `None`.
The result is an int, in cents, where half a cent is rounded up.

For 250 kWh and `[(100, 301), (200, 305), (None, 299)]` it should give 7555, and for 15 kWh and `[(None, 3)]` it
should give 5. Both are wrong. Find all the faults, and answer with the whole function.

```python
def bill(kwh, steps):
    total = 0
    for limit, price in steps:
        if limit is None or kwh < limit:
            total += kwh * price
            break
        total += limit * price
        kwh -= limit
    return round(total / 10)
```
""",
    reference=BILL,
    wrong=[
        BILL.replace("(tenths + 5) // 10", "round(tenths / 10)"),
        BILL.replace("            start = end\n", ""),
        (
            "def bill(kwh, steps):\n    total, start = 0, 0\n    for limit, price in steps:\n"
            "        if limit is None or kwh < limit:\n            total += (kwh - start) * price\n            break\n"
            "        total += (limit - start) * price\n        start = limit\n    return int(total / 10 + 0.5)"
        ),
    ],
)
def test_stepped_tariff(reply, sandbox):
    """Prices by step and exact rounding; the oracle pays each kWh by itself."""
    bill = sandbox.load(reply.code("python")).bill
    assert bill(250, [(100, 301), (200, 305), (None, 299)]) == 7555
    assert bill(15, [(None, 3)]) == 5
    assert bill(0, [(5, 3), (None, 1)]) == 0
    assert bill(3 * 10**17 + 1, [(None, 5)]) == 15 * 10**16 + 1
    rng = random.Random(43)
    for _ in range(60):
        limits = [*sorted(rng.sample(range(1, 40), rng.randint(0, 4))), None]
        steps = [(limit, rng.randint(0, 9)) for limit in limits]
        kwh = rng.randint(0, 50)
        prices = [next(price for limit, price in steps if limit is None or unit <= limit) for unit in range(1, kwh + 1)]
        assert bill(kwh, steps) == sum(prices) // 10 + (sum(prices) % 10 >= 5)


SCHEDULER = (REFERENCES / "scheduler.py").read_text("utf-8")

# Takes out all that is due, calls it, and then looks for what came to be due in between.
IN_BATCHES = SCHEDULER.replace(
    "        while self._queue and self._queue[0][0] <= now:\n"
    "            due, _, number = heapq.heappop(self._queue)\n",
    "        for due, _, number in self._batches(now):\n",
) + (
    "\n    def _batches(self, now):\n        while batch := sorted(each for each in self._queue if each[0] <= now):\n"
    "            self._queue = [each for each in self._queue if each[0] > now]\n            yield from batch\n"
)


@polecat.question(
    id="drifting-scheduler",
    tier=3,
    points=5,
    prompt="""\
This Python class has several faults. Correct them all, so that it does what stands below it, and answer with the whole
class.

```python
import heapq


class Scheduler:
    def __init__(self, clock):
        self.clock = clock
        self._queue = []

    def after(self, delay, action, every=None):
        entry = (self.clock() + delay, action, every)
        heapq.heappush(self._queue, entry)
        return entry

    def cancel(self, entry):
        self._queue.remove(entry)

    def run_due(self):
        count = 0
        while self._queue and self._queue[0][0] <= self.clock():
            due, action, every = heapq.heappop(self._queue)
            action()
            count += 1
            if every:
                self.after(every, action, every)
        return count
```

- `clock()` is the time in seconds. `after(delay, action, every=None)` plans a call of `action()` in `delay` (0 or more)
  seconds from now; with `every` (more than 0), one every so many seconds from then on. It returns a token.
- `run_due()` reads the clock once, when it begins. It calls, by the times for which they are planned, all actions
  that are due until then, and returns how many it called. Of actions for the same time, the one that was planned
  first comes first; a repetition counts as planned when the call before it begins. What an action plans takes part if
  it is due.
- A repeated action keeps to its times, even if `run_due` comes late: what was missed is made up for, call by call.
- `cancel(token)` takes back what is planned, the repetitions too, also when the action itself does it. It returns
  `True`, or `False` if nothing is planned for the token any more. Only that token's calls are concerned.
- An exception of an action leaves `run_due`. What else is planned, its own repetitions too, comes at the next
  `run_due`.
""",
    reference=SCHEDULER,
    wrong=[
        SCHEDULER.replace(
            "(self.clock() + delay, next(self._numbers), number)", "(self.clock() + delay, -number, number)"
        ),
        {"content": SCHEDULER.replace("(due + every,", "(now + every,"), "points": 1},
        {"content": IN_BATCHES, "points": 1},
        {"content": SCHEDULER.replace("self._queue[0][0] <= now", "self._queue[0][0] <= self.clock()"), "points": 4},
        {
            "content": SCHEDULER.replace("            action()\n", "").replace(
                "            if every is None:", "            action()\n            if every is None:"
            ),
            "points": 3,
        },
    ],
)
def test_drifting_scheduler(reply, sandbox, score):
    """Five faults in one small class, each with its point. Actions are functions of the test."""
    candidate = sandbox.load(reply.code("python"), call_timeout=3)
    called = []
    now = 0

    def logs(name):
        return lambda: called.append(name)

    def at(time, scheduler, *names):
        nonlocal now
        now = time
        called.clear()
        assert scheduler.run_due() == len(names)
        assert called == list(names)

    scheduler = candidate.Scheduler(lambda: now)
    for delay, name in [(4, "late"), (2, "one"), (2, "two"), (2, "three"), (0, "first")]:
        scheduler.after(delay, logs(name))
    at(1, scheduler, "first")
    at(3, scheduler, "one", "two", "three")
    at(4, scheduler, "late")
    at(9, scheduler)
    score.award(1, note="ties in their order")
    tick = scheduler.after(1, logs("tick"), every=3)
    scheduler.after(4, logs("other"))
    at(11, scheduler, "tick")
    at(17, scheduler, "other", "tick", "tick")
    at(19, scheduler, "tick")
    scheduler.after(9, logs("far"))
    at(29, scheduler, "tick", "tick", "far", "tick")
    score.award(1, note="no drift")
    once = scheduler.after(1, logs("once"))
    same = scheduler.after(1, logs("same"))
    assert scheduler.cancel(tick) is True
    assert scheduler.cancel(once) is True
    assert scheduler.cancel(once) is False
    at(40, scheduler, "same")
    assert scheduler.cancel(same) is False
    stopping = []

    def stops():
        called.append("stops")
        if called.count("stops") == 2:
            assert scheduler.cancel(stopping[0]) is True

    stopping.append(scheduler.after(1, stops, every=1))
    at(50, scheduler, "stops", "stops")
    assert scheduler.cancel(stopping[0]) is False
    score.award(1, note="cancelled for good")

    def fails():
        called.append("fails")
        raise LookupError("of the test")

    failing = scheduler.after(1, fails, every=10)
    scheduler.after(2, logs("after"))
    now = 53
    with pytest.raises(LookupError):
        scheduler.run_due()
    at(54, scheduler, "after")
    now = 61
    with pytest.raises(LookupError):
        scheduler.run_due()
    assert scheduler.cancel(failing) is True
    score.award(1, note="nothing lost by an exception")

    def plans():
        nonlocal now
        called.append("plans")
        now += 5
        scheduler.after(0, logs("too late"))

    def plans_now():
        called.append("plans now")
        scheduler.after(0, logs("at once"))

    scheduler.after(1, plans_now)
    scheduler.after(2, plans)
    scheduler.after(4, logs("next time"))
    at(63, scheduler, "plans now", "plans", "at once")
    at(68, scheduler, "next time", "too late")
    score.award(1, note="one look at the clock")
