class RateLimiter:
    """Lets every key use at most `limit` units in any `window` seconds.

    `clock()` is the time in seconds, an int that never decreases. A unit used at time t counts until t + window, and
    no longer at that time itself. `units` are 1 or more.
    """

    def __init__(self, limit, window, clock):
        self.limit = limit
        self.window = window
        self.clock = clock
        self.used = {}

    def _in_use(self, key):
        now = self.clock()
        self.used[key] = [(time, units) for time, units in self.used.get(key, []) if now < time + self.window]
        return now, sum(units for _, units in self.used[key])

    def allow(self, key, units=1):
        """Use some units: True, or False (then nothing is used) if that would exceed the limit now."""
        now, in_use = self._in_use(key)
        if in_use + units > self.limit:
            return False
        self.used[key].append((now, units))
        return True

    def wait(self, key, units=1):
        """The seconds from now until `allow(key, units)` would be True if nothing else happens; 0 if it would now.

        Nothing is used. ValueError if it would never be, because `units` exceed the limit.
        """
        if units > self.limit:
            raise ValueError("more units than the limit")
        now, in_use = self._in_use(key)
        free_at = now
        for time, given in self.used[key]:
            if in_use + units > self.limit:
                in_use -= given
                free_at = time + self.window
        return free_at - now
