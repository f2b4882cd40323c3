"""What a profile inherits through `extends`: key by key, each ancestor once, and which table each key comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from pytest_polecat.asking.profile_validation import own_tables, validated
from pytest_polecat.asking.tables import Key, Table, Tables, did_you_mean, dotted, shown
from pytest_polecat.records.profile import Profile, Reasoning

MERGED = frozenset({"args", "env", "sampling", "reasoning", "price"})
"""The tables of a profile that are merged key by key; every other value is replaced."""

Lineage = list[tuple[str, Table]]
"""A profile's ancestors and last itself, each with its own table: later ones are laid over earlier ones."""


@dataclass(frozen=True)
class Resolved:
    """A profile, the table that it was made from, and the name of the profile that each dotted key comes from."""

    profile: Profile
    table: Table
    origins: Mapping[str, str]


def resolve(tables: Tables, given: Mapping[str, Resolved]) -> dict[str, Resolved]:
    """Every profile of some tables; parents are looked for among them, then among those `given`."""
    own = own_tables(tables)
    others = {name: item.table for name, item in given.items()}
    resolved = {}
    for name in own:
        merged, origins = _merged(_lineage(tables, own, others, name))
        profile = validated(tables, name, merged, origins)
        if profile.parallel != merged.get("parallel", 1):
            origins["parallel"] = origins["command"]
        resolved[name] = Resolved(profile, merged, origins)
    return resolved


def leaves(value: object, key: Key) -> Iterator[Key]:
    """The keys of a profile that have a source of their own: each key of a merged table, else the whole value."""
    if isinstance(value, dict) and key[0] in MERGED:
        for name, item in value.items():
            yield from leaves(item, (*key, name))
    else:
        yield key


def _lineage(tables: Tables, own: Mapping[str, Table], given: Mapping[str, Table], name: str) -> Lineage:
    """The tables that make up a profile. Each ancestor counts once, before whatever extends it."""
    lineage: dict[tuple[str, bool], Table] = {}

    def climb(name: str, trail: tuple[str, ...]) -> None:
        key = ("profiles", name, "extends")
        for parent in _parents(tables, key, own[name].get("extends", [])):
            if parent in own and (parent != name or parent not in given):
                if parent in trail:
                    circle = " -> ".join((*trail, parent))
                    raise tables.error(key, f"goes round in a circle: {circle}; drop one of them")
                climb(parent, (*trail, parent))
            elif parent in given:
                lineage.setdefault((parent, False), given[parent])
            else:
                mend = did_you_mean(parent, [*own, *given]) or "name one that exists"
                raise tables.error(key, f'there is no profile "{shown(parent, limit=80)}"; {mend}')
        lineage.setdefault((name, True), own[name])

    climb(name, (name,))
    return [(owner, table) for (owner, _), table in lineage.items()]


def _parents(tables: Tables, key: Key, extends: object) -> list[str]:
    names = [extends] if isinstance(extends, str) else extends
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise tables.error(key, 'must be the name of a profile, or a list of names: extends = "base"')
    return names


def _merged(lineage: Lineage) -> tuple[Table, dict[str, str]]:
    merged: Table = {}
    origins: dict[str, str] = {}
    for owner, table in lineage:
        for key, value in table.items():
            if key == "extends":
                continue
            below = _long_form(key, merged.get(key))
            merged[key] = _laid_over(below, value) if key in MERGED else value
            origins |= {dotted(leaf): owner for leaf in leaves(value, (key,))}
    return merged, origins


def _laid_over(below: object, above: object) -> object:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}


def _long_form(key: str, value: object) -> object:
    """The table that the short form of `reasoning` stands for; anything else as it is."""
    if key != "reasoning" or value is None or isinstance(value, dict):
        return value
    try:
        return Reasoning.model_validate(value).model_dump(exclude_none=True)
    except ValidationError:
        return value
