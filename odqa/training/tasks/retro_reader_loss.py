"""The loss of a RETRO reader: of every token after the prompt, and of where attention looks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from odqa.retro.model.capture import capture_attention
from odqa.retro.model.model import RetroModel
from odqa.retro.rank.joint import read_jointly
from odqa.retro.rank.shared_prefix import (
    SharedPrefix,
    share_prefix,
)

# Passages encoded together: few, and of like length, so that little of a batch is padding.
_PASSAGES_PER_FORWARD = 4


def token_losses(model: RetroModel, batch: dict[str, Any], pointing: float) -> Tensor:
    """Loss of every token after the prompt, float32 [B, S]; zero where none is to be predicted.

    Args:
        model: the reader.
        batch: of `odqa.training.data.reader_instances.ReaderCollator.batch`.
        pointing: weight of what the last cross-attention loses by looking elsewhere than at the
            places that a token can be copied from.
    """
    ids, mask = batch["ids"], batch["mask"]
    predicted = batch["in_answer"] | batch["in_continuation"]
    start = ids.shape[1] - predicted.shape[1] - 1
    shared = share_prefix(model, ids[:, :-1], mask[:, :-1], start)
    encodings, encoding_mask = _encode_passages(model, shared, batch)
    with capture_attention(model) as passes:
        hidden = read_jointly(model, shared, encodings, encoding_mask)
    nll = F.cross_entropy(
        model.logits(hidden[predicted]).float(), ids[:, start + 1 :][predicted], reduction="none"
    )
    losses = torch.zeros(predicted.shape).masked_scatter(predicted, nll)
    sources = batch["sources"]
    mass = (passes[-1].weights * sources[:, None]).sum((-2, -1))
    pointing_loss = -mass.clamp(min=1e-6).log().mean(1)
    copyable = sources.any(-1).any(-1)
    return losses + pointing * torch.where(copyable, pointing_loss, 0.0)


def _encode_passages(
    model: RetroModel, shared: SharedPrefix, batch: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Encodings [B, n, r, e] and their mask; only passages that are there are encoded."""
    ids, mask, pairs = batch["passages"], batch["passage_mask"], batch["pairs"]
    rows, length = len(batch["ids"]), ids.shape[1]
    most = int(pairs[:, 1].max()) + 1 if len(pairs) else 1
    encodings = shared.suffix.new_zeros(rows, most, length, model.config.encoder.d_model)
    encoding_mask = torch.zeros(rows, most, length, dtype=torch.bool)
    order = mask.sum(1).argsort(descending=True)
    for part in order.split(_PASSAGES_PER_FORWARD) if len(pairs) else ():
        longest = int(mask[part].sum(1).max())
        row, position = pairs[part].unbind(1)
        encoded = model.encode(
            ids[part, None, :longest],
            mask[part, None, :longest],
            shared.chunk[row],
            shared.chunk_mask[row],
        )
        padded = F.pad(encoded[:, 0], (0, 0, 0, length - longest))
        encodings = encodings.index_put((row, position), padded)
        encoding_mask[row, position] = mask[part]
    return encodings, encoding_mask
