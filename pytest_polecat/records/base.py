"""The base of all records: frozen, and closed against unknown keys unless a record says otherwise."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Immutable data that refuses keys it does not know: a misspelt key must never be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class StoredRecord(Record):
    """A record read back from a run folder: newer files of the same major version may carry more keys."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())
