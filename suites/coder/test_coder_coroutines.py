"""A coroutine function to be written from a description, and called beside it in an event loop."""

import random
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")

RUN_JOBS = (REFERENCES / "run_jobs.py").read_text("utf-8")
GATHERED = "        await asyncio.gather(*workers, return_exceptions=True)\n"

# A job takes a number of rounds of the event loop, not a time: so it is certain what happens before what. Each event is
# noted with the round in which it happens. A job that is cancelled needs some rounds more.
JOBS = """
import asyncio

_rounds_so_far = [0]
_raised_by_jobs = []

async def _count_rounds():
    while True:
        _rounds_so_far[0] += 1
        await asyncio.sleep(0)

def _job_that_tells(note, name, rounds, fails):
    async def job():
        note("start", name, _rounds_so_far[0])
        try:
            for _ in range(rounds):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            for _ in range(30):
                await asyncio.sleep(0)
            note("cancelled", name, _rounds_so_far[0])
            raise
        note("end", name, _rounds_so_far[0])
        if fails:
            _raised_by_jobs.append(LookupError(name))
            raise _raised_by_jobs[-1]
        return name * 2
    return job

async def _run_and_tell(note, jobs, limit):
    made = [(priority, _job_that_tells(note, name, rounds, fails)) for priority, name, rounds, fails in jobs]
    ticking = asyncio.ensure_future(_count_rounds())
    note("begin", "", _rounds_so_far[0])
    try:
        return await run_jobs(made, limit)
    except LookupError as error:
        note("raised", error is _raised_by_jobs[-1], _rounds_so_far[0])
        raise
    finally:
        note("over", "", _rounds_so_far[0])
        ticking.cancel()
"""

SOON = 15
"""Of these rounds a few may go by between the end of a job and the start of the next: a future wakes who waits for it.
The shortest job takes 40."""


@polecat.question(
    id="job-coroutines",
    tier=3,
    points=4,
    prompt="""\
Write a Python coroutine function `run_jobs(jobs, limit)` with asyncio. `jobs` is a list of tuples `(priority,
function)`: an int, and a coroutine function without parameters.

- `await run_jobs(jobs, limit)` runs all the jobs, and returns the list of their results in the order of `jobs`. There
  are always `limit` of them running at the same time, or all that are left if these are fewer; never more.
- Jobs are started by descending priority, those of the same priority in the order of the list. Whenever a job ends and
  others wait, the next one is started at once.
- If a job raises an exception, no further job is started, those that run are cancelled, and when all of these have
  ended, `run_jobs` raises that very exception. So no job is still running when `run_jobs` is over.
- A `limit` below 1 raises `ValueError`.
""",
    reference=RUN_JOBS,
    wrong=[
        RUN_JOBS.replace("-jobs[number][0]", "jobs[number][0]"),
        {
            "content": RUN_JOBS.replace("            each.cancel()\n", "            pass\n").replace(GATHERED, ""),
            "points": 2,
        },
        (
            "import asyncio\n\n\nasync def run_jobs(jobs, limit):\n    if limit < 1:\n        raise ValueError(limit)\n"
            "    return await asyncio.gather(*(function() for _, function in jobs))"
        ),
        (
            "import asyncio\n\n\nasync def run_jobs(jobs, limit):\n    if limit < 1:\n        raise ValueError(limit)\n"
            "    ranked = sorted(range(len(jobs)), key=lambda i: -jobs[i][0])\n    results = {}\n"
            "    while ranked:\n        batch, ranked = ranked[:limit], ranked[limit:]\n"
            "        done = await asyncio.gather(*(jobs[i][1]() for i in batch))\n        results |= zip(batch, done)\n"
            "    return [results[i] for i in range(len(jobs))]"
        ),
        RUN_JOBS.replace("for _ in range(limit)]", "for _ in range(1)]"),
        {"content": RUN_JOBS.replace(GATHERED, "        await asyncio.sleep(0)\n"), "points": 2},
        {
            "content": RUN_JOBS.replace(GATHERED + "        raise\n", GATHERED + "        raise LookupError\n"),
            "points": 2,
        },
    ],
)
def test_job_coroutines(reply, sandbox, score):
    """What runs when, as the jobs themselves report to the test: each start has an end that it follows."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(JOBS)
    log = []

    def note(*event):
        log.append(event)

    def events(kind):
        return [name for what, name, _ in log if what == kind]

    def rounds(kind):
        return [at for what, _, at in log if what == kind]

    rng = random.Random(24)
    for _ in range(8):
        names = rng.sample("abcdefg", rng.randint(0, 7))
        jobs = [(rng.randint(0, 2), name, rng.randint(1, 3) * 40, False) for name in names]
        limit = rng.randint(1, 3)
        log.clear()
        assert candidate._run_and_tell(note, jobs, limit) == [name * 2 for name in names]
        assert events("start") == [name for _, name, _, _ in sorted(jobs, key=lambda job: -job[0])]
        assert sorted(events("end")) == sorted(names)
        running = 0
        for what, _, _ in log:
            running += {"start": 1, "end": -1}.get(what, 0)
            assert running <= limit
        may_start = [*rounds("begin") * limit, *rounds("end")]
        assert all(start - may <= SOON for may, start in zip(may_start, rounds("start"), strict=False))
    with pytest.raises(ValueError):
        candidate._run_and_tell(note, [], 0)
    score.award(2, note="order and limit")
    jobs = [
        (1, "slow", 200, False),
        (5, "bad", 80, True),
        (3, "quick", 40, False),
        (2, "next", 400, False),
        (0, "never", 40, False),
    ]
    log.clear()
    with pytest.raises(LookupError):
        candidate._run_and_tell(note, jobs, 3)
    assert events("raised") == [True]
    assert events("start") == ["bad", "quick", "next", "slow"]
    assert events("end") == ["quick", "bad"]
    assert sorted(events("cancelled")) == ["next", "slow"]
    assert log[-1][0] == "over"
    score.award(2, note="a failure")
