"""Writes the demo model: a GGUF file of architecture `llama` whose replies are those of a `Spec`."""

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_polecat.demo import weights
from pytest_polecat.demo.automaton import corrupted, pieces_of, transitions
from pytest_polecat.demo.layout import HEAD, Layout, embeddings
from pytest_polecat.demo.spec import Spec
from pytest_polecat.demo.template import BEGIN, END, TEMPLATE
from pytest_polecat.demo.vocabulary import Vocabulary

if TYPE_CHECKING:
    import gguf

LAYERS = 2
"""The layers that the replies need."""


def build(
    spec: Spec,
    path: Path,
    *,
    context: int = 8192,
    layers: int = LAYERS,
    experts: int = 0,
    name: str = "demo",
    weak: bool = False,
    corrupt: int = 0,
) -> None:
    """Write the model file. The same arguments give the same file, byte for byte.

    `context` is the declared training context in tokens: servers cap a slot at it. `layers` beyond the two that answer
    change nothing: they are there for flags that place layers. With `experts` the feed-forward
    parts are mixtures of so many equal experts, two of them used; any number of them gives the same replies. `weak`
    answers with the spec's weak replies. `corrupt=N` makes every N-th step inside replies end the reply. The
    vocabulary is the same in all these cases, so each file can be the draft model of any other. Raises `PolecatError`
    for replies that can't be told apart.
    """
    import gguf

    tables = transitions(spec)
    vocabulary = Vocabulary.of(spec.triggers, [piece for table in tables for piece in pieces_of(table)])
    layout = Layout.of(vocabulary, corrupted(tables[weak], corrupt))
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_description("replies known in advance, weights written by hand: the demo model of pytest-polecat")
    _add_dimensions(writer, layout, context, layers, experts)
    _add_tokenizer(writer, layout.vocabulary)
    _add_tensors(writer, layout, layers, experts)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_dimensions(writer: "gguf.GGUFWriter", layout: Layout, context: int, layers: int, experts: int) -> None:
    import gguf

    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(context)
    writer.add_embedding_length(layout.width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(layout.hidden)
    writer.add_head_count(layout.heads)
    writer.add_head_count_kv(layout.heads)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(weights.FREQUENCY_BASE)
    writer.add_layer_norm_rms_eps(weights.NORM_EPSILON)
    writer.add_vocab_size(len(layout.vocabulary.tokens))
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(min(2, experts))


def _add_tokenizer(writer: "gguf.GGUFWriter", vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.special(BEGIN))
    writer.add_eos_token_id(vocabulary.special(END))
    writer.add_pad_token_id(vocabulary.special(END))
    # Layer 1 counts from this token.
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def _add_tensors(writer: "gguf.GGUFWriter", layout: Layout, layers: int, experts: int) -> None:
    import numpy as np

    ones = np.ones(layout.width, dtype=np.float32)
    writer.add_tensor("token_embd.weight", embeddings(layout))
    writer.add_tensor("output.weight", weights.output(layout))
    writer.add_tensor("output_norm.weight", ones)
    answering = [
        (weights.counting(layout), weights.idle(layout)),
        (weights.lookup(layout), weights.transition_table(layout)),
    ]
    more = [(weights.unheeding(layout), weights.idle(layout))] * (layers - LAYERS)
    for number, (attention, feed_forward) in enumerate([*answering, *more]):
        block = f"blk.{number}."
        writer.add_tensor(f"{block}attn_norm.weight", ones)
        writer.add_tensor(f"{block}attn_q.weight", attention.query)
        writer.add_tensor(f"{block}attn_k.weight", attention.key)
        writer.add_tensor(f"{block}attn_v.weight", attention.value)
        writer.add_tensor(f"{block}attn_output.weight", attention.output)
        writer.add_tensor(f"{block}ffn_norm.weight", ones)
        parts = {"gate": feed_forward.gate, "up": feed_forward.up, "down": feed_forward.down}
        for part, matrix in parts.items():
            if experts:
                writer.add_tensor(f"{block}ffn_{part}_exps.weight", np.stack([matrix] * experts))
            else:
                writer.add_tensor(f"{block}ffn_{part}.weight", matrix)
        if experts:
            writer.add_tensor(f"{block}ffn_gate_inp.weight", np.zeros((experts, layout.width), dtype=np.float32))
