"""A command line in the words of one build of llama-server, whatever build it was written for.

Flags were renamed, merged and removed between builds: `--no-mmap` became `--load-mode none`, `-fa` came to want a
value, `--draft-max` became `--spec-draft-n-max`, and a draft model stopped speculating unless `--spec-type` says so.
Where a build has another word for the same thing, it is used, in both directions of time. A flag that a build has no
word for is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_polecat.asking.launch.binary.flags import Argument, BadFlagError, read_words
from pytest_polecat.asking.launch.binary.program import Build

_Rule = Callable[[Argument, Build], list[Argument]]

_SYNONYMS = (
    ("--spec-draft-model", "--model-draft", "-md"),
    ("--spec-draft-n-max", "--draft-max", "--draft-n", "--draft"),
    ("--spec-draft-n-min", "--draft-min", "--draft-n-min"),
    ("--spec-draft-p-min", "--draft-p-min"),
    ("--spec-draft-p-split", "--draft-p-split"),
    ("--spec-draft-ngl", "--gpu-layers-draft", "--n-gpu-layers-draft", "-ngld"),
    ("--spec-draft-device", "--device-draft", "-devd"),
    ("--spec-draft-override-tensor", "--override-tensor-draft", "-otd"),
    ("--spec-draft-cpu-moe", "--cpu-moe-draft", "-cmoed"),
    ("--spec-draft-n-cpu-moe", "--spec-draft-ncmoe", "--n-cpu-moe-draft", "-ncmoed"),
    ("--spec-draft-type-k", "--cache-type-k-draft", "-ctkd"),
    ("--spec-draft-type-v", "--cache-type-v-draft", "-ctvd"),
    ("--spec-draft-threads", "--threads-draft", "-td"),
    ("--spec-draft-hf", "--hf-repo-draft", "-hfd"),
    ("--spec-draft-ctx-size", "--ctx-size-draft", "-cd"),
    ("--spec-ngram-simple-size-n", "--lookup-ngram-min"),
    ("--ui", "--webui"),
    ("--no-ui", "--no-webui"),
    ("--gpu-layers", "--n-gpu-layers", "-ngl"),
    ("--ctx-checkpoints", "--swa-checkpoints"),
    ("--flash-attn", "-fa"),
    ("--load-mode", "-lm"),
    ("--direct-io", "-dio"),
    ("--no-direct-io", "-ndio"),
    ("--reasoning", "-rea"),
    ("--model", "-m"),
    ("--fit", "-fit"),
    ("--mmproj", "-mm"),
    ("--parallel", "-np"),
    ("--ctx-size", "-c"),
    ("--override-tensor", "-ot"),
    ("--cpu-moe", "-cmoe"),
    ("--n-cpu-moe", "-ncmoe"),
    ("--cache-type-k", "-ctk"),
    ("--cache-type-v", "-ctv"),
    ("--kv-unified", "-kvu"),
    ("--alias", "-a"),
    ("--hf-repo", "-hf", "-hfr"),
)
_CANONICAL = {spelling: group[0] for group in _SYNONYMS for spelling in group}
_GROUPS = {group[0]: group for group in _SYNONYMS}

_NO_VALUE = frozenset(
    {"--no-mmap", "--mmap", "--mlock", "--direct-io", "--no-direct-io", "--ui", "--no-ui", "--spec-draft-cpu-moe"}
    | {"--lookup", "--cpu-moe", "--kv-unified"}
)

LEGACY: Mapping[str, int] = {
    spelling: int(name not in _NO_VALUE)
    for name in {*_GROUPS, *_NO_VALUE, "--spec-type"}
    for spelling in _GROUPS.get(name, (name,))
}
"""How many values a flag takes that other builds know."""

_LOAD_MODES = {
    "--no-mmap": "none",
    "--mmap": "mmap",
    "--mlock": "mlock",
    "--direct-io": "dio",
}
_OLD_LOAD_MODES = {
    "auto": (),
    "mmap": (),
    "none": ("--no-mmap",),
    "mlock": ("--mlock",),
    "mmap+mlock": ("--mlock",),
    "dio": ("--direct-io",),
}
_LOOKUP = "ngram-simple"
_WITH_DRAFT = "draft-simple"
_DRAFTS = ("--spec-draft-model", "--spec-draft-hf")
_SPECULATES_BY_ITSELF = re.compile(r"mtp|dflash|dspark|eagle", re.IGNORECASE)
"""Sidecar files that switch their own type on; they are told by their names."""


@dataclass(frozen=True)
class Translated:
    """Arguments that a build takes, and a sentence for each that changed its meaning's words."""

    arguments: tuple[Argument, ...]
    notes: tuple[str, ...] = field(default=())


