"""The demo model's tokens: bytes, common pairs, triggers, and the pieces that its replies are cut into.

The tokenizer is GPT-2's byte-level BPE (`tokenizer.ggml.model = gpt2`), which stores a token with each byte written
as one printable character. A trigger is a token of type USER_DEFINED, stored as it is: llama.cpp cuts such tokens out
of a text before anything else, so a trigger in a prompt is always exactly one token. To a piece of a reply no merge
rule leads, so it doesn't occur in prompts: the model alone writes it. (A reply of one character or a common pair is
the exception.)
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache

from pytest_polecat.demo.template import RESERVED, THINK, THOUGHT
from pytest_polecat.errors import PolecatError

PIECE = 8
"""Characters of a piece, unless it has to be longer to be unique in its reply."""

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
"""Token types of GGUF."""

# Frequent pairs of English and of code in the order in which they merge, `_` for the space. They halve a prompt.
_MERGES = """
_ t|_ a|h e|i n|r e|o n|_t he|e r|_ s|a t|_ w|_ o|e n|_ c|i t|i s|a n|o r|e s|_ b|e d|_ f|in g|_ p|o u|_a n
a l|a r|_t o|_ m|_o f|_ in|_ d|_ h|_an d|i c|a s|l e|i on|o m|l l|en t|_ n|_ l|s t|_ re|v e|_ e|r o|l y|_b e
_ g|_ T|c t|_ S|i d|o t|_ I|u t|e t|_ A|_ is|_ on|i m|a m|o w|a y|a d|s e|_ C|i g|_f or|a c|_ y|v er|u r|_ u
l d|_s t|_ M|_ it|at ion|i r|c e|_y ou|i l|_ B|_w h|o l|_ P|t er|c h|_a s|_w e|n d|i f|a g|er s|k e|e m
_c on|_ W|_ R|_w as|_ r|o d|_ F|u l|at e|_a t|r i|p p|o re|_T he|_s e|u s|_p ro|_h a|u m|_a re|_d e|a in
_o r|ig h|es t|is t|a b|r om|t h|_c om|u n|o p|_n ot|es s|_e x|i v|e w|it y|an t|_b y|e l|o s|or t|q u
_f rom|_ =|_ (|_ "|_ -
"""


@cache
def _byte_symbols() -> tuple[str, ...]:
    """The printable character that stands for each byte in GPT-2's tokenizer: itself, or one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return tuple(chr(byte if byte in printable else 256 + others.index(byte)) for byte in range(256))


def encoded(text: str) -> str:
    """The text as a byte-level token is stored."""
    symbols = _byte_symbols()
    return "".join(symbols[byte] for byte in text.encode())


@dataclass
class Vocabulary:
    """Tokens in the order of their numbers. Their stored forms are distinct: llama.cpp insists on that."""

    triggers: tuple[str, ...]
    tokens: list[str] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    _ids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, triggers: tuple[str, ...], pieces: Iterable[str]) -> "Vocabulary":
        """The vocabulary for these triggers and these pieces of replies."""
        vocabulary = cls(triggers)
        for symbol in _byte_symbols():
            vocabulary._add(symbol, NORMAL)
        vocabulary._add_merges()
        for token in RESERVED:
            vocabulary._add(token, USER_DEFINED if token in (THINK, THOUGHT) else CONTROL)
        for trigger in triggers:
            vocabulary._add(trigger, USER_DEFINED)
        for piece in pieces:
            vocabulary._add(encoded(piece), NORMAL)
        return vocabulary

    def special(self, token: str) -> int:
        """The number of a reserved token or a trigger."""
        return self._ids[token]

    def piece(self, text: str) -> int:
        """The number of a piece of a reply."""
        return self._ids[encoded(text)]

    def _add_merges(self) -> None:
        for merge in _MERGES.strip().replace("\n", "|").split("|"):
            left, right = (encoded(half.replace("_", " ")) for half in merge.split(" "))
            self.merges.append(f"{left} {right}")
            self._add(left + right, NORMAL)

    def _add(self, stored: str, kind: int) -> None:
        known = self._ids.setdefault(stored, len(self.tokens))
        if known == len(self.tokens):
            self.tokens.append(stored)
            self.types.append(kind)
        elif self.types[known] != kind:
            raise PolecatError(f"the demo model can't tell {stored!r} from a trigger or another token; reword it")


@dataclass(frozen=True)
class Known:
    """The pieces that a text has to do with when it is cut.

    `taken`: pieces that its reply has already. `last`: those of them that end a text as this text ends. `elsewhere`:
    pieces of other replies.
    """

    taken: AbstractSet[str] = frozenset()
    last: AbstractSet[str] = frozenset()
    elsewhere: AbstractSet[str] = frozenset()


def cut(text: str, known: Known) -> list[str]:
    """Cut a text into pieces that stand nowhere else in the reply, so that each has one and the same continuation.

    Only the last piece may be one of `known.last`. Pieces of other replies are avoided, but not at any price. No piece
    is a single character, unless the text is. Raises `PolecatError` if this can't be done.
    """
    for size in range(PIECE, 1, -1):
        pieces = _pieces(text, size, known)
        while len(pieces) > 1 and _is_repeated(pieces, known.taken - known.last):
            pieces[-2:] = ["".join(pieces[-2:])]
        if not _is_repeated(pieces, known.taken - known.last):
            return pieces
    raise PolecatError(f"the demo model can't tell {text!r} from another text of this reply; add a word")


def _pieces(text: str, size: int, known: Known) -> list[str]:
    """Pieces of `size` characters, or more where these are known; the last may be shorter, and may be known."""
    pieces: list[str] = []
    start = 0
    while start < len(text):
        stop = min(start + size, len(text))
        while stop < len(text) and (
            _is_repeated([*pieces, text[start:stop]], known.taken)
            or (stop < start + 2 * size and text[start:stop] in known.elsewhere)
        ):
            stop += 1
        stop += len(text) - stop == 1
        pieces.append(text[start:stop])
        start = stop
    return pieces


def _is_repeated(pieces: list[str], taken: AbstractSet[str]) -> bool:
    return bool(pieces) and (pieces[-1] in taken or pieces[-1] in pieces[:-1])
