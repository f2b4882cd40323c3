"""What tells one kind of API from another. How requests travel is the same for all: see `client`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from pytest_polecat.errors import ProfileError
from pytest_polecat.records.reply import Reply
from pytest_polecat.records.request import Request


@dataclass(frozen=True)
class Dialect:
    """How one kind of API is spoken. All of it is pure; what reads answers is total over any JSON.

    `path` follows the base URL, and so does `count_path`, where the tokens of a request are counted.
    `auth_headers(key)` raises `ProfileError` for a key that HTTP can't send.
    `body(request, model, stream)` is the JSON to send, with the API's own name for the model (None: leave it out).
    `read(raw, wall_ms)` makes a reply of an answer: the parsed object, the list of a stream's chunks, or text that is
    no JSON; what is no answer becomes a reply with an `error`. `is_cut(chunks)` tells whether a stream broke off,
    `says_something(chunk)` whether a chunk of it brings a token.
    """

    path: str
    count_path: str
    auth_headers: Callable[[str | None], dict[str, str]]
    body: Callable[[Request, str | None, bool], dict[str, JsonValue]]
    read: Callable[[JsonValue, float], Reply]
    is_cut: Callable[[Sequence[JsonValue]], bool]
    says_something: Callable[[JsonValue], bool]


def sendable(key: str | None) -> str:
    """The key as it goes into a header, empty if there is none; `ProfileError`, which does not show it, if it can't."""
    key = (key or "").strip()
    if key and not (key.isascii() and key.isprintable()):
        raise ProfileError("the API key holds characters that HTTP can't send: check the variable named by `key_env`")
    return key
