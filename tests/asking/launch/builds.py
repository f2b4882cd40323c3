"""Builds of llama-server without a program: from the help texts of two real ones, and from a written one."""

from pathlib import Path

from pytest_polecat.asking.launch.binary.flags import parse_help
from pytest_polecat.asking.launch.binary.program import Build

DATA = Path(__file__).parents[2] / "data"

VINTAGE_HELP = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
-t,    --threads N                      number of threads to use during generation
-c,    --ctx-size N                     size of the prompt context
-fa,   --flash-attn                     enable Flash Attention (default: disabled)
--mlock                                 force system to keep model in RAM rather than swapping
--no-mmap                               do not memory-map model (slower load but may reduce pageouts if not using
                                        mlock)
-ot,   --override-tensor <tensor name pattern>=<buffer type>,...
                                        override tensor buffer type
-ngl,  --gpu-layers, --n-gpu-layers N   number of layers to store in VRAM
-m,    --model FNAME                    model path
-md,   --model-draft FNAME              draft model for speculative decoding (default: unused)
-cd,   --ctx-size-draft N               size of the prompt context for the draft model
--draft-max, --draft, --draft-n N       number of tokens to draft for speculative decoding (default: 16)
--draft-min, --draft-n-min N            minimum number of draft tokens to use for speculative decoding
--reasoning-budget N                    controls the amount of thinking allowed
-np,   --parallel N                     number of parallel sequences to decode (default: 1)
--host HOST                             ip address to listen (default: 127.0.0.1)
--port PORT                             port to listen (default: 8080)
"""
"""Of a build that is older than most flags: `-fa` takes no value, and nothing tells it to be without a page."""


def recorded(number: int) -> Build:
    """The build whose help text is recorded under this number."""
    return build((DATA / f"llama-server-b{number}-help.txt").read_text(encoding="utf-8"), number)


def build(help_text: str, number: int) -> Build:
    """A build with these flags."""
    return Build(argv=("llama-server",), number=number, commit="abc1234", flags=parse_help(help_text))


NEW = recorded(11434)
OLD = recorded(9093)
VINTAGE = build(VINTAGE_HELP, 5000)
