"""Batches with little padding: texts of like length together, a budget of tokens for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

#: A passage of 100 words; ``batch_size`` counts texts of this length.
TYPICAL_TOKENS = 128
_ON_CPU, _ON_GPU = 16, 64


def texts_at_once(wish: int | None, device: torch.device) -> int:
    """Texts of `TYPICAL_TOKENS` tokens per forward pass: the wish, or what suits the device.

    A GPU wants many. A CPU takes a seventh less time per text for 2,048 tokens than for four times
    as many, whose states have left its caches before the next operation reads them.
    """
    if wish is not None:
        return wish
    return _ON_CPU if device.type == "cpu" else _ON_GPU


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Group texts so that each batch, padded to its longest, stays within ``budget`` tokens.

    Longest first, so that too little memory shows at once. A text longer than the budget is a
    batch of its own.

    Args:
        lengths: tokens per text.
        budget: tokens per batch, padding included.

    Yields:
        Indices into ``lengths``; every index exactly once.
    """
    order = _longest_first(lengths)
    start = 0
    while start < len(order):
        rows = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + rows]
        start += rows


def equal_batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Batches of ``size`` texts, longest first; otherwise as `token_batches`."""
    order = _longest_first(lengths)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))


def padded(ids: Sequence[Sequence[int]], pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Token ids padded on the right to the longest of the batch.

    Returns:
        int64 ids [n, longest], and an int64 mask of the same shape: 1 for real tokens.
    """
    longest = max((len(row) for row in ids), default=0)
    out = np.full((len(ids), longest), pad, dtype=np.int64)
    mask = np.zeros_like(out)
    for at, row in enumerate(ids):
        out[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return out, mask
