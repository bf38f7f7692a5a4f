"""One vector per text from one vector per token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odqa.checkpoints.sentence_settings import Pooling

if TYPE_CHECKING:
    from torch import Tensor


def pooled(output: Any, mask: Tensor, pooling: Pooling) -> Tensor:
    """Pool a model's output over its real tokens, as sentence-transformers' Pooling module does.

    Args:
        output: of a Hugging Face encoder: ``last_hidden_state`` [n, t, d], ``pooler_output``.
        mask: int [n, t], 1 for the tokens that count, which stand side by side.
        pooling: the model's own ``pooler`` (for DPR checkpoints: the first token through their
            projection, if any), or modes joined by ``+``: the first token (``cls``), the last one
            (``lasttoken``), the largest of each dimension (``max``), the ``mean``, the sum over the
            root of the length (``mean_sqrt_len_tokens``), or the mean weighted by position from 1
            up (``weightedmean``).

    Returns:
        float32 [n, d times the number of modes].
    """
    import torch

    if pooling == "pooler":
        return output.pooler_output.float()  # type: ignore[no-any-return]
    # In fp32 for bf16 models too: a bf16 sum over hundreds of tokens is imprecise.
    states = output.last_hidden_state.float()
    return torch.cat([_one(states, mask, mode) for mode in pooling.split("+")], dim=-1)


def _one(states: Tensor, mask: Tensor, mode: str) -> Tensor:
    import torch

    rows = torch.arange(len(states), device=states.device)
    first = mask.int().argmax(dim=1)
    if mode == "cls":
        return states[rows, first]
    if mode == "lasttoken":
        return states[rows, (first + mask.sum(1) - 1).clamp(min=0)]
    if mode == "max":
        return states.masked_fill(mask[..., None] == 0, -torch.inf).amax(1)
    weights = mask[..., None].float()
    if mode == "weightedmean":
        weights = weights * torch.arange(1, states.shape[1] + 1, device=states.device)[:, None]
    total, size = (states * weights).sum(1), weights.sum(1).clamp(min=1)
    return total / (size.sqrt() if mode == "mean_sqrt_len_tokens" else size)
