"""Cross-attention of an encoder-decoder's first decoded token, before the softmax."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.encoders.seq2seq import Seq2Seq

#: Name of the cross-attention in a layer of the decoder -> of its query and its key projection.
_PROJECTIONS = {"EncDecAttention": ("q", "k"), "encoder_attn": ("q_proj", "k_proj")}


def first_token_attention(model: Seq2Seq, passages: Sequence[Tensor], where: str) -> list[float]:
    """Mean over layers, heads and a passage's tokens of ``q · k``, the passages read together.

    The decoder is given nothing but its start token: ``q`` is of the position that the first token
    of the answer is decoded at. T5 does not scale the product, BART divides it by the square root
    of a head's width; either is done as in the model. No padding stands between passages.

    Args:
        model: of the T5 or BART family.
        passages: the encoder's states [tokens, width] of each passage.
        where: the user's name for the checkpoint.

    Returns:
        A score for each passage.

    Raises:
        CheckpointError: another architecture.
    """
    import torch

    lengths = [len(states) for states in passages]
    total = torch.zeros(sum(lengths), dtype=torch.float32, device=model.device)
    layers = _cross_attention(model.model.get_decoder(), where)
    with _projected(layers) as projected:
        model.first_logits([torch.cat(list(passages))])
    for (layer, _, _), states in zip(layers, projected, strict=True):
        # Heads lie side by side, so that a product over the whole width is the sum over heads.
        product = states["key"][0].float() @ states["query"][0, 0].float()
        total += product * _scaling(layer) / _heads(layer)
    total /= len(layers)
    ends = list(accumulate(lengths))
    return [
        float(total[end - length : end].double().mean())
        for end, length in zip(ends, lengths, strict=True)
    ]


def _cross_attention(decoder: Any, where: str) -> list[tuple[Any, Any, Any]]:
    """Every layer's cross-attention, its query projection and its key projection."""
    found = []
    for name, module in decoder.named_modules():
        names = _PROJECTIONS.get(name.rpartition(".")[2])
        if names is not None and all(hasattr(module, each) for each in names):
            found.append((module, *(getattr(module, each) for each in names)))
    if not found:
        raise CheckpointError(
            "has no cross-attention that odqa can read",
            where=where,
            cure="name a T5 or BART, or use --score likelihood",
        )
    return found


@contextmanager
def _projected(layers: Sequence[tuple[Any, Any, Any]]) -> Iterator[list[dict[str, Tensor]]]:
    """What a forward pass inside projects: query and key of each layer, [1, tokens, width]."""
    kept: list[dict[str, Tensor]] = [{} for _ in layers]

    def keep(row: dict[str, Tensor], side: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Tensor) -> None:
            row[side] = output

        return hook

    hooks = []
    for row, (_, query, key) in zip(kept, layers, strict=True):
        hooks.append(query.register_forward_hook(keep(row, "query")))
        hooks.append(key.register_forward_hook(keep(row, "key")))
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def _heads(layer: Any) -> int:
    return int(layer.n_heads if hasattr(layer, "n_heads") else layer.num_heads)


def _scaling(layer: Any) -> float:
    return float(getattr(layer, "scaling", 1.0))
