"""Token ids -> padded chunks of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor


class Chunks(TypedDict):
    """Rows sorted by length and cut into rectangles; ``order[i]`` is the row at place i."""

    chunks: list[dict[str, Tensor]]
    order: Tensor


def chunked(encoded: Mapping[str, Sequence[Sequence[int]]], pad: int, tokens: int = 2048) -> Chunks:
    """Pad rows of similar length together.

    Args:
        encoded: ``input_ids`` and their like, one list of ints a row.
        pad: id that fills ``input_ids`` (the others are filled with 0).
        tokens: a chunk holds at most this many, padding included (but at least one row).
    """
    lengths = [len(row) for row in encoded["input_ids"]]
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    chunks: list[dict[str, Tensor]] = []
    at = 0
    while at < len(order):
        longest = lengths[order[at]]
        rows = order[at : at + max(1, tokens // longest)]
        at += len(rows)
        chunks.append(
            {
                key: torch.tensor(
                    [
                        [
                            *encoded[key][i],
                            *[pad if key == "input_ids" else 0] * (longest - lengths[i]),
                        ]
                        for i in rows
                    ]
                )
                for key in encoded
            }
        )
    return Chunks(chunks=chunks, order=torch.tensor(order))


def restored(parts: Sequence[Tensor], order: Tensor) -> Tensor:
    """Rows of the chunks' results back in the order before `chunked`."""
    joined = torch.cat(list(parts))
    return torch.empty_like(joined).index_copy(0, order.to(joined.device), joined)


def tokenised(
    tokenizer: Any, first: Sequence[str], second: Sequence[str] | None, limit: int
) -> Any:
    """Token ids without padding, cut to ``limit``; of a pair only the second part is cut."""
    if second is None:
        return dict(tokenizer(list(first), truncation=True, max_length=limit))
    return dict(tokenizer(list(first), list(second), truncation="only_second", max_length=limit))
