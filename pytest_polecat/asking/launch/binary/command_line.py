"""From a profile to the exact command line of llama-server.

A profile has either `args` or the `command` that its author already uses. Polecat takes over what it must know or keep
under control: the files, the address, the slots, the log, and whether the server may change the flags by itself.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from pytest_polecat.asking.commands import Written, written
from pytest_polecat.asking.launch.base import find_named, server_environment
from pytest_polecat.asking.launch.binary.flags import Argument, BadFlagError
from pytest_polecat.asking.launch.binary.program import Build
from pytest_polecat.asking.launch.binary.translation import LEGACY, canonical, read, spelling, translate
from pytest_polecat.asking.weights.ecmascript import PatternError
from pytest_polecat.asking.weights.gguf import GgufError, read_header
from pytest_polecat.asking.weights.key_overrides import override_kv_problems
from pytest_polecat.asking.weights.overrides import CPU_MOE, Rule, cpu_moe_of, rules_of
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

FILE_FLAGS = {"model": "--model", "draft": "--spec-draft-model", "mmproj": "--mmproj"}
"""The keys of a profile that name weights, and their flags."""

_OTHER_FILES = (
    "--chat-template-file",
    "--lora",
    "--lora-scaled",
    "--control-vector",
    "--control-vector-scaled",
    "--grammar-file",
    "--json-schema-file",
    "-jf",
)
_DOWNLOADS = ("--hf-repo", "--hf-file", "--model-url", "-mu", "--docker-repo", "-dr")
_ADDRESS = ("--host", "--port", "--reuse-port", "--path", "--api-prefix", "--ssl-key-file", "--ssl-cert-file")
_ACCESS = ("--alias", "--api-key", "--api-key-file", "--metrics", "--slots", "--no-slots", "--ui", "--no-ui")
_LOG = ("--log-file", "--log-disable", "--log-jsonl", "--no-log-jsonl", "--log-colors")
_OURS = frozenset((*_ADDRESS, *_ACCESS, *_LOG, "--parallel"))
"""What polecat sets itself, or must not be set: how the server is reached and looked at, and its slots."""


@dataclass(frozen=True)
class CommandLine:
    """A server's command line for one build, and what it asks for.

    `arguments` are those of the profile in the build's words, `files` the weights by the profile's key for them,
    `context` the tokens of each slot at least (None: as the model says), `speculates` whether speculation has to be on,
    `placement` the rules that place tensors elsewhere.
    """

    written: Written
    build: Build
    arguments: tuple[Argument, ...]
    files: Mapping[str, Path]
    notes: tuple[str, ...]
    context: int | None
    speculates: bool
    placement: tuple[Rule, ...]

    @property
    def other_files(self) -> dict[str, Path]:
        """The files that flags name beside the weights, by the flag's name: what is in them changes replies too."""
        named = [
            (canonical(each.flag).lstrip("-"), Path(part.rsplit(":", 1)[0] if "scaled" in each.flag else part))
            for each in self.arguments
            if canonical(each.flag) in _OTHER_FILES
            for part in each.values[0].split(",")
        ]
        return {f"{name}.{number}": path.resolve() for number, (name, path) in enumerate(named) if path.is_file()}

    def value(self, name: str) -> str | None:
        """The value of a flag, None if it isn't given."""
        given = [argument.values for argument in self.arguments if canonical(argument.flag) == name]
        return ",".join(given[-1]) if given else None

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a flag that may be given several times."""
        return tuple(value for each in self.arguments if canonical(each.flag) == name for value in each.values)

    def argv(self, profile: Profile, port: int | str) -> tuple[str, ...]:
        """All words to run, with the server at this port of 127.0.0.1."""
        own = [word for argument in self.arguments for word in argument.words]
        wrapper = (*profile.wrapper, *self.written.wrapper)
        return (*wrapper, *self.build.argv, *own, *self._ours(profile, port))

    def env(self, profile: Profile) -> dict[str, str]:
        """The complete environment of the server."""
        return server_environment(profile, self.written.env)

    def _ours(self, profile: Profile, port: int | str) -> Iterator[str]:
        given = {canonical(argument.flag) for argument in self.arguments}
        wanted: dict[str, tuple[str, ...]] = {
            "--parallel": (str(profile.parallel),),
            "--host": ("127.0.0.1",),
            "--port": (str(port),),
            "--alias": (profile.name,),
            "--metrics": (),
            "--no-ui": (),
        }
        if not given & {"--jinja", "--no-jinja"}:
            wanted["--jinja"] = ()
        if "--fit" not in given:
            # What the profile says is what is run, or nothing: the server must not fit it to the device in silence.
            wanted["--fit"] = ("off",)
        if self.files.get("model") and "--offline" not in given:
            wanted["--offline"] = ()
        for name, values in wanted.items():
            if spelt := spelling(name, self.build):
                yield from (spelt, *values)


def compose(profile: Profile, build: Build, models_dir: Path | None) -> CommandLine:
    """The command line of a profile for one build. Raises `ProfileError`, one line with the key and the mend."""
    said = written(profile)
    try:
        words = said.words if profile.command else tuple(_words(profile.args, build))
        everything = read(words, build)
        _check_slots(everything, profile)
        given = [argument for argument in everything if canonical(argument.flag) not in _OURS]
        files = _files(profile, given, models_dir)
        named = [Argument(FILE_FLAGS[key], (str(path),)) for key, path in files.items()]
        rest = [argument for argument in given if canonical(argument.flag) not in FILE_FLAGS.values()]
        translated = translate([*named, *rest, *_reasoning(profile, rest)], build)
        placement = tuple(_placement(translated.arguments))
        _check_key_overrides(translated.arguments, files)
        _check_shared_cache(translated.arguments, profile.parallel)
    except (BadFlagError, PatternError) as error:
        key = "command" if profile.command else "args"
        raise ProfileError(f"profile {profile.name!r}: {key}: {error}") from None
    types = [value for each in translated.arguments if each.flag == "--spec-type" for value in each.values]
    return CommandLine(
        written=said,
        build=build,
        arguments=translated.arguments,
        files=files,
        notes=translated.notes,
        context=_context_per_slot(translated.arguments, profile.parallel),
        speculates=("draft" in files or bool(types)) and types != ["none"],
        placement=placement,
    )


def _words(args: Mapping[str, JsonValue], build: Build) -> Iterator[str]:
    """`args` as the words of a command line."""
    for key, value in args.items():
        flag = _flag_of(key, build)
        switch = build.takes(flag) and not build.flags[flag].values
        match value:
            case bool() if switch or not build.takes(flag):
                yield from _switch(flag, value, build)
            case bool():
                yield from (flag, "on" if value else "off")
            case list():
                yield from (flag, ",".join(each if isinstance(each, str) else json.dumps(each) for each in value))
            case dict():
                yield from (flag, json.dumps(value))
            case None:
                raise BadFlagError(f"{key} has no value; write one, or drop it")
            case _:
                yield from (flag, str(value))


def _switch(flag: str, on: bool, build: Build) -> Iterator[str]:
    negation = f"--no-{flag.removeprefix('--')}"
    negated, known = (build.takes(name) or name in LEGACY for name in (negation, flag))
    if on or not (negated or known):
        # Reading refuses what nobody knows.
        yield flag
    elif negated:
        yield negation


def _flag_of(key: str, build: Build) -> str:
    name = key.lstrip("-").replace("_", "-")
    known = next((flag for flag in (f"--{name}", f"-{name}") if build.takes(flag)), None)
    return known or (f"-{name}" if canonical(f"-{name}") != f"-{name}" else f"--{name}")


def _check_slots(given: Sequence[Argument], profile: Profile) -> None:
    for argument in given:
        if canonical(argument.flag) == "--parallel" and argument.values[0] != str(profile.parallel):
            raise BadFlagError(
                f"{' '.join(argument.words)} does not fit the profile's `parallel` = {profile.parallel}; "
                "set the slots by that key"
            )


def _files(profile: Profile, given: Sequence[Argument], models_dir: Path | None) -> dict[str, Path]:
    """The weights by their keys: from the profile's own keys, or from the command."""
    files = {}
    for key, flag in FILE_FLAGS.items():
        in_command = [each.values[0] for each in given if canonical(each.flag) == flag]
        own = getattr(profile, key)
        if own and in_command:
            raise BadFlagError(f"{flag} stands here, and the profile has `{key}` too; keep one")
        value = own or (in_command[-1] if in_command else None)
        if value:
            files[key] = find_named(profile, key, value, models_dir)
    if "model" not in files and not any(canonical(each.flag) in _DOWNLOADS for each in given):
        raise ProfileError(f"profile {profile.name!r}: `model` is missing; name a GGUF file")
    return files


