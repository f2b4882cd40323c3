"""The base of all records: frozen, and closed against unknown keys unless a record says otherwise."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Immutable data that refuses keys it does not know: a misspelt key must never be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class StoredRecord(Record):
    """A record read back from a run folder: newer files of the same major version may carry more keys."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


_Model = TypeVar("_Model", bound=BaseModel)

_UNSAID: set[str] = set()


def lean(record: _Model) -> _Model:
    """The record itself, with all records in it, having forgotten which fields were given and which are defaults.

    What pydantic remembers of that takes more memory than the values, and tens of thousands are kept.
    """
    object.__setattr__(record, "__pydantic_fields_set__", _UNSAID)
    for value in record.__dict__.values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                lean(part)
    return record
