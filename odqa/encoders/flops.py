"""Floating-point operations of a Transformer encoder, from shapes.

One multiply-add counts as two operations. Layer norms, activations, softmax and embedding
look-ups are left out: together they are under one per cent of a BERT's operations. A profiler
cannot replace the formula: torch's counter reports 0 for attention on the CPU (up to torch 2.13).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odqa.checkpoints.layers import LayerSettings

_LOG = logging.getLogger(__name__)

_GIGA = 1e9
# Feed-forward blocks with a gate have a third matrix.
_GATED = ("modernbert", "nomic_bert")


def linear_gflop(rows: int, n_in: int, n_out: int) -> float:
    """GFLOP of ``rows`` vectors [n_in] through a matrix [n_in, n_out]: ``2 rows n_in n_out``."""
    return 2 * rows * n_in * n_out / _GIGA


def encoder_gflop(config: Any, tokens: int) -> float | None:
    """GFLOP of one text of ``tokens`` tokens through all layers, without any head.

    Per layer, for ``t`` tokens, width ``d`` and feed-forward width ``f``: four projections
    ``8 t d^2``, scores and weighted sum of attention ``4 t^2 d``, feed-forward ``4 t d f``
    (``6 t d f`` when gated).

    Args:
        config: a Hugging Face configuration of an encoder.
        tokens: real tokens of the text, markers included, padding excluded.

    Returns:
        `None` where the configuration does not name these sizes as BERT's does (XLNet, T5, GPT-2):
        no formula is known for such a model.
    """
    width = _size(config, "hidden_size")
    # DistilBERT has another name for it.
    inner = _size(config, "intermediate_size", "hidden_dim")
    layers = _size(config, "num_hidden_layers")
    if width is None or inner is None or layers is None:
        warn_of_no_formula(str(getattr(config, "model_type", "")))
        return None
    matrices = 3 if getattr(config, "model_type", "") in _GATED else 2
    projections = 4 * linear_gflop(tokens, width, width)
    attention = 2 * linear_gflop(tokens, tokens, width)
    feed_forward = matrices * linear_gflop(tokens, width, inner)
    return layers * (projections + attention + feed_forward)


def layers_gflop(settings: Sequence[LayerSettings], rows: int) -> float:
    """GFLOP of ``rows`` vectors through the matrices of all layers after an encoder."""
    matrices = [layer for layer in settings if layer.kind == "dense"]
    return sum(linear_gflop(rows, layer.n_in, layer.n_out) for layer in matrices)


def _size(config: Any, *names: str) -> int | None:
    """The first of these sizes that a configuration has."""
    values = (getattr(config, name, None) for name in names)
    return next((value for value in values if type(value) is int and value > 0), None)


@cache
def warn_of_no_formula(model_type: str) -> None:
    """Log, once for each type, that a model's operations cannot be counted."""
    _LOG.warning(
        "no formula for the operations of models of type '%s': their GFLOP are shown as '-'",
        model_type,
    )
