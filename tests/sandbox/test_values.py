import collections
import datetime as dt
import decimal
import fractions
import json
import math
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_polecat.sandbox.errors import ProtocolError
from pytest_polecat.sandbox.inside.codec import Codec, contents
from pytest_polecat.sandbox.values import CAP, Decoder, Encoder, dumps, loads, replace_content

EXACT = (
    *(int, float, str, bool, type(None), bytes, bytearray, list, tuple, set, frozenset, dict, complex, range, slice),
    *(collections.deque, decimal.Decimal, fractions.Fraction, dt.datetime, dt.date, dt.time),
    *(dt.timedelta, type(...), type, object),
)
TAGS = ["T", "h", "fn", "m", "i", "f", "b", "ba", "t", "s", "fs", "q", "d", "c", "r", "sl", "e", "D", "F", "dt", "da"]


class Stands:
    """What stands for an object of the candidate's."""

    def __init__(self, told: Any) -> None:
        self.told = told


def decoder(**lent: Any) -> Decoder:
    def function(name: Any) -> Any:
        if not isinstance(name, str) or name not in lent:
            raise ProtocolError("not lent")
        return lent[name]

    return Decoder(Stands, function, {1: [1]})


def is_exact(value: Any) -> bool:
    if isinstance(value, Stands):
        return True
    if isinstance(value, dict):
        return type(value) is dict and all(map(is_exact, [*value.keys(), *value.values()]))
    if isinstance(value, list | tuple | set | frozenset | collections.deque):
        return type(value) in EXACT and all(map(is_exact, value))
    return type(value) in EXACT


def read(payload: bytes) -> Any:
    return decoder().decode(loads(payload).get("value"))


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8)
nonsense = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(TAGS), inner, min_size=1, max_size=2)
        | st.fixed_dictionaries({"h": st.fixed_dictionaries({"id": inner, "type": inner})})
    ),
    max_leaves=12,
)
hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None), max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
values = st.recursive(
    hashable
    | st.floats()
    | st.complex_numbers()
    | st.decimals()
    | st.fractions()
    | st.datetimes(timezones=st.just(dt.UTC) | st.none()).map(lambda value: value.replace(fold=0))
    | st.dates()
    | st.times().map(lambda value: value.replace(fold=0))
    | st.timedeltas()
    | st.binary(max_size=5).map(bytearray)
    | st.builds(range, st.integers(), st.integers(), st.integers(1, 9))
    | st.builds(slice, st.none() | st.integers(), st.none() | st.integers()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.lists(inner, max_size=3).map(collections.deque)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_protocol_error(payload: bytes) -> None:
    with suppress(ProtocolError):
        assert type(loads(payload)) is dict


@settings(max_examples=400)
@given(nonsense)
def test_any_json_is_an_exact_value_or_a_protocol_error(data: Any) -> None:
    with suppress(ProtocolError):
        assert is_exact(read(json.dumps({"value": data}).encode()))


@settings(max_examples=300)
@given(values)
def test_a_value_goes_there_and_back_as_it_is(value: Any) -> None:
    there = Codec(lambda *_: None)  # type: ignore[arg-type]
    sent = loads(dumps({"value": Encoder(Stands).encode(value)}))["value"]
    arrived = there.decode(sent, {})
    back = decoder().decode(json.loads(json.dumps(there.encode(arrived))))
    assert same(arrived, value)
    assert same(back, value)


def same(one: Any, two: Any) -> bool:
    """Equal, of the same types, and with nan equal to itself."""
    if type(one) is not type(two):
        return False
    if isinstance(one, list | tuple | collections.deque):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict):
        return same(list(one.items()), list(two.items()))
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", two) or (math.isnan(one) and math.isnan(two))
    if isinstance(one, set | frozenset):
        return len(one) == len(two) and all(any(same(each, other) for other in two) for each in one)
    return repr(one) == repr(two)


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"\xff\xfe",
        b'{"value": NaN}',
        b'{"value":' + b"9" * 5000 + b"}",
        b'{"value":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"value":' + b"[" * 90 + b"]" * 90 + b"}",
        b'{"value":[' + b",".join([b"[]"] * 600_000) + b"]}",
        b'{"value":[' + b",".join([b'{"t":[]}'] * 600_000) + b"]}",
        b"x" * (CAP + 1),
        b'{"value":{"s":[' + b",".join(b'{"i":"%x"}' % (n * (2**61 - 1)) for n in range(200_000)) + b"]}}",
        b'{"value":{"d":[[{"m":1},2]]}}',
        b'{"value":{"T":"eval"}}',
        b'{"value":{"T":"KeyboardInterrupt"}}',
        b'{"value":{"T":"__build_class__"}}',
        b'{"value":{"m":2}}',
        b'{"value":{"h":{"id":true,"type":"x"}}}',
        b'{"value":{"r":[1,2,0]}}',
        b'{"value":{"td":[999999999999,0,0]}}',
    ],
    ids=lambda payload: f"{payload[:28].decode(errors='replace')}-{len(payload)}",
)
def test_what_is_built_to_hurt_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(payload)


def test_brackets_in_texts_are_no_parts() -> None:
    text = '[{"\\' * 400_000
    assert read(dumps({"value": text})) == text


def test_a_table_of_many_keys_is_no_attack() -> None:
    table = {f"key {n}": n for n in range(100_000)}
    assert read(json.dumps({"value": Codec(lambda *_: len).encode(table)}).encode()) == table


def test_a_value_that_holds_itself_or_is_too_deep_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="holds itself"):
        Encoder(Stands).encode(ring)
    deep: tuple[Any, ...] = ()
    for _ in range(200):
        deep = (deep,)
    with pytest.raises(ValueError, match="nested more than"):
        Encoder(Stands).encode(deep)


def test_a_container_keeps_its_type() -> None:
    with pytest.raises(ProtocolError):
        replace_content([1], {1: 2})
    line = collections.deque([1])
    replace_content(line, collections.deque([2, 3]))
    assert line == collections.deque([2, 3])


class Shared(dict[int, Any]):
    """Counts how often all that it holds is gone through."""

    looks = 0

    def items(self) -> Any:
        self.looks += 1
        return super().items()


@pytest.mark.parametrize("count", [1, 500])
def test_the_work_for_a_container_does_not_grow_with_their_number(count: int) -> None:
    codec, shared = Codec(lambda *_: len), Shared()
    codec.decode(Encoder(Stands).encode([[number] for number in range(count)]), shared)
    assert len(contents(shared, codec)) == count + 1
    assert shared.looks <= 2
