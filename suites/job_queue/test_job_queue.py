"""A job queue that grows from level to level. Level 1: a queue, one worker, results and failures."""

import threading
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader(
    suite="job_queue",
    version=1,
    licence="Apache-2.0",
    description="A job queue in Python, level by level, graded by what it does.",
    sampling={"temperature": 0.2, "max_tokens": 8192},
)
QUEUE = Path(__file__).with_name("basic_queue.py").read_text("utf-8")

# Runs each job when its result is asked for, and so in that order.
LAZY = """
class JobFailedError(Exception):
    pass


class JobQueue:
    def __init__(self):
        self.jobs = []
        self.results = {}

    def add_job(self, function, *args, **kwargs):
        self.jobs.append((function, args, kwargs))
        return len(self.jobs) - 1

    def get_result(self, job_id, timeout=None):
        if job_id not in self.results:
            function, args, kwargs = self.jobs[job_id]
            self.results[job_id] = function(*args, **kwargs)
        return self.results[job_id]
"""

DAEMONS = """
def _daemons():
    import threading
    return all(each.daemon for each in threading.enumerate() if each is not threading.main_thread())
"""


@polecat.question(
    file="basic_queue.md",
    points=25,
    tier=1,
    reference="basic_queue.py",
    wrong=[
        LAZY,
        QUEUE.replace("queue.SimpleQueue()", "queue.LifoQueue()"),
        QUEUE.replace(
            "        threading.Thread(target=self._work, daemon=True).start()\n",
            "        for _ in range(4):\n            threading.Thread(target=self._work, daemon=True).start()\n",
        ),
        {
            "content": QUEUE.replace("                result.set_exception(error)", "                raise"),
            "points": 15,
        },
        {"content": QUEUE.replace(" from error", ""), "points": 15},
        {"content": QUEUE.replace("result.exception(timeout)", "result.exception()"), "points": 20},
        {"content": QUEUE.replace("self._results[job_id]\n", "self._results.get(job_id) or Future()\n"), "points": 20},
        {"content": QUEUE.replace(", daemon=True", ""), "points": 20},
        {
            "content": QUEUE.replace("        self._jobs = queue.SimpleQueue()\n", "        self._jobs = SHARED\n")
            .replace(
                "        threading.Thread(",
                "        if not any(each.name == 'shared' for each in threading.enumerate()):\n"
                "            threading.Thread(name='shared', ",
            )
            .replace("class JobFailedError", "SHARED = queue.SimpleQueue()\n\n\nclass JobFailedError"),
            "points": 20,
        },
        {"content": QUEUE.replace("self._results[job_id]\n", "self._results.pop(job_id)\n"), "points": 10},
        "Use `queue.Queue` for the jobs and a daemon thread as the worker; `get_result` waits on an event of the job.",
    ],
)
def test_basic_queue(reply, sandbox, score):
    """Jobs run in the background, in the order in which they were added; results and failures can be asked for."""
    candidate = sandbox.load(reply.code("python"), call_timeout=4)
    queue = candidate.JobQueue()
    gate, second, ran, together = threading.Event(), threading.Event(), [], []

    def job(number):
        gate.wait(5)
        ran.append(number)
        return number * number

    jobs = [queue.add_job(job, number) for number in (3, 1, 4, 0, 5, 9)]
    assert ran == [], "a job ended before it could"
    gate.set()
    assert queue.get_result(jobs[-1]) == 81
    assert ran == [3, 1, 4, 0, 5, 9]
    pair = queue.add_job(lambda: together.append(second.wait(0.3))), queue.add_job(second.set)
    assert [queue.get_result(each) for each in pair] == [None, None]
    assert together == [False], "two jobs ran at the same time"
    score.award(10, note="in the background, in order, one at a time")

    assert [queue.get_result(each) for each in (*jobs, *reversed(jobs))] == [9, 1, 16, 0, 25, 81, 81, 25, 0, 16, 1, 9]
    keyed = queue.add_job(lambda *args, **kwargs: [list(args), kwargs], "a", None, timeout=7, b="c")
    assert queue.get_result(keyed) == [["a", None], {"timeout": 7, "b": "c"}]
    inner = queue.add_job(lambda: queue.add_job(lambda: "of a job"))
    assert queue.get_result(queue.get_result(inner)) == "of a job"
    other = candidate.JobQueue()
    assert other.get_result(other.add_job(sum, [2, 3])) == 5
    score.award(5, note="results")

    def fails():
        raise LookupError("of the test")

    failing, after = queue.add_job(fails), queue.add_job(lambda: "after")
    assert queue.get_result(after) == "after"
    for _ in range(2):
        with pytest.raises(candidate.JobFailedError) as caught:
            queue.get_result(failing)
        assert isinstance(caught.value.__cause__, LookupError)
    score.award(5, note="failures")

    gate.clear()
    slow = queue.add_job(job, 6)
    with pytest.raises(TimeoutError):
        queue.get_result(slow, timeout=0.05)
    assert other.get_result(other.add_job(sum, [4, 4])) == 8
    gate.set()
    assert queue.get_result(slow, timeout=3) == 36
    with pytest.raises(KeyError):
        queue.get_result("no job of this queue", timeout=0.05)
    candidate.define(DAEMONS)
    assert candidate._daemons() is True
    score.award(5, note="time-outs, a second queue, unknown ids, a daemon thread")
