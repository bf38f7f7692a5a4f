"""Bits of a text under a RETRO language model (RETRO, section 4: bits per byte)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from odqa.progress import progress
from odqa.retro.model.model import RetroModel
from odqa.retro.rank.likelihood import gold_log_likelihood

D = TypeVar("D")


def sequence_bits(model: RetroModel, batch: Mapping[str, Tensor]) -> Tensor:
    """Bits of the targets of each sequence, float32 [B].

    Args:
        model: in evaluation mode.
        batch: ``ids`` and ``targets`` [B, T], a negative target where there is none, and perhaps
            ``neighbours`` and ``neighbour_mask`` [B, T // m, k, r]; without, retrieval is off.
    """
    out = model(
        batch["ids"],
        None,
        batch.get("neighbours"),
        batch.get("neighbour_mask"),
        with_logits=False,
    )
    targets = batch["targets"]
    likelihood = gold_log_likelihood(model, out.hidden, targets.clamp(min=0))
    return -(likelihood * (targets >= 0)).sum(-1) / math.log(2)


def document_bits(
    model: RetroModel,
    documents: Sequence[D],
    collate: Callable[[Sequence[D]], Mapping[str, Tensor]],
    *,
    per_forward: int = 8,
    desc: str = "",
) -> list[float]:
    """Bits of each document, in the model's current mode and without gradients.

    Args:
        collate: from documents to a batch of `sequence_bits`.
        per_forward: documents at a time.
        desc: label of the progress bar; none without a label.
    """
    parts = [documents[at : at + per_forward] for at in range(0, len(documents), per_forward)]
    bits: list[float] = []
    with torch.no_grad():
        for part in progress(parts, desc, len(parts), "batch") if desc else parts:
            batch = {name: tensor.to(model.device) for name, tensor in collate(part).items()}
            bits += sequence_bits(model, batch).tolist()
    return bits
