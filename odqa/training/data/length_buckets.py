"""Length bucketing: rows of similar length are padded together, so that little is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor


class LengthBuckets(TypedDict):
    """Rows sorted by length, longest first, and cut into padded rectangles.

    ``order[i]`` is the row at place i of all buckets one after the other.
    """

    buckets: list[dict[str, Tensor]]
    order: Tensor


def bucket_by_length(
    encoded: Mapping[str, Sequence[Sequence[int]]], pad_id: int, max_tokens: int = 2048
) -> LengthBuckets:
    """Pad rows of similar length together.

    Args:
        encoded: ``input_ids`` and their like, one list of ints a row.
        pad_id: fills ``input_ids`` (the others are filled with 0).
        max_tokens: a bucket holds at most this many, padding included (but at least one row).

    Returns:
        int64 [rows, longest] for each of ``encoded``, bucket by bucket.
    """
    lengths = [len(row) for row in encoded["input_ids"]]
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    buckets: list[dict[str, Tensor]] = []
    start = 0
    while start < len(order):
        longest = lengths[order[start]]
        rows = order[start : start + max(1, max_tokens // longest)]
        start += len(rows)
        buckets.append({key: _padded(encoded, key, rows, longest, pad_id) for key in encoded})
    return LengthBuckets(buckets=buckets, order=torch.tensor(order))


def _padded(
    encoded: Mapping[str, Sequence[Sequence[int]]],
    key: str,
    rows: Sequence[int],
    length: int,
    pad_id: int,
) -> Tensor:
    filler = pad_id if key == "input_ids" else 0
    return torch.tensor(
        [[*encoded[key][row], *[filler] * (length - len(encoded[key][row]))] for row in rows]
    )


def restore_order(parts: Sequence[Tensor], order: Tensor) -> Tensor:
    """Rows of the buckets' results back in the order before `bucket_by_length`.

    Args:
        parts: [rows, ...] of each bucket.
        order: of `LengthBuckets`.
    """
    joined = torch.cat(list(parts))
    return torch.empty_like(joined).index_copy(0, order.to(joined.device), joined)


def tokenise(
    tokenizer: Any, first: Sequence[str], second: Sequence[str] | None, max_length: int
) -> Any:
    """Token ids without padding, cut to ``max_length``; of a pair only the second part is cut."""
    if second is None:
        return dict(tokenizer(list(first), truncation=True, max_length=max_length))
    return dict(
        tokenizer(list(first), list(second), truncation="only_second", max_length=max_length)
    )