def canonical(flag: str) -> str:
    """The name by which a flag is known here, whatever its spelling."""
    return _CANONICAL.get(flag, flag)


def read(words: Sequence[str], build: Build) -> list[Argument]:
    """The words of a command line as arguments, by what this build and other ones know."""
    return read_words(words, build.flags, LEGACY)


def translate(arguments: Sequence[Argument], build: Build) -> Translated:
    """The same command line in this build's words. Raises `BadFlagError` for what the build has no word for."""
    translated: list[Argument] = []
    notes = []
    for argument in arguments:
        own = _in_words_of(argument, build)
        if own != [argument] and not _respelt(argument, own):
            notes.append(_note(argument, own, build))
        translated += own
    return _speculating(arguments, Translated(tuple(_in_one_mode(translated)), tuple(notes)), build)


def spelling(name: str, build: Build) -> str | None:
    """How this build spells a flag; None if it has no such flag."""
    return next((each for each in _GROUPS.get(name, (name,)) if build.takes(each)), None)


def _in_words_of(argument: Argument, build: Build) -> list[Argument]:
    name = canonical(argument.flag)
    if rule := _RULES.get(name):
        return rule(argument, build)
    if build.takes(argument.flag):
        return [argument]
    spelt = spelling(name, build)
    return [replace(argument, flag=spelt)] if spelt else _refused(argument, build)


def _flash(argument: Argument, build: Build) -> list[Argument]:
    spelt = argument.flag if build.takes(argument.flag) else spelling("--flash-attn", build)
    if spelt is None:
        return _refused(argument, build)
    wanted = (*argument.values, "on")[0]
    if build.flags[spelt].values:
        return [Argument(spelt, (wanted,))]
    return [Argument(spelt)] if wanted in ("on", "true", "enabled", "1") else []


def _load_mode(argument: Argument, build: Build) -> list[Argument]:
    if build.takes(argument.flag):
        return [argument]
    name = canonical(argument.flag)
    if spelt := spelling("--load-mode", build):
        # Without direct I/O is what every mode but `dio` is.
        return [] if name == "--no-direct-io" else [Argument(spelt, (_LOAD_MODES.get(name, *argument.values),))]
    if name != "--load-mode" or argument.values[0] not in _OLD_LOAD_MODES:
        return _refused(argument, build)
    old = [Argument(flag) for flag in _OLD_LOAD_MODES[argument.values[0]]]
    return old if all(build.takes(each.flag) for each in old) else _refused(argument, build)


def _in_one_mode(arguments: Sequence[Argument]) -> list[Argument]:
    """Switches that add up, `--mlock --no-mmap`, are one mode; of several the server would take the last alone."""
    modes = [each for each in arguments if canonical(each.flag) == "--load-mode"]
    if len(modes) < 2:
        return list(arguments)
    named = {each.values[0] for each in modes}
    mode = modes[-1].values[0] if "mlock" not in named else "mmap+mlock" if "mmap" in named else "mlock"
    return [*(each for each in arguments if each not in modes), Argument(modes[-1].flag, (mode,))]


def _reasoning(argument: Argument, build: Build) -> list[Argument]:
    if build.takes(argument.flag):
        return [argument]
    if spelt := spelling("--reasoning", build):
        return [replace(argument, flag=spelt)]
    if not build.takes("--reasoning-budget"):
        return _refused(argument, build)
    return [Argument("--reasoning-budget", ("0",))] if argument.values == ("off",) else []


