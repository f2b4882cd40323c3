class ExpiringCache:
    def __init__(self, capacity, lifetime, clock):
        self.capacity = capacity
        self.lifetime = lifetime
        self.clock = clock
        self.entries = {}

    def _drop_expired(self):
        now = self.clock()
        self.entries = {key: entry for key, entry in self.entries.items() if now < entry[1]}
        return now

    def put(self, key, value):
        now = self._drop_expired()
        self.entries.pop(key, None)
        if len(self.entries) == self.capacity:
            del self.entries[next(iter(self.entries))]
        self.entries[key] = value, now + self.lifetime

    def get(self, key):
        self._drop_expired()
        self.entries[key] = self.entries.pop(key)
        return self.entries[key][0]

    def keys(self):
        self._drop_expired()
        return list(self.entries)
