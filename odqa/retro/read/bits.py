"""What a text costs under a RETRO language model, in bits (RETRO, section 4: bits per byte)."""

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
    found = gold_log_likelihood(model, out.hidden, targets.clamp(min=0))
    return -(found * (targets >= 0)).sum(-1) / math.log(2)


def document_bits(
    model: RetroModel,
    documents: Sequence[D],
    collate: Callable[[Sequence[D]], Mapping[str, Tensor]],
    *,
    per_forward: int = 8,
    desc: str = "",
) -> list[float]:
    """Bits of each document; the model's mode is kept, gradients are not made.

    Args:
        collate: documents to what `sequence_bits` takes.
        per_forward: documents at a time.
        desc: label of the progress bar; none without a label.
    """
    parts = [documents[at : at + per_forward] for at in range(0, len(documents), per_forward)]
    found: list[float] = []
    with torch.no_grad():
        for part in progress(parts, desc, len(parts), "batch") if desc else parts:
            batch = {name: each.to(model.device) for name, each in collate(part).items()}
            found += sequence_bits(model, batch).tolist()
    return found
