"""Profiles from llama-swap's config.yaml.

A model whose command is a llama-server becomes a profile with that `command`. Polecat takes a command as it stands, so
environment variables are put in when it is imported, and a note says so; a variable of `env` that only passes on the
one of the same name is left out, as servers have it anyway. With the URL of a running llama-swap, each model becomes a
profile that is asked there.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_polecat.asking.commands import Written, split_words
from pytest_polecat.asking.presets import flags
from pytest_polecat.asking.presets.found import Finds, Found
from pytest_polecat.asking.presets.macros import ENVIRONMENT, PORT, Macros, macros_of
from pytest_polecat.asking.presets.server_command import name_of, recognized, without
from pytest_polecat.asking.presets.yaml_document import Document
from pytest_polecat.asking.tables import Key, Table, kind, shown
from pytest_polecat.records.request import Sampling

_FIRST_PORT = "5800"
"""llama-swap's own first port, where a port stands outside `--port`, such as in the name of a log file."""

_NOT_SAMPLING = ("model", "messages", "stream")
_SECRET = re.compile(r"(.*[_-])?(key|token|secret|password|passwd)", re.IGNORECASE)
_SCRUBBED = ("LLAMA_ARG_", "AIP_")
"""Variables that polecat's servers don't inherit."""

_FIELDS = frozenset(Sampling.model_fields) - {"extra"}


@dataclass(frozen=True)
class _Model:
    """One entry of `models`: its identifier, its table, the key where it stands, and the macros that hold for it."""

    identifier: str
    table: dict[str, Any]
    key: Key
    macros: Macros


def read_llama_swap(file: str, text: str, url: str | None = None) -> Found:
    """The profiles of a config's text; `file` is what errors call it, `url` the base of a llama-swap that runs.

    Raises ProfileError, with the key and the mend, for what llama-swap would refuse too.
    """
    document = Document(file, text)
    finds = Finds()
    for model in _models(document):
        if url is not None:
            _through(document, model, url, finds)
        else:
            _served(document, model, finds)
    if url is not None and isinstance(document.value, dict) and document.value.get("apiKeys"):
        finds.notes.append("this llama-swap asks for a key: name the environment variable that holds yours in key_env")
    return finds.done()


def _models(document: Document) -> Iterator[_Model]:
    root = document.value
    if not isinstance(root, dict):
        raise document.error((), "no llama-swap config; it needs a mapping of models: models: {ID: {cmd: …}}")
    models = root.get("models")
    if not isinstance(models, dict):
        raise document.error(("models",), f"must be a mapping of models by their IDs, not {_kind(models)}")
    shared = macros_of(document, root, ("macros",))
    for identifier, table in models.items():
        key = ("models", identifier)
        if not isinstance(table, dict):
            raise document.error(key, f"must be a mapping with a cmd, not {_kind(table)}")
        own = macros_of(document, table, (*key, "macros"))
        yield _Model(identifier, table, key, Macros(document, identifier, shared, own))


def _through(document: Document, model: _Model, url: str, finds: Finds) -> None:
    """Profiles that ask a running llama-swap, which sets its own parameters: one for each name of the model."""
    described = _description(document, model)
    key = (*model.key, "filters", "setParamsByID")
    variants = [model.macros.text(name, key) for name in _mapping(document, model, "setParamsByID")]
    for identifier in dict.fromkeys([model.identifier, *variants]):
        finds.tables[finds.name_for(identifier)] = {**described, "url": url, "model": identifier}


def _served(document: Document, model: _Model, finds: Finds) -> None:
    """A profile with the model's command, and one that extends it for each further name with parameters of its own."""
    words = _words(document, model)
    command = recognized(words)
    if command is None:
        problem = "its command starts no llama-server on this machine; to ask it through llama-swap, give its URL"
        finds.notes.append(f"{shown(model.identifier, limit=100)}: is skipped: {problem}")
        return
    # All parts are read before the name is given, so that notes about them come after it.
    described = _description(document, model)
    listed = _env(document, model)
    by_name = _variants(document, model)
    every = _put_in(document, model, "setParams")
    own = {**every, **by_name.pop(model.identifier, {})}
    name = finds.name_for(model.identifier)
    env = _kept_env(name, {**listed, **command.env}, finds.notes)
    sampling = _sampling(name, own, finds.notes)
    table: Table = {**described, "command": _command(name, command, finds.notes)}
    if command.wrapper:
        table["wrapper"] = [_with_port(word) for word in command.wrapper]
    finds.tables[name] = {**table, **({"env": env} if env else {}), **({"sampling": sampling} if sampling else {})}
    _note_expanded(name, model.macros, finds.notes)
    if _filters(document, model).get("stripParams"):
        finds.notes.append(f"{name}: filters.stripParams is left out: polecat sends what it is told to")
    for identifier, more in by_name.items():
        variant = finds.name_for(identifier)
        wanted = {**every, **more}
        # llama-swap replaces a field as a whole, and what holds for one name holds for no other.
        if _laid_over(own, more) == wanted:
            finds.tables[variant] = {"extends": name, "sampling": _sampling(variant, more, finds.notes)}
        else:
            finds.tables[variant] = {**finds.tables[name], "sampling": _sampling(variant, wanted, finds.notes)}


