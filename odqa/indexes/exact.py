"""Exact nearest neighbours, ties in the order of the passage ids, or of the rows without any.

FAISS finds candidates in fp32, where equal vectors may get scores that differ in the last digit,
depending on their position in a block. So candidates are scored again in float64 and rounded to
fp32: equal vectors tie exactly, and a score depends neither on the batch nor on the index type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from odqa.indexes.config import Metric
from odqa.indexes.faiss_threads import load_faiss, matrix_products

# Candidates beyond k, so that the first search includes most ties with the k-th.
_MARGIN = 32
# Questions scored again together; bounds memory to some hundred megabytes.
_GROUP = 64
# Generous bound of the relative error of an fp32 dot product of a thousand terms.
_TOLERANCE = 1e-5

#: Vector rows -> values that order tied ones, such as passage ids.
TieKeys = Callable[[np.ndarray], Sequence[Any]]


def exact_search(
    queries: np.ndarray,
    vectors: np.ndarray,
    k: int,
    metric: Metric,
    tie_keys: TieKeys | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The best rows per query, without an index; ``vectors`` may be memory-mapped.

    Args:
        queries: float32 [q, d].
        vectors: float32 [n, d].
        k: rows per query; at most n.
        metric: ``ip`` inner product, ``l2`` squared Euclidean distance, negated.
        tie_keys: the lower value comes first among equal scores; default: the lower row.

    Returns:
        Scores, float32 [q, min(k, n)], descending; rows, int64 of the same shape.
    """
    k = min(k, len(vectors))
    scores = np.empty((len(queries), k), np.float32)
    rows = np.empty((len(queries), k), np.int64)
    open_queries = np.arange(len(queries))
    fetch = min(k + _MARGIN, len(vectors))
    while len(open_queries):
        remaining = queries[open_queries]
        bound, candidates = _candidates(remaining, vectors, fetch, metric)
        exact, best = best_of(remaining, vectors, candidates, k, metric, tie_keys)
        scores[open_queries], rows[open_queries] = exact, best
        if fetch == len(vectors):
            break
        # Rows that were not fetched score at most `bound`; could they tie with the k-th?
        slack = _TOLERANCE * _scale(remaining, vectors, candidates, metric)
        open_queries = open_queries[bound >= exact[:, -1] - slack]
        fetch = min(4 * fetch, len(vectors))
    return scores, rows


def best_of(
    queries: np.ndarray,
    vectors: np.ndarray,
    candidates: np.ndarray,
    k: int,
    metric: Metric,
    tie_keys: TieKeys | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The best ``k`` of each query's candidate rows, scored exactly.

    Args:
        candidates: int64 [q, c]; -1 stands for none.
        tie_keys: as `exact_search`; ties with the k-th that are no candidates are not known.

    Returns:
        As `exact_search`; where a query has fewer than ``k`` candidates, score -inf and row -1.
    """
    ordered = np.sort(candidates, axis=1)
    scores = np.empty(ordered.shape, np.float32)
    for start in range(0, len(queries), _GROUP):
        part = slice(start, start + _GROUP)
        scores[part] = _score(queries[part], vectors, ordered[part], metric)
    # A stable sort of ascending rows: ties stay in the order of the rows.
    order = np.argsort(-scores, axis=1, kind="stable")
    scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(ordered, order, 1)
    if tie_keys is not None:
        _order_ties(scores, rows, k, tie_keys)
    return scores[:, :k], rows[:, :k]


def _order_ties(scores: np.ndarray, rows: np.ndarray, k: int, tie_keys: TieKeys) -> None:
    """Order tied rows among the best ``k``, and tied with the k-th, by their keys, in place."""
    is_tied = (scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] >= 0)
    for query in np.flatnonzero(is_tied[:, :k].any(axis=1)):
        worst = scores[query, min(k, scores.shape[1]) - 1]
        stop = int(np.count_nonzero((scores[query] >= worst) & (rows[query] >= 0)))
        best = rows[query, :stop]
        keys, values = tie_keys(best), scores[query].tolist()
        order = sorted(range(stop), key=lambda i: (-values[i], keys[i]))
        rows[query, :stop] = best[order]


def _candidates(
    queries: np.ndarray, vectors: np.ndarray, fetch: int, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """Rows [q, fetch], and the score of the last one [q], as FAISS computes it."""
    faiss = load_faiss()
    kind = faiss.METRIC_INNER_PRODUCT if metric == "ip" else faiss.METRIC_L2
    with matrix_products(len(queries)):
        scores, rows = faiss.knn(queries, vectors, fetch, metric=kind)
    return (scores[:, -1] if metric == "ip" else -scores[:, -1]), rows


def _score(
    queries: np.ndarray, vectors: np.ndarray, rows: np.ndarray, metric: Metric
) -> np.ndarray:
    candidates = np.asarray(vectors[rows], dtype=np.float64)
    exact_queries = queries.astype(np.float64)
    if metric == "ip":
        scores = np.matmul(candidates, exact_queries[:, :, None])[:, :, 0]
    else:
        scores = -np.square(candidates - exact_queries[:, None]).sum(axis=2)
    scores[rows < 0] = -np.inf
    return np.asarray(scores, dtype=np.float32)


def _scale(
    queries: np.ndarray, vectors: np.ndarray, candidates: np.ndarray, metric: Metric
) -> np.ndarray:
    """Magnitude of the summed terms, per query."""
    # A sample of the candidates is enough for the order of magnitude.
    sample = np.asarray(vectors[candidates[:, :_MARGIN]])
    lengths = np.linalg.norm(sample, axis=2).max(axis=1)
    query_lengths = np.linalg.norm(queries, axis=1)
    return np.asarray(query_lengths * lengths if metric == "ip" else (query_lengths + lengths) ** 2)
