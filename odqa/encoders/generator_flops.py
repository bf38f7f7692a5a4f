"""Floating-point operations of generating Transformers, from shapes; as `odqa.encoders.flops`.

For width ``d``, attention width ``i`` (heads times their size), feed-forward width ``f`` with ``m``
matrices (three where gated), vocabulary ``v``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from odqa.encoders.flops import linear_gflop, warn_of_no_formula

_T5 = ("t5", "mt5", "umt5")
_BART = ("bart", "mbart", "pegasus", "marian", "blenderbot", "blenderbot-small", "m2m_100")
_LLAMA = ("llama", "mistral", "qwen2", "qwen3", "olmo", "olmo2", "smollm3")


@dataclass(frozen=True, slots=True)
class Stack:
    """Sizes of one stack of layers.

    ``keys`` is the width of keys, and of values: less than ``inner`` where heads share them.
    """

    layers: int
    width: int
    inner: int
    keys: int
    ffw: int
    matrices: int

    def rows(self, count: int) -> float:
        """Every product of ``count`` tokens with a matrix: projections and feed-forward."""
        attention = 2 * linear_gflop(count, self.width, self.inner)
        attention += 2 * linear_gflop(count, self.width, self.keys)
        ffw = self.matrices * linear_gflop(count, self.width, self.ffw)
        return self.layers * (attention + ffw)

    def pairs(self, count: float) -> float:
        """Scores and weighted sums of ``count`` pairs of tokens: ``4 i`` each in every layer."""
        return self.layers * 2 * linear_gflop(1, 1, self.inner) * count

    def cross_rows(self, new: int) -> float:
        """Queries and outputs of cross-attention for ``new`` tokens."""
        return self.layers * 2 * linear_gflop(new, self.width, self.inner)

    def cross_keys(self, source: int) -> float:
        """Keys and values of ``source`` encoded tokens, computed once."""
        return self.layers * 2 * linear_gflop(source, self.width, self.keys)


def encoder_decoder_gflop(config: Any, sources: Iterable[int], new: int) -> float | None:
    """GFLOP of encoding texts apart and decoding ``new`` tokens over all of their states at once.

    Encoder, per text of ``s`` tokens and layer: ``8 s d i + 4 s^2 i + 2 m s d f``. Decoder, per
    layer, for all ``S`` source tokens: keys and values ``4 S d i`` once; per token ``12 d i +
    2 m d f``, ``4 i`` for every earlier token, itself included, and ``4 S i``. Read-out ``2 d v``.

    Returns:
        `None` for a model whose sizes are not known.
    """
    stacks = _encoder_decoder(config)
    if stacks is None:
        return None
    lengths = list(sources)
    encoder, decoder = stacks
    source = sum(lengths)
    return (
        sum(encoder.rows(length) + encoder.pairs(length**2) for length in lengths)
        + decoder.cross_keys(source)
        + decoder.rows(new)
        + decoder.cross_rows(new)
        + decoder.pairs(new * (new + 1) / 2 + new * source)
        + linear_gflop(new, decoder.width, int(config.vocab_size))
    )


def causal_gflop(config: Any, tokens: int, predicted: int | None = None) -> float | None:
    """GFLOP of a causal model over ``tokens`` tokens, of which ``predicted`` are read out (default:
    all).

    Per layer ``2 t d (2 i + 2 i_kv) + 2 m t d f``, and ``4 i`` for each of the ``t (t + 1) / 2``
    pairs of a token and one that it sees. BERT as a decoder has a square matrix before its
    read-out: ``2 d^2`` for each token that is read out.

    Returns:
        `None` for a model whose sizes are not known.
    """
    stack = _causal(config)
    if stack is None:
        return None
    read = tokens if predicted is None else predicted
    body = stack.rows(tokens) + stack.pairs(tokens * (tokens + 1) / 2)
    before = linear_gflop(read, stack.width, stack.width) if _is_bert(config) else 0.0
    return body + before + linear_gflop(read, stack.width, int(config.vocab_size))


def _is_bert(config: Any) -> bool:
    return str(getattr(config, "model_type", "")) == "bert"


def _encoder_decoder(config: Any) -> tuple[Stack, Stack] | None:
    kind = str(getattr(config, "model_type", ""))
    if kind in _T5:
        inner = config.num_heads * config.d_kv
        matrices = 3 if config.is_gated_act else 2
        layers = (config.num_layers, config.num_decoder_layers)
        encoder, decoder = (
            Stack(n, config.d_model, inner, inner, config.d_ff, matrices) for n in layers
        )
        return encoder, decoder
    if kind in _BART:
        width = config.d_model
        sizes = (
            (config.encoder_layers, config.encoder_ffn_dim),
            (config.decoder_layers, config.decoder_ffn_dim),
        )
        encoder, decoder = (Stack(n, width, width, width, ffw, 2) for n, ffw in sizes)
        return encoder, decoder
    warn_of_no_formula(kind)
    return None


def _causal(config: Any) -> Stack | None:
    kind = str(getattr(config, "model_type", ""))
    if kind == "gpt2":
        width = config.n_embd
        return Stack(config.n_layer, width, width, width, config.n_inner or 4 * width, 2)
    if kind in _LLAMA:
        width, heads = config.hidden_size, config.num_attention_heads
        size = getattr(config, "head_dim", None) or width // heads
        keys = config.num_key_value_heads * size
        layers, ffw = config.num_hidden_layers, config.intermediate_size
        return Stack(layers, width, heads * size, keys, ffw, 3)
    if kind in ("gpt_neox", "bert"):
        width = config.hidden_size
        return Stack(config.num_hidden_layers, width, width, width, config.intermediate_size, 2)
    if kind == "opt":
        width = config.hidden_size
        return Stack(config.num_hidden_layers, width, width, width, config.ffn_dim, 2)
    warn_of_no_formula(kind)
    return None
