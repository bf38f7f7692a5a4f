"""One vector per text from one vector per token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odqa.checkpoints.sentence_settings import Pooling

if TYPE_CHECKING:
    from torch import Tensor


def pooled(output: Any, mask: Tensor, pooling: Pooling, normalize: bool) -> Tensor:
    """Pool a model's output over its real tokens.

    Args:
        output: of a Hugging Face encoder: ``last_hidden_state`` [n, t, d], ``pooler_output``.
        mask: [n, t], 1 for real tokens.
        pooling: ``mean`` over real tokens, the first token (``cls``), or the model's own
            ``pooler`` (for DPR checkpoints: the first token through their projection, if any).
        normalize: to unit length.

    Returns:
        float32 [n, d].
    """
    import torch

    if pooling == "pooler":
        vectors = output.pooler_output.float()
    elif pooling == "cls":
        vectors = output.last_hidden_state[:, 0].float()
    else:
        weights = mask.unsqueeze(-1).float()
        # In fp32 for bf16 models too: a bf16 sum over hundreds of tokens is imprecise.
        vectors = (output.last_hidden_state.float() * weights).sum(1) / weights.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(vectors, dim=-1) if normalize else vectors
