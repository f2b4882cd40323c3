"""Whether a draft model may draft for a target: the rules by which llama.cpp leaves speculation off in silence.

They are `common_speculative_are_compatible` (common/speculative.cpp), with the defaults of `llama_vocab::impl::load`
(src/llama-vocab.cpp) for what a header leaves out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_polecat.asking.weights.gguf import GgufError, Header, read_weights

_TOKENS = "tokenizer.ggml.tokens"
_SIZES_DIFFER_AT_MOST = 128
_FIRST_COMPARED = 5

_TYPES = {
    "no_vocab": "none",
    "none": "none",
    "llama": "SPM",
    "bert": "WPM",
    "gpt2": "BPE",
    "hybriddna": "BPE",
    "whitespace": "BPE",
    "gemma4": "BPE",
    "t5": "UGM",
    "rwkv": "RWKV",
    "plamo2": "PLAMO2",
}
_IDS = {"llama": (1, 2), "bert": (101, None), "t5": (None, 1), "plamo2": (1, 2)}
_IDS |= dict.fromkeys(("gpt2", "hybriddna", "whitespace"), (11, 11))
_WITHOUT_BOS = ("chatglm-bpe", "glm4", "glm5")
_BEGINS_WITH_BOS = (
    *("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"),
    *("tekken", "chameleon"),
)
_ALWAYS_BEGINS_WITH_BOS = ("gemma4", "granite-embed-multi-311m")


def draft_problems(target: Path, draft: Path) -> tuple[str, ...]:
    """Why llama.cpp would not speculate with this pair of a target and a separate draft (`draft-simple`).

    Empty if it would. Each is a sentence with both values. Raises `GgufError`.
    """
    vocabularies = [_Vocabulary.of(read_weights(path, want=(_TOKENS,))) for path in (target, draft)]
    return tuple(_problems(*vocabularies))


@dataclass(frozen=True)
class _Special:
    """A token that may be put at one end of each prompt: its id, if there is one, and whether it is put there."""

    id: int | None
    added: bool


@dataclass(frozen=True)
class _Vocabulary:
    """A vocabulary as llama.cpp sees it."""

    type: str
    bos: _Special
    eos: _Special
    tokens: tuple[str, ...]

    @classmethod
    def of(cls, header: Header) -> "_Vocabulary":
        model = header.text("tokenizer.ggml.model")
        if model is None:
            raise GgufError(f"{header.path} has no vocabulary (tokenizer.ggml.model is missing); name a language model")
        kind = _TYPES.get(model, model)
        listed = header.metadata.get(_TOKENS)
        tokens = tuple(map(str, listed)) if isinstance(listed, tuple) else ()
        pre = "gemma4" if model == "gemma4" else header.text("tokenizer.ggml.pre") or ""
        bos, eos = _IDS.get(model, (None, None))
        if kind == "BPE" and pre in _WITHOUT_BOS:
            bos = None
        always = kind == "BPE" and pre in _ALWAYS_BEGINS_WITH_BOS
        begins = kind in ("SPM", "WPM") or (kind == "BPE" and pre in _BEGINS_WITH_BOS)
        return cls(
            type=kind,
            bos=_Special(_id(header, "bos", bos, len(tokens)), always or _added(header, "bos", begins)),
            eos=_Special(_id(header, "eos", eos, len(tokens)), _added(header, "eos", kind == "UGM")),
            tokens=tokens,
        )

    def shown(self, special: _Special) -> str:
        if not special.added:
            return "none"
        return "none that exists" if special.id is None else f"{special.id} ({self.tokens[special.id]!r})"


def _id(header: Header, which: str, default: int | None, tokens: int) -> int | None:
    """The id that the header gives, the default where it gives none that exists."""
    ids = (header.number(f"tokenizer.ggml.{which}_token_id"), default)
    return next((number for number in ids if number is not None and number < tokens), None)


def _added(header: Header, which: str, default: bool) -> bool:
    value = header.metadata.get(f"tokenizer.ggml.add_{which}_token")
    return value if isinstance(value, bool) else default


def _problems(target: _Vocabulary, draft: _Vocabulary) -> Iterator[str]:
    if target.type != draft.type:
        yield f"the target's vocabulary is of type {target.type}, the draft's of type {draft.type}"
        return
    for which, ours, theirs in (("begins", target.bos, draft.bos), ("ends", target.eos, draft.eos)):
        if ours.added != theirs.added or (ours.added and ours.id != theirs.id):
            name = "BOS" if which == "begins" else "EOS"
            yield (
                f"the target {which} every prompt with the {name} token {target.shown(ours)}, "
                f"the draft with {draft.shown(theirs)}"
            )
    sizes = len(target.tokens), len(draft.tokens)
    if abs(sizes[0] - sizes[1]) > _SIZES_DIFFER_AT_MOST:
        yield (
            f"the target's vocabulary has {sizes[0]} tokens, the draft's {sizes[1]}: "
            f"more than {_SIZES_DIFFER_AT_MOST} apart"
        )
    yield from _differing_token(target.tokens, draft.tokens)


def _differing_token(target: tuple[str, ...], draft: tuple[str, ...]) -> Iterator[str]:
    pairs = zip(target, draft, strict=False)
    for number, (ours, theirs) in enumerate(pairs):
        # The texts are compared up to their first null character.
        if number >= _FIRST_COMPARED and ours != theirs and ours.split("\0")[0] != theirs.split("\0")[0]:
            yield f"token {number} is {ours!r} in the target's vocabulary, {theirs!r} in the draft's"
            return
