"""How much of what exact MaxSim finds a compressed index finds as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from odqa.indexes.compressed_files import write_recall
from odqa.indexes.maxsim_search import Scored, exact_maxsim
from odqa.indexes.token_store import TokenStore

_RECALL_AT = (10, 100)

#: Questions float32 [n, q, dim] and a number of hits -> the best passages of each question.
Search = Callable[[np.ndarray, int], list[Scored]]


def measure_recall(
    folder: Path,
    store: TokenStore,
    search: Search,
    queries: np.ndarray,
    own: np.ndarray,
    similarity: str,
) -> None:
    """Share of the exact best passages that the index finds, into its folder, per cut-off.

    Args:
        folder: of the index.
        store: what it was made of.
        search: opens the index for so many hits, and searches.
        queries: float32 [n, q, dim].
        own: int64 [n], the passage that each question was made of, which does not count.
        similarity: ``cosine`` or ``l2``.
    """
    n = len(store)
    cuts = sorted({min(k, n - 1) for k in _RECALL_AT} - {0})
    recall = {}
    true = exact_maxsim(store, queries, cuts[-1] + 1, similarity) if cuts else []
    for k in cuts:
        retrieved = search(queries, k + 1)
        shared = [
            len(_first(retrieved[i], k, own[i]) & _first(true[i], k, own[i]))
            for i in range(len(own))
        ]
        recall[k] = sum(shared) / (k * len(own))
    write_recall(folder, recall)


def _first(scored: Scored, k: int, own: int) -> set[int]:
    rows, scores = scored
    order = [row for row in rows[np.lexsort((rows, -scores))].tolist() if row != own]
    return set(order[:k])
