"""A profile written out for people: TOML that says where each key comes from, with secrets hidden."""

import json
import shlex
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from pytest_polecat.asking.commands import words_shown
from pytest_polecat.asking.inheritance import leaves
from pytest_polecat.asking.secrets import HIDDEN, is_secret, safe_text, safe_url, safe_words
from pytest_polecat.asking.tables import Key, dotted, shown
from pytest_polecat.records.profile import Profile

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def effective(profile: Profile, origins: Mapping[str, str]) -> Iterator[str]:
    """A line of TOML for each key that has a value: `sampling.temperature = 0.7  # from "base"`.

    `origins` are those of a `ProfileBook`. What the profile's own table says has no comment.
    """
    values = {**profile.model_dump(mode="json", exclude={"name"}), "launcher": profile.launcher_name}
    for key, value in values.items():
        for leaf in leaves(value, (key,)):
            source = _source(leaf, origins)
            item = _at(value, leaf[1:])
            if item is None or (source is None and item in ([], {}, "")):
                continue
            comment = "  # default" if source is None else f'  # from "{shown(source)}"'
            yield f"{dotted(leaf)} = {toml_value(_hidden(leaf, item))}{'' if source == profile.name else comment}"


def without_secrets(profile: Profile) -> Profile:
    """The profile as it may be recorded: values that look like keys or passwords are hidden."""
    values = profile.model_dump(exclude={"name"})
    shown_values = {
        key: _hidden((key,), list(value) if isinstance(value, tuple) else value) for key, value in values.items()
    }
    return Profile(name=profile.name, **shown_values)


def asked_model(profile: Profile) -> str:
    """What a profile asks, in a word: its model, the one on its command line, or its URL."""
    flags = ("-m", "--model", "-hf", "--hf-repo")
    named = (after for flag, after in pairwise(words_shown(profile.command)) if flag in flags)
    return profile.model or next(named, "") or safe_url(profile.url or "")


def _source(leaf: Key, origins: Mapping[str, str]) -> str | None:
    written = (dotted(leaf[:length]) for length in range(len(leaf), 0, -1))
    return next((origins[key] for key in written if key in origins), None)


def _at(value: Any, key: Key) -> Any:
    for part in key:
        value = value[part]
    return value


def _hidden(key: Key, value: Any) -> Any:
    """The value of a key as it may be shown."""
    if any(isinstance(part, str) and is_secret(part) for part in key):
        return HIDDEN
    match key, value:
        case _, dict():
            return {name: _hidden((*key, name), item) for name, item in value.items()}
        case ("url",), str():
            return safe_url(value)
        case ("wrapper",), list():
            return safe_words(value)
        case ("command",), str():
            words = words_shown(value)
            safe = safe_words(words)
            return value if safe == words else shlex.join(safe)
        case _, str():
            return safe_text(value)
    return value


def toml_value(value: Any) -> str:
    """A value of JSON's types as TOML on one line."""
    match value:
        case str():
            return '"' + "".join(_letter(letter) for letter in value) + '"'
        case list():
            return f"[{', '.join(toml_value(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{dotted((name,))} = {toml_value(item)}' for name, item in value.items())}}}"
    return json.dumps(value)


def _letter(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    if letter.isprintable():
        return letter
    return f"\\U{ord(letter):08X}"
