"""The encoder's side of Fusion-in-Decoder (Izacard and Grave 2021, section 3) in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def fused(model: Any, ids: Tensor, mask: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """States of every question's passages, encoded apart and joined.

    Args:
        model: an encoder-decoder of transformers.
        ids, mask: passages [n, tokens], padded on the right.
        counts: passages of each question, in order.

    Returns:
        [questions, tokens of all passages, width], padded on the right, and the mask.
    """
    states = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    real = [state[: int(m.sum())] for state, m in zip(states, mask, strict=True)]
    joined, at = [], 0
    for count in counts:
        joined.append(torch.cat(real[at : at + count]))
        at += count
    lengths = torch.tensor([len(state) for state in joined])
    out = pad_sequence(joined, batch_first=True)
    return out, (torch.arange(out.shape[1])[None] < lengths[:, None]).long()
