import itertools
import queue
import threading
from concurrent.futures import Future


class JobFailedError(Exception):
    pass


class JobQueue:
    def __init__(self):
        self._numbers = itertools.count(1)
        self._results = {}
        self._jobs = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def add_job(self, function, *args, **kwargs):
        job_id = next(self._numbers)
        self._results[job_id] = result = Future()
        self._jobs.put((result, function, args, kwargs))
        return job_id

    def get_result(self, job_id, timeout=None):
        result = self._results[job_id]
        error = result.exception(timeout)
        if error is not None:
            raise JobFailedError(f"job {job_id} failed: {error}") from error
        return result.result()

    def _work(self):
        while True:
            result, function, args, kwargs = self._jobs.get()
            try:
                result.set_result(function(*args, **kwargs))
            except Exception as error:
                result.set_exception(error)
