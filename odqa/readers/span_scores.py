"""From start and end logits to the best spans (Devlin et al. 2019, BERT, section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from odqa.readers.merge import Compare


def best_spans(
    start: Tensor, end: Tensor, allowed: Tensor, max_tokens: int, n: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The ``n`` best spans of every window.

    Args:
        start, end: float [windows, tokens].
        allowed: bool [windows, tokens], where spans may start and end.
        max_tokens: longest span.
        n: how many; fewer when there are not so many positions.

    Returns:
        Scores (start + end), first tokens and last tokens: each [windows, m]. Impossible spans
        score minus infinity.
    """
    windows, tokens = start.shape
    longest = min(max_tokens, tokens)
    first = start.masked_fill(~allowed, -torch.inf)
    last = end.masked_fill(~allowed, -torch.inf)
    # band[w, d, i] is the span of d + 1 tokens that starts at token i.
    band = start.new_full((windows, longest, tokens), -torch.inf)
    for extra in range(longest):
        band[:, extra, : tokens - extra] = first[:, : tokens - extra] + last[:, extra:]
    flat = band.flatten(1)
    scores, flat_indices = flat.topk(min(n, flat.shape[1]), dim=1)
    starts = flat_indices % tokens
    return scores, starts, starts + flat_indices // tokens


def offset_between_windows(
    start: Tensor, end: Tensor, allowed: Tensor, null: Tensor, compare: Compare
) -> Tensor:
    """What is subtracted from a window's span scores so that windows can be compared.

    Args:
        start, end, allowed: as in `best_spans`.
        null: int64 [windows], position of [CLS].
        compare: ``logits`` nothing (shared normalisation, Clark and Gardner 2018, section 3.3);
            ``odds`` the score of "no answer" (SQuAD 2.0); ``probability`` the log-normaliser over
            the window's tokens and [CLS].

    Returns:
        float [windows].
    """
    if compare == "logits":
        return start.new_zeros(len(start))
    if compare == "odds":
        return null_scores(start, end, null)
    counted = allowed.clone()
    counted[torch.arange(len(counted)), null] = True
    first, last = (x.masked_fill(~counted, -torch.inf).logsumexp(dim=1) for x in (start, end))
    return first + last


def null_scores(start: Tensor, end: Tensor, null: Tensor) -> Tensor:
    """Score of "no answer" per window: start + end logit of [CLS]."""
    rows = torch.arange(len(start))
    return start[rows, null] + end[rows, null]
