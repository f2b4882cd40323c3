"""A coroutine function to be written from a description, and called beside it in an event loop."""

import random
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")

RUN_JOBS = (REFERENCES / "run_jobs.py").read_text("utf-8")
GATHERED = "        await asyncio.gather(*workers, return_exceptions=True)\n"

# A job takes a number of rounds of the event loop, not a time: so the order of all events is certain.
JOBS = """
import asyncio

def _job(note, name, rounds, fails):
    async def job():
        note("start", name)
        try:
            for _ in range(rounds * 40):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            note("cancelled", name)
            raise
        note("end", name)
        if fails:
            raise LookupError(name)
        return name * 2
    return job

async def _run(note, jobs, limit):
    made = [(priority, _job(note, name, rounds, fails)) for priority, name, rounds, fails in jobs]
    try:
        return await run_jobs(made, limit)
    finally:
        note("over", "")
"""


@polecat.question(
    id="job-coroutines",
    tier=3,
    points=4,
    prompt="""\
Write a Python coroutine function `run_jobs(jobs, limit)` with asyncio. `jobs` is a list of tuples `(priority,
function)`: an int, and a coroutine function without parameters.

- `await run_jobs(jobs, limit)` runs all the jobs, at most `limit` at the same time, and returns the list of their
  results in the order of `jobs`.
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
    ],
)
def test_job_coroutines(reply, sandbox, score):
    """What runs when, as the jobs themselves report to the test; the oracle deals them out by a calendar."""
    candidate = sandbox.load(reply.code("python"))
    candidate.define(JOBS)
    log = []

    def note(*event):
        log.append(event)

    def events(kind):
        return [name for what, name in log if what == kind]

    rng = random.Random(24)
    for _ in range(8):
        names = rng.sample("abcdefg", rng.randint(0, 7))
        jobs = [(rng.randint(0, 2), name, rng.randint(1, 3), False) for name in names]
        limit = rng.randint(1, 3)
        log.clear()
        assert candidate._run(note, jobs, limit) == [name * 2 for name in names]
        ranked = [name for _, name, _, _ in sorted(jobs, key=lambda job: -job[0])]
        assert events("start") == ranked
        running = 0
        for place, (what, _) in enumerate(log):
            running += {"start": 1, "end": -1}.get(what, 0)
            assert running <= limit
            waiting = len(names) - [what for what, _ in log[: place + 1]].count("start")
            if what == "end" and waiting:
                assert log[place + 1][0] == "start"
    with pytest.raises(ValueError):
        candidate._run(note, [], 0)
    score.award(2, note="order and limit")
    jobs = [
        (1, "slow", 5, False),
        (5, "bad", 1, True),
        (3, "quick", 1, False),
        (2, "next", 9, False),
        (0, "never", 1, False),
    ]
    log.clear()
    with pytest.raises(LookupError):
        candidate._run(note, jobs, 3)
    assert "never" not in events("start")
    assert set(events("start")) == set(events("end")) | set(events("cancelled"))
    assert "slow" not in events("end")
    assert log[-1] == ("over", "")
    score.award(2, note="a failure")
