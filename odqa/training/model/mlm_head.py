"""A head of a masked language model for a base that has none, fitted before it is trained.

The decoder is the base's own table of word embeddings, as in BERT, so that the head is a small
layer before it and a bias behind it. Both are fitted to plain text: the layer brings a token's
state back to the token's embedding, by least squares, and the bias makes a word count where its
logit stands out from what it is elsewhere, so that words that are everywhere count for little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from odqa.training.model.copy_attention import least_squares

# Far enough from 0 that GELU is the identity there; the norm behind it takes the shift away.
_SHIFT = 4.0
_SPREAD = 0.5


@torch.no_grad()
def fit_mlm_head(
    model: Any, batches: Sequence[dict[str, Tensor]], *, scale: float, threshold: float
) -> None:
    """Set the head of a ``BertForMaskedLM`` with a tied decoder, in place.

    Args:
        model: encoder and head.
        batches: ``input_ids`` and ``attention_mask`` [texts, tokens] each, to fit on.
        scale: length of what the decoder multiplies with each embedding, which sets that of the
            logits.
        threshold: standard deviations above its mean at which a word's logit begins to count.
    """
    model.eval()
    head = model.cls.predictions
    table = model.get_input_embeddings().weight
    states, ids = _states(model, batches)
    fitted = least_squares(states, table[ids] - table.mean(0))
    size = _SPREAD / (states @ fitted.weight.T + fitted.bias).std()
    transform = head.transform
    transform.dense.weight.copy_(size * fitted.weight)
    transform.dense.bias.copy_(size * fitted.bias + _SHIFT)
    width = table.shape[1]
    transform.LayerNorm.weight.fill_(scale / width**0.5)
    transform.LayerNorm.bias.zero_()
    head.bias.zero_()
    mean, deviation = _logit_moments(model, states, table)
    head.bias.copy_(-(mean + threshold * deviation))


def _states(model: Any, batches: Sequence[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """States and ids of all real tokens: [n, width], [n]."""
    states, ids = [], []
    for batch in batches:
        mask = batch["attention_mask"].bool()
        output = model.bert(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        states.append(output.last_hidden_state[mask].float())
        ids.append(batch["input_ids"][mask])
    return torch.cat(states), torch.cat(ids)


def _logit_moments(model: Any, states: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each word's logit over tokens.

    A logit is a product with a word's embedding: its moments follow from those of the head's
    states, and no logits are computed.
    """
    hidden = model.cls.predictions.transform(states)
    covariance = torch.cov(hidden.T)
    variance = ((table @ covariance) * table).sum(1).clamp(min=0)
    return table @ hidden.mean(0), variance.sqrt()
