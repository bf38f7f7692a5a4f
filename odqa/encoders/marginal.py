"""Decoding by the mean of several texts' next-token distributions, one token at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor


class Marginal(LogitsProcessor):
    """Gives all texts of a group the same distribution: ``sum_z p(z) p(token | z, tokens before)``.

    Texts of a group then decode the same tokens, beam by beam, whatever the search.

    Args:
        priors: log p(z) [n] of each group's texts; groups follow each other in the batch.
    """

    def __init__(self, priors: Sequence[Tensor]) -> None:
        self._sizes = [len(prior) for prior in priors]
        self._priors = torch.cat(list(priors))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Log-probabilities [texts * beams, vocabulary] of logits of the same shape."""
        each = scores.float().log_softmax(-1).reshape(len(self._priors), -1, scores.shape[-1])
        weighted = each + self._priors.to(each)[:, None, None]
        groups = torch.split(weighted, self._sizes)
        mixed = [group.logsumexp(0, keepdim=True).expand(len(group), -1, -1) for group in groups]
        return torch.cat(mixed).flatten(0, 1).to(scores.dtype)
