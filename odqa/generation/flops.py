"""Floating-point operations of a causal language model, from the shapes of its weights.

One multiply-add counts as two operations. A token costs ``2 P`` for the ``P`` numbers in all
matrices but embeddings, and ``4 w c`` in every layer for attention over ``c`` tokens, itself
included, where ``w`` is the width of all query heads together; each token that is predicted costs
``2 d V`` more, for width ``d`` and vocabulary ``V``. A prompt of ``t`` tokens with ``n`` new ones
is read once, and each new token but the last goes through the layers too::

    2 P (t + n - 1) + 4 w L (1 + 2 + … + (t + n - 1)) + 2 d V n

Norms, activations and look-ups are left out, as in `odqa.encoders.flops`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class DecoderCosts:
    """The sizes in the formula. ``layers`` is 0 where no formula applies (experts that are chosen
    token by token, models without attention)."""

    matrices: int
    layers: int
    width: int
    head: int

    @classmethod
    def of(cls, model: Any) -> Self:
        """Read from a model of transformers."""
        config = model.config
        layers = getattr(config, "num_hidden_layers", None)
        width = getattr(config, "hidden_size", None)
        heads = getattr(config, "num_attention_heads", None)
        experts = any(
            getattr(config, key, None)
            for key in ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
        )
        if not all(type(size) is int and size > 0 for size in (layers, width, heads)) or experts:
            return cls(0, 0, 0, 0)
        assert layers is not None and width is not None and heads is not None
        size = getattr(config, "head_dim", None)
        queries = heads * size if type(size) is int and size > 0 else width
        embedded = {id(e.weight) for e in (model.get_input_embeddings(),) if e is not None}
        output = model.get_output_embeddings()
        head = output.weight.numel() if output is not None else 0
        outside = embedded | ({id(output.weight)} if output is not None else set())
        positions = ("wpe", "position_embeddings", "embed_positions")
        matrices = sum(
            p.numel()
            for name, p in model.named_parameters()
            if p.dim() == 2 and id(p) not in outside and not any(part in name for part in positions)
        )
        return cls(matrices, layers, queries, head)

    def gflop(self, prompt: int, new: int) -> float | None:
        """For a prompt of so many tokens and so many new ones; `None` where no formula applies."""
        if not self.layers:
            return None
        tokens = prompt + max(0, new - 1)
        attended = tokens * (tokens + 1) // 2
        flop = 2 * self.matrices * tokens
        flop += 4 * self.width * self.layers * attended
        return (flop + 2 * self.head * new) / 1e9
