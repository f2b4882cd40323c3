import heapq
import itertools


class Scheduler:
    def __init__(self, clock):
        self.clock = clock
        self._queue = []
        self._numbers = itertools.count()
        self._waiting = {}

    def after(self, delay, action, every=None):
        number = next(self._numbers)
        self._waiting[number] = action, every
        heapq.heappush(self._queue, (self.clock() + delay, next(self._numbers), number))
        return number

    def cancel(self, number):
        return self._waiting.pop(number, None) is not None

    def run_due(self):
        now = self.clock()
        count = 0
        while self._queue and self._queue[0][0] <= now:
            due, _, number = heapq.heappop(self._queue)
            if number not in self._waiting:
                continue
            action, every = self._waiting[number]
            if every is None:
                del self._waiting[number]
            else:
                heapq.heappush(self._queue, (due + every, next(self._numbers), number))
            count += 1
            action()
        return count
