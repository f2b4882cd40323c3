"""The weights that the real program is given, and looks at the processes that it runs as."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pytest_polecat.asking.launch.binary.program import Build
from pytest_polecat.demo.model import build
from pytest_polecat.demo.spec import Spec
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import ProfileRun, Served, Weights
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import marked_processes

ROOT = Path(__file__).parents[2]
MISSION = ROOT / "polecat.toml"

SPEC = Spec.model_validate(
    {
        "default": "I do not know.",
        "replies": [
            {"trigger": "capital of Iceland", "text": "Reykjavik is the capital of Iceland, a town by the sea."},
            {"trigger": "two and three", "text": "5"},
            {"trigger": "meaning of life", "think": "FOREVER", "text": "Later."},
        ],
    }
)
STRANGER = Spec.model_validate(
    {
        "default": "Nothing is known of it.",
        "replies": [{"trigger": "another world", "text": "It is quite unlike ours."}],
    }
)

SUITE = """\
    suite: sea
    questions:
      - id: capital
        prompt: What is the capital of Iceland?
        checks: [{includes: Reykjavik}]
      - id: sum
        prompt: How much are two and three?
        checks: [{exact: "5"}]
"""

DENSE = "Qwen3.5-9B-IQ4_NL.gguf"
EXPERTS = "Qwen3.5-35B-A3B-IQ4_NL.gguf"
FRONTDOOR = "Qwen3-30B-A3B-Instruct-2507-Q4_K_M.gguf"
DRAFT = "Qwen3-0.6B-Q8_0.gguf"
MTP = "Qwen3.6-35B-A3B-MTP-UD-Q4_K_XL.gguf"


def make_weights(folder: Path) -> None:
    """The mission's weights by their names, each a stand-in that answers `SPEC`; beside them what goes wrong."""
    build(SPEC, folder / DENSE, context=262144)
    build(SPEC, folder / EXPERTS, context=262144, layers=40, experts=8)
    build(SPEC, folder / FRONTDOOR, context=262144, experts=8)
    build(SPEC, folder / DRAFT, context=262144, corrupt=3)
    build(SPEC, folder / MTP, context=262144, experts=8)
    build(STRANGER, folder / "stranger.gguf")
    build(SPEC, folder / "small.gguf", context=8192)
    whole = (folder / "small.gguf").read_bytes()
    (folder / "truncated.gguf").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "text.gguf").write_text("not a model at all, but a text of some length")
    (folder / "empty.gguf").touch()
    # A key that no server reads instead of the template's.
    (folder / "bare.gguf").write_bytes(whole.replace(b"tokenizer.chat_template", b"tokenizer.chat_tamplete"))


def servers(mark: str, program: str | Path) -> dict[int, tuple[str, ...]]:
    """The words of the running servers of this program by process id, among what a test started."""
    found = {}
    for pid in marked_processes(mark):
        try:
            words = tuple(Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1])
        except OSError:
            continue
        if words and words[0] == str(program):
            found[pid] = words
    return found


def without_port(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command line less the one thing that differs from start to start."""
    at = words.index("--port") + 1
    return (*words[:at], "PORT", *words[at + 1 :])


def flags_of(words: tuple[str, ...]) -> dict[str, str]:
    """The flags of a command line, each with its value; switches have an empty one."""
    pairs = pairwise((*words, ""))
    return {word: "" if after.startswith("-") else after for word, after in pairs if word.startswith("-")}


@dataclass(frozen=True)
class Identity:
    """How one profile was served, of which a test knows that all is there."""

    run: ProfileRun
    served: Served
    weights: Weights

    @classmethod
    def of(cls, folder: RunDir, name: str) -> Identity:
        run = folder.read_run().profiles[name]
        assert run.served is not None, run.error
        assert run.served.weights is not None
        return cls(run, run.served, run.served.weights)


@dataclass(frozen=True)
class Machine:
    """The program under test: its file, and what it says of itself."""

    program: Path
    build: Build

    def profile(self, model: str | Path | None, name: str = "tiny", **keys: object) -> Profile:
        """A profile of one slot and 4096 tokens, unless `keys` say otherwise."""
        args = {"ctx-size": 4096, "threads": 1} if "command" not in keys else {}
        fields = {"name": name, "model": model and str(model), "args": args, "ready_timeout": 30, **keys}
        return Profile.model_validate(fields)
