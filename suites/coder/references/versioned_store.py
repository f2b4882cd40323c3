class ConflictError(Exception):
    pass


class Store:
    def __init__(self):
        self.time = 0
        self.versions = {}


class Transaction:
    def __init__(self, store):
        self.store = store
        self.began = store.time
        self.writes = {}
        self.ended = False

    def _check(self):
        if self.ended:
            raise RuntimeError("the transaction has ended")

    def get(self, key):
        self._check()
        if key in self.writes:
            return self.writes[key]
        versions = self.store.versions.get(key, [])
        return next((value for time, value in reversed(versions) if time <= self.began), None)

    def put(self, key, value):
        self._check()
        self.writes[key] = value

    def delete(self, key):
        self._check()
        self.writes[key] = None

    def keys(self):
        self._check()
        return sorted(key for key in self.store.versions.keys() | self.writes.keys() if self.get(key) is not None)

    def rollback(self):
        self._check()
        self.ended = True

    def commit(self):
        self._check()
        self.ended = True
        store = self.store
        for key in self.writes:
            if key in store.versions and store.versions[key][-1][0] > self.began:
                raise ConflictError(key)
        if self.writes:
            store.time += 1
        for key, value in self.writes.items():
            store.versions.setdefault(key, []).append((store.time, value))