def _words(document: Document, model: _Model) -> list[str]:
    key = (*model.key, "cmd")
    command = model.table.get("cmd")
    if not isinstance(command, str) or not command.strip():
        raise document.error(key, f"must be the command that starts the model, not {_kind(command or None)}")
    # Comments go before macros are put in, as a macro of several lines would leave the comment after its first.
    expanded = model.macros.text(_without_comments(command), key)
    try:
        return split_words(_without_comments(expanded))
    except ValueError as error:
        raise document.error(key, str(error)) from None


def _without_comments(command: str) -> str:
    return "\n".join(line for line in command.split("\n") if not line.strip().startswith("#"))


def _command(name: str, command: Written, notes: list[str]) -> str:
    """The command line less what polecat sets itself: the program, and a line for each flag."""
    kept = list(without(command.words, flags.NOT_OURS))
    given = {name_of(words[0]) for words in without(command.words, frozenset()) if words[0].startswith("-")}
    # That llama-swap's address and name are not kept goes without saying.
    unsaid = sorted(given & flags.NOT_OURS - flags.ADDRESS)
    notes += (f"{name}: --{flag} is left out: {flags.why_not(flag)}" for flag in unsaid)
    first = [command.program or "", *command.subcommand]
    if kept and not kept[0][0].startswith("-"):
        first += kept.pop(0)
    lines = [" ".join(shlex.quote(_with_port(word)) for word in words) for words in (first, *kept)]
    return "\n  ".join(lines) + "\n"


def _with_port(word: str) -> str:
    return word.replace(PORT, _FIRST_PORT)


def _env(document: Document, model: _Model) -> dict[str, str]:
    """The variables of a model, less those that only pass on what the environment has."""
    key = (*model.key, "env")
    listed = model.table.get("env")
    if listed is not None and not isinstance(listed, list):
        raise document.error(key, f"must be a list of texts such as NAME=value, not {_kind(listed)}")
    env = {}
    for index, item in enumerate(listed or []):
        name, equals, value = item.partition("=") if isinstance(item, str) else ("", "", "")
        if not name or not equals:
            raise document.error((*key, index), "must be a text such as NAME=value")
        passed_on = ENVIRONMENT.fullmatch(value)
        if passed_on and passed_on[1] == name and not name.startswith(_SCRUBBED):
            continue
        env[name] = value if _SECRET.fullmatch(name) else model.macros.text(value, (*key, index))
    return env


def _kept_env(name: str, env: dict[str, str], notes: list[str]) -> dict[str, str]:
    kept = {}
    for variable, value in env.items():
        if _SECRET.fullmatch(variable):
            mend = f"set it in the environment: export {variable}=…"
            notes.append(f"{name}: env.{shown(variable)} is left out: secrets stay out of polecat.toml; {mend}")
        else:
            kept[variable] = _with_port(value)
    return kept


def _filters(document: Document, model: _Model) -> dict[str, Any]:
    filters = model.table.get("filters")
    if filters is not None and not isinstance(filters, dict):
        raise document.error((*model.key, "filters"), f"must be a mapping, not {_kind(filters)}")
    return filters or {}


def _mapping(document: Document, model: _Model, name: str) -> dict[str, Any]:
    """A mapping among the filters, as it is written."""
    key = (*model.key, "filters", name)
    value = _filters(document, model).get(name)
    if value is not None and not isinstance(value, dict):
        raise document.error(key, f"must be a mapping of request fields, not {_kind(value)}")
    return value or {}


def _variants(document: Document, model: _Model) -> dict[str, dict[str, Any]]:
    """The request fields that hold for each name of the model."""
    by_name: dict[str, Any] = _put_in(document, model, "setParamsByID")
    for identifier, fields in by_name.items():
        if not isinstance(fields, dict):
            key = (*model.key, "filters", "setParamsByID", identifier)
            raise document.error(key, f"must be a mapping of request fields, not {_kind(fields)}")
    return by_name


def _put_in(document: Document, model: _Model, name: str) -> dict[str, Any]:
    """A mapping among the filters with macros put in."""
    expanded: dict[str, Any] = model.macros.value(_mapping(document, model, name), (*model.key, "filters", name))
    return expanded


def _sampling(name: str, fields: dict[str, Any], notes: list[str]) -> Table:
    sampling = {}
    extra = {}
    for field, value in fields.items():
        if field in _NOT_SAMPLING:
            notes.append(f"{name}: filters sets {field}, which is left out: polecat sets it")
        elif field in _FIELDS:
            sampling[field] = value
        else:
            extra[field] = value
    return {**sampling, **({"extra": extra} if extra else {})}


def _laid_over(below: Any, above: Any) -> Any:
    """What a profile inherits: mappings are merged, all else is replaced."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}


def _description(document: Document, model: _Model) -> Table:
    for name in ("description", "name"):
        value = model.table.get(name)
        if value is not None and not isinstance(value, str):
            raise document.error((*model.key, name), f"must be a text, not {_kind(value)}")
        if value:
            return {"description": _with_port(model.macros.text(value, (*model.key, name)))}
    return {}


def _note_expanded(name: str, macros: Macros, notes: list[str]) -> None:
    notes += (
        f"{name}: ${{env.{variable}}} stands for the value that it has now, which was put in"
        for variable in dict.fromkeys(macros.expanded)
    )


def _kind(value: object) -> str:
    return "nothing" if value is None else kind(value).replace("a table", "a mapping")
