"""Is a profile's table right? If not, an error of one line: where it stands, what is wrong, and the mend."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from pytest_polecat.asking.apis.anthropic_request import unsupported
from pytest_polecat.asking.commands import slots_asked, split_words
from pytest_polecat.asking.tables import Key, Table, Tables, did_you_mean, dotted, kind
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Price, Profile, Reasoning
from pytest_polecat.records.request import Sampling

KEYS = (*(name for name in Profile.model_fields if name != "name"), "extends")
"""The keys of a `[profiles.NAME]` table."""

_NAME = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WANTED = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": 'a list, such as ["a", "b"]',
    "list_type": 'a list, such as ["a", "b"]',
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_NESTED: dict[str, type[BaseModel]] = {"sampling": Sampling, "reasoning": Reasoning, "price": Price}


def own_tables(tables: Tables) -> dict[str, Table]:
    """The tables under `profiles` by name, as JSON's types alone; ProfileError for a bad name or an unknown key."""
    profiles = tables.value.get("profiles", {})
    if not isinstance(profiles, Mapping):
        raise tables.error(("profiles",), "must hold a table for each profile: [profiles.NAME]")
    own = {}
    for name, table in profiles.items():
        key = ("profiles", name)
        if not _NAME.fullmatch(name):
            raise tables.error(key, "a name is 1 to 80 ASCII letters, digits, dots, dashes and underscores; rename it")
        if not isinstance(table, Mapping):
            raise tables.error(key, f"must be a table, not {kind(table)}: [{dotted(key)}]")
        for unknown in table:
            if unknown not in KEYS:
                raise tables.error((*key, unknown), _unknown(name, unknown, table[unknown]))
        own[name] = tables.plain(table, key)
    return own


def validated(tables: Tables, name: str, merged: Table, origins: Mapping[str, str]) -> Profile:
    """The profile that a resolved table describes. Types are strict: "4" is no number, and true is none either."""
    try:
        profile = Profile.model_validate_json(json.dumps({**merged, "name": name}), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = _problem(first) + ("" if first["loc"] else _inherited(name, origins))
        raise _at_owner(tables, name, first["loc"], problem, origins) from None
    for key, problem in _misfits(profile):
        raise _at_owner(tables, name, (key,), problem, origins)
    slots = slots_asked(profile)
    return profile.model_copy(update={"parallel": slots}) if slots else profile


def key_env_problem(variable: str) -> str:
    """What is wrong with a `key_env`, if anything. It may be the key itself, so it is not shown."""
    if _VARIABLE.fullmatch(variable):
        return ""
    return "must be the name of an environment variable, such as OPENAI_API_KEY, not the key itself"


def _misfits(profile: Profile) -> Iterator[tuple[str, str]]:
    """What the record alone doesn't refuse: keys and what is wrong with them."""
    if profile.url is not None and not _is_address(profile.url):
        yield "url", 'must be an address such as "http://127.0.0.1:8080/v1"'
    if profile.key_env is not None and (problem := key_env_problem(profile.key_env)):
        yield "key_env", problem
    if profile.command is not None and (problem := _command_problem(profile.command)):
        yield "command", problem
        return
    for variable in profile.env:
        if not _VARIABLE.fullmatch(variable):
            yield "env", f"{variable!r} is no name of an environment variable; correct it"
        if variable == "LLAMA_API_KEY":
            yield "env", "LLAMA_API_KEY would lock us out of the server that we start; drop it"
    if profile.api == "anthropic" and (lacking := unsupported(profile.sampling)):
        yield "sampling", f"holds {', '.join(lacking)}, which Anthropic's API lacks; drop it"
    slots = slots_asked(profile)
    if slots and "parallel" in profile.model_fields_set and profile.parallel != slots:
        yield "parallel", f"is {profile.parallel}, but the command asks for {slots} slots; keep one of them"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _command_problem(command: str) -> str:
    try:
        empty = not split_words(command)
    except ValueError as error:
        return str(error)
    return "is empty; write a llama-server command line, or drop the key" if empty else ""


def _inherited(name: str, origins: Mapping[str, str]) -> str:
    """Where keys that exclude each other come from, as far as that is another profile."""
    served = {part: owner for part, owner in origins.items() if part.split(".")[0] in ("url", "command", "args")}
    others = sorted({f'{part.split(".")[0]} from "{owner}"' for part, owner in served.items() if owner != name})
    return f" (it inherits {', '.join(others)})" if others else ""


def _unknown(profile: str, key: str, value: object) -> str:
    if key == "name":
        return f"unknown key; the name stands in the header: [{dotted(('profiles', profile))}]"
    if key in Sampling.model_fields:
        return f"unknown key; write sampling.{key}"
    if key in ("api_key", "key", "token"):
        return "unknown key; keep the key in an environment variable and name that in key_env"
    near = did_you_mean(key, KEYS)
    if not near and isinstance(value, Mapping):
        return f"unknown key; a name with dots stands in quotes: [{dotted(('profiles', f'{profile}.{key}'))}]"
    return f"unknown key; {near or 'server flags go under args, request fields under sampling.extra'}"


def _unknown_nested(key: Key) -> str:
    known = _NESTED[str(key[0])].model_fields
    near = did_you_mean(str(key[-1]), known)
    if not near and key[0] == "sampling":
        near = "request fields that polecat doesn't know go under sampling.extra"
    return f"unknown key; {near or 'known are: ' + ', '.join(known)}"


def _problem(error: Any) -> str:
    match error["type"]:
        case "extra_forbidden":
            return _unknown_nested(error["loc"])
        case "value_error":
            return str(error["ctx"]["error"])
        case "model_type" | "model_attributes_type" if error["loc"][-1] == "reasoning":
            return 'write reasoning = "on", "off" or a number of tokens'
        case known if known in _WANTED:
            return f"must be {_WANTED[known]}, not {kind(error['input'])}"
    return str(error["msg"]).replace("Input should be", "must be")


def _at_owner(tables: Tables, name: str, key: Key, problem: str, origins: Mapping[str, str]) -> ProfileError:
    """The error of a key, placed in the table that it was inherited from."""
    written = (dotted(key[:length]) for length in range(len(key), 0, -1))
    owner = next((origins[part] for part in written if part in origins), name)
    if owner not in tables.value["profiles"]:
        owner = name
    return tables.error(("profiles", owner, *key), problem)
