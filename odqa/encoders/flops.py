"""Floating-point operations of a Transformer encoder, from shapes.

One multiply-add counts as two operations. Layer norms, activations, softmax and embedding
look-ups are left out: together they are under one per cent of a BERT's operations. A profiler
cannot replace the formula: torch's counter reports 0 for attention on the CPU (up to torch 2.13).
"""

from __future__ import annotations

from typing import Any

_GIGA = 1e9
# Feed-forward blocks with a gate have a third matrix.
_GATED = ("modernbert", "nomic_bert")


def linear_gflop(rows: int, n_in: int, n_out: int) -> float:
    """GFLOP of ``rows`` vectors [n_in] through a matrix [n_in, n_out]: ``2 rows n_in n_out``."""
    return 2 * rows * n_in * n_out / _GIGA


def encoder_gflop(config: Any, tokens: int) -> float:
    """GFLOP of one text of ``tokens`` tokens through all layers, without any head.

    Per layer, for ``t`` tokens, width ``d`` and feed-forward width ``f``: four projections
    ``8 t d^2``, scores and weighted sum of attention ``4 t^2 d``, feed-forward ``4 t d f``
    (``6 t d f`` when gated).

    Args:
        config: a Hugging Face configuration of a BERT-like encoder.
        tokens: real tokens of the text, markers included, padding excluded.
    """
    width = int(config.hidden_size)
    # DistilBERT has another name for it.
    inner = int(getattr(config, "intermediate_size", None) or config.hidden_dim)
    matrices = 3 if config.model_type in _GATED else 2
    projections = 4 * linear_gflop(tokens, width, width)
    attention = 2 * linear_gflop(tokens, tokens, width)
    feed_forward = matrices * linear_gflop(tokens, width, inner)
    return int(config.num_hidden_layers) * (projections + attention + feed_forward)
