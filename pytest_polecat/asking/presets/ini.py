"""Profiles from llama-server's INI presets (`--models-preset FILE.ini`).

A section becomes a profile, with `[*]` laid under it. Sampling flags become the profile's `sampling`: on a server they
are what holds where a request says nothing, and a suite's own defaults would silently win over them. What the author
of a preset chose for a model is what the model is to be asked with, sent with each request and shown in reports.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pytest_polecat.asking.presets import flags
from pytest_polecat.asking.presets.found import Finds, Found
from pytest_polecat.asking.presets.ini_grammar import DEFAULT, GLOBAL, Section, parse
from pytest_polecat.asking.tables import Table, shown
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.request import Sampling

FILES = {"model": "model", "model-draft": "draft", "mmproj": "mmproj"}
"""Flags that name weights, and a profile's key for each."""

_SKIPPED = frozenset({"version", "load-on-startup", "stop-timeout", "dedup-cache-models"})
"""Keys that are about the file or the router, and no flags of a server."""

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+")
_QUANTIZATION = re.compile(r"[-.]([A-Za-z0-9_]+)$")


@dataclass(frozen=True)
class _Option:
    """A flag's value as it is written, or whether a flag without a value is on; `where` it stands, for errors."""

    value: str | bool
    where: str


_Options = dict[str, _Option]


def read_ini(file: str, text: str, url: str | None = None) -> Found:
    """The profiles of a file's text; `file` is what errors call it. With the `url` of a router, they are asked there.

    Raises ProfileError for what llama-server would refuse or read otherwise than it is meant.
    """
    sections, notes = parse(file, text)
    finds = Finds(notes=notes)
    options = {section.name: _options(file, section, finds.notes) for section in sections}
    below = options.pop(GLOBAL, {})
    for section, own in options.items():
        merged = {**below, **own}
        if (section == DEFAULT and not own) or not _has_weights(section, merged, finds.notes):
            continue
        name = finds.name_for(section)
        served = {"url": url, "model": _identifier(section)} if url is not None else None
        finds.tables[name] = served or _table(name, merged, finds.notes)
    return finds.done()


def _options(file: str, section: Section, notes: list[str]) -> _Options:
    """The flags of a section by their names, less those that a profile has no use for."""
    found: dict[str, tuple[int, _Option]] = {}
    where = f"[{shown(section.name, limit=80)}]"
    # Of two spellings of a flag llama-server takes the one that comes later in its sorted map of keys.
    for key, (value, line) in sorted(section.pairs.items()):
        name, negation = flags.named(key)
        if name in _SKIPPED:
            continue
        if name in flags.NOT_OURS:
            notes.append(f"{where} {shown(key)} is left out: {flags.why_not(name)}")
            continue
        place = f"{file}:{line}: {where} {shown(key)}"
        if name in found:
            notes.append(f"{where} {shown(key)} is {name} again, in another spelling; as in llama-server, it counts")
        found[name] = (line, _Option(_switch(place, key, value, negation) if name in flags.SWITCHES else value, place))
    return {name: option for name, (_, option) in sorted(found.items(), key=lambda item: item[1][0])}


def _switch(place: str, key: str, value: str, negation: bool) -> bool:
    on = flags.as_switch(value)
    if on is None:
        raise ProfileError(f"{place}: neither true nor false; write one of them")
    if negation and flags.is_variable(key):
        name, _ = flags.named(key)
        mend = f"write {name} = true or {name} = false"
        raise ProfileError(f"{place}: llama-server's presets read this name as if it had no NO in it; {mend}")
    return on is not negation


def _has_weights(section: str, options: _Options, notes: list[str]) -> bool:
    """Whether a section names a model; one that is called like a repository is one of the router's own cache."""
    if any(_text(options, name) for name in ("model", "hf-repo", "model-url", "docker-repo")):
        return True
    if _REPOSITORY.fullmatch(section):
        options["hf-repo"] = _Option(section, "")
        return True
    notes.append(f"[{shown(section, limit=80)}] names no weights, so it became no profile; add model = FILE.gguf")
    return False


def _table(name: str, options: _Options, notes: list[str]) -> Table:
    left = dict(options)
    table: Table = {}
    for flag, key in FILES.items():
        option = left.pop(flag, None)
        if option and option.value:
            table[key] = option.value
    table |= _parallel(name, left.pop("parallel", None), notes)
    table |= _reasoning(left)
    sampling = _sampling(left)
    args = dict(_args(left))
    return {**table, **({"args": args} if args else {}), **({"sampling": sampling} if sampling else {})}


def _parallel(name: str, option: _Option | None, notes: list[str]) -> Table:
    if option is None:
        return {}
    number = _typed(str(option.value))
    if not isinstance(number, int) or isinstance(number, bool):
        raise ProfileError(f"{option.where}: must be a whole number of slots")
    if number < 1:
        notes.append(
            f"{name}: parallel = {number} leaves the slots to llama-server, and is left out: polecat asks for 1"
        )
        return {}
    return {"parallel": number}


def _reasoning(left: _Options) -> Table:
    """The profile's `reasoning`, taken out of the options; what it has no word for stays a flag."""
    enabled = flags.as_switch(_text(left, "reasoning"))
    budget = _typed(_text(left, "reasoning-budget"))
    if enabled is not None:
        del left["reasoning"]
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        return {} if enabled is None else {"reasoning": "on" if enabled else "off"}
    del left["reasoning-budget"]
    if enabled:
        return {"reasoning": budget}
    return {"reasoning": {"budget": budget} if enabled is None else {"enabled": False, "budget": budget}}


def _sampling(left: _Options) -> Table:
    """The profile's `sampling`, taken out of the options; a number that it doesn't take stays a flag."""
    sampling: Table = {}
    extra: Table = {}
    for flag, option in list(left.items()):
        if flag not in flags.SAMPLING and flag not in flags.MORE_SAMPLING:
            continue
        if not _NUMBER.fullmatch(str(option.value)):
            raise ProfileError(f"{option.where}: must be a number")
        number = _number(str(option.value))
        if flag in flags.MORE_SAMPLING:
            extra[flags.MORE_SAMPLING[flag]] = number
        elif _takes(flags.SAMPLING[flag], number):
            sampling[flags.SAMPLING[flag]] = number
        else:
            continue
        del left[flag]
    return {**sampling, **({"extra": extra} if extra else {})}


def _takes(field: str, number: float) -> bool:
    try:
        Sampling.model_validate({field: number})
    except ValidationError:
        return False
    return True


def _number(text: str) -> int | float:
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def _args(left: _Options) -> Iterator[tuple[str, Any]]:
    for name, option in left.items():
        if isinstance(option.value, str):
            yield name, _on_off(option.value) if name in flags.ON_OFF else _typed(option.value)
        elif option.value:
            yield name, True
        elif off := flags.switched_off(name):
            yield off


def _on_off(value: str) -> str:
    on = flags.as_switch(value)
    return value if on is None else "on" if on else "off"


def _typed(value: str) -> bool | int | float | str:
    """A value as TOML has it, where a command line gets the same from it."""
    if value in ("true", "false"):
        return value == "true"
    if _WHOLE.fullmatch(value) and value != "-0":
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) and len(value) < 16 else value


def _text(options: Mapping[str, _Option], name: str) -> str:
    option = options.get(name)
    return str(option.value) if option else ""


def _identifier(section: str) -> str:
    """What a router calls a section: the quantization after the last colon is put into capitals."""
    name, colon, tag = section.rpartition(":")
    if not colon:
        return section
    quantization = _QUANTIZATION.search(tag)
    return f"{name}:{(quantization[1] if quantization else tag).upper()}"
