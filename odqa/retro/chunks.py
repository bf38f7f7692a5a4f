"""Texts as chunks of m tokens, RETRO's unit of retrieval (Borgeaud et al. 2021, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence


def chunk_tokens(ids: Sequence[int], size: int) -> list[list[int]]:
    """Consecutive chunks of ``size`` token ids; the last one may be shorter.

    A text without tokens gives one empty chunk, so that every passage has a key.

    Raises:
        ValueError: ``size`` is not positive.
    """
    if size < 1:
        raise ValueError(f"chunk size is {size}")
    return [list(ids[start : start + size]) for start in range(0, max(1, len(ids)), size)]