def _draft_context(argument: Argument, build: Build) -> list[Argument]:
    """Builds that lack it give the draft the context of the model, whatever was written."""
    if build.takes(argument.flag):
        return [argument]
    spelt = spelling("--spec-draft-ctx-size", build)
    return [replace(argument, flag=spelt)] if spelt else []


def _lookup(argument: Argument, build: Build) -> list[Argument]:
    """`--lookup` is a fork's; llama.cpp's own speculation by n-grams of the context is a type."""
    if build.takes(argument.flag):
        return [argument]
    types = speculation_types(build)
    return [Argument("--spec-type", (_LOOKUP,))] if _LOOKUP in types else _refused(argument, build)


def _spec_type(argument: Argument, build: Build) -> list[Argument]:
    """Builds before `draft-simple` speculate with the draft model that is given, and know one type at most."""
    known = speculation_types(build)
    wanted = argument.values[0].split(",")
    kept = [each for each in wanted if each in known]
    lost = [each for each in wanted if each not in known and each not in (_WITH_DRAFT, "none")]
    if lost:
        raise BadFlagError(f"build {build.name} of the server does not know --spec-type {','.join(lost)}; {_REBUILD}")
    if len(kept) > 1 and _WITH_DRAFT not in known:
        raise BadFlagError(f"build {build.name} of the server takes one --spec-type; keep one of {', '.join(kept)}")
    return [Argument("--spec-type", (",".join(kept),))] if kept else []


def _speculating(given: Sequence[Argument], translated: Translated, build: Build) -> Translated:
    """All types in one flag, and a draft model that is not left idle unless the types were chosen."""
    types = [each for argument in translated.arguments if argument.flag == "--spec-type" for each in argument.values]
    draft = next((each for each in given if canonical(each.flag) in _DRAFTS), None)
    chosen = any(argument.flag == "--spec-type" for argument in given)
    notes = translated.notes
    if draft and Argument("--spec-type", ("none",)) in given and not build.takes("--spec-type"):
        raise BadFlagError(
            f"build {build.name} of the server speculates with every draft; drop it for --spec-type none"
        )
    if (
        draft
        and not chosen
        and _WITH_DRAFT in speculation_types(build)
        and not _SPECULATES_BY_ITSELF.search(draft.values[0])
    ):
        types.append(_WITH_DRAFT)
        notes = (*notes, f"--spec-type {_WITH_DRAFT} was added: build {build.name} ignores a draft model without it")
    others = [argument for argument in translated.arguments if argument.flag != "--spec-type"]
    joined = [Argument("--spec-type", (",".join(types),))] if types else []
    return Translated((*others, *joined), notes)


def speculation_types(build: Build) -> list[str]:
    """The types of speculation that the build knows, from the hint of its flag."""
    hint = build.flags["--spec-type"].hint if build.takes("--spec-type") else ""
    return re.findall(r"[a-z0-9-]+", hint)


def _refused(argument: Argument, build: Build) -> list[Argument]:
    raise BadFlagError(f"build {build.name} of the server has no flag {argument.flag}; {_instead(argument, build)}")


def _instead(argument: Argument, build: Build) -> str:
    """What the build itself says of a flag that it no longer takes, or what else there is to do."""
    known = build.flags.get(argument.flag)
    if known and known.removed and "." in known.text:
        return known.text.partition(".")[2].strip()
    return _REBUILD


def _respelt(argument: Argument, own: list[Argument]) -> bool:
    return len(own) == 1 and canonical(own[0].flag) == canonical(argument.flag) and own[0].values == argument.values


def _note(argument: Argument, own: list[Argument], build: Build) -> str:
    written = " ".join(argument.words)
    became = " ".join(word for each in own for word in each.words)
    return f"{written} became {became}" if became else f"{written} was left out: build {build.name} has no word for it"


_REBUILD = "take it out of the profile, or use another build of llama.cpp"

_RULES: Mapping[str, _Rule] = {
    "--flash-attn": _flash,
    "--reasoning": _reasoning,
    "--spec-draft-ctx-size": _draft_context,
    "--lookup": _lookup,
    "--spec-type": _spec_type,
    **dict.fromkeys(("--load-mode", "--no-direct-io", *_LOAD_MODES), _load_mode),
}
