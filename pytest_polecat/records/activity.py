"""What goes on in a process that asks questions."""

from pytest_polecat.records.base import StoredRecord


class Activity(StoredRecord):
    """Requests in flight now, and the tokens that were generated for this process so far."""

    in_flight: int = 0
    tokens: int = 0