def _reasoning(profile: Profile, given: Sequence[Argument]) -> Iterator[Argument]:
    """The server's part of the profile's `reasoning`; what the flags say already is left to them."""
    flags = {canonical(argument.flag) for argument in given}
    enabled, budget = profile.reasoning.enabled, profile.reasoning.budget
    if enabled is not None and "--reasoning" not in flags:
        yield Argument("--reasoning", ("on" if enabled else "off",))
    if budget is not None and "--reasoning-budget" not in flags:
        yield Argument("--reasoning-budget", (str(budget),))


def _placement(arguments: Sequence[Argument]) -> Iterator[Rule]:
    """The server lays the rules of all these flags in the order in which they stand."""
    for argument in arguments:
        match canonical(argument.flag):
            case "--override-tensor":
                yield from rules_of(argument.values[0])
            case "--cpu-moe":
                yield CPU_MOE
            case "--n-cpu-moe" if argument.values[0].isdecimal():
                yield from cpu_moe_of(int(argument.values[0]))


def _check_key_overrides(arguments: Sequence[Argument], files: Mapping[str, Path]) -> None:
    """The server keeps silent about a key that its model does not have."""
    values = [argument.values[0] for argument in arguments if argument.flag == "--override-kv"]
    if not values or "model" not in files:
        return
    # What is wrong with the file is the server's to say, when it is started.
    with contextlib.suppress(GgufError, OSError):
        header = read_header(files["model"])
        for problem in override_kv_problems(",".join(values), header):
            raise BadFlagError(f"--override-kv: {problem}")


def _check_shared_cache(arguments: Sequence[Argument], slots: int) -> None:
    """Slots with one cache take each other's context away: answers would depend on what else is asked."""
    if slots > 1 and any(canonical(argument.flag) == "--kv-unified" for argument in arguments):
        raise BadFlagError("--kv-unified lets questions take each other's context; drop it, or set parallel = 1")


def _context_per_slot(arguments: Sequence[Argument], slots: int) -> int | None:
    given = {canonical(argument.flag): argument.values for argument in arguments}
    try:
        total = int(given.get("--ctx-size", ("0",))[0])
    except ValueError:
        return None
    if total <= 0:
        return None
    return total if "--kv-unified" in given else total // slots
