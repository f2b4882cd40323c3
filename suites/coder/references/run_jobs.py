import asyncio


async def run_jobs(jobs, limit):
    if limit < 1:
        raise ValueError("limit must be 1 or more")
    waiting = sorted(range(len(jobs)), key=lambda number: -jobs[number][0])
    results = [None] * len(jobs)

    async def worker():
        while waiting:
            number = waiting.pop(0)
            results[number] = await jobs[number][1]()

    workers = [asyncio.ensure_future(worker()) for _ in range(limit)]
    try:
        await asyncio.gather(*workers)
    except BaseException:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        raise
    return results
