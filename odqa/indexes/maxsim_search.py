"""Exact MaxSim over all passages of a token store: the reference of every late-interaction index.

Token vectors are read in blocks, each compared with all questions of a group by one matrix product,
and only the best passages so far are kept: memory does not grow with the corpus. The best are then
scored again in float64 and rounded to float32, so that passages with equal vectors tie exactly and
a score depends neither on the batch nor on the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from odqa.indexes.token_store import TokenStore
from odqa.progress import progress

#: Tokens compared at once; with a group's questions the products take some ten megabytes.
_BLOCK = 16_384
_GROUP = 16
# Candidates beyond k, so that the first search includes most ties with the k-th.
_MARGIN = 32
# Generous bound of the relative error of a sum of float32 dot products.
_TOLERANCE = 1e-5

#: Passage rows -> their token vectors [sum(lengths), dim], and lengths int64 [n].
Gather = Callable[[Sequence[int]], tuple[np.ndarray, np.ndarray]]
#: Passage rows, rising, and their scores, float32, in the same order.
Scored = tuple[np.ndarray, np.ndarray]


def exact_maxsim(
    store: TokenStore, queries: np.ndarray, k: int, similarity: str = "cosine"
) -> list[Scored]:
    """The best ``k`` passages per question, and all that tie with the last of them.

    Args:
        store: token vectors of all passages.
        queries: float32 [n, q, dim].
        k: passages per question.
        similarity: ``cosine``, or ``l2`` (minus the squared distance).
    """
    out: list[Scored] = []
    groups = range(0, len(queries), _GROUP)
    for start in progress(groups, "MaxSim over all passages", len(groups), unit="group"):
        out += _search(store, queries[start : start + _GROUP], k, similarity)
    return out


def score_rows(query: np.ndarray, rows: np.ndarray, gather: Gather, similarity: str) -> np.ndarray:
    """MaxSim of one question with some passages, in float64, rounded: float32 [rows].

    Args:
        query: float32 [q, dim].
        rows: of passages.
        gather: what reads their token vectors.
        similarity: as `exact_maxsim`.
    """
    if not len(rows):
        return np.empty(0, np.float32)
    packed, lengths = gather(rows.tolist())
    similarities = packed.astype(np.float64) @ query.T.astype(np.float64)
    starts = np.concatenate([[0], lengths.cumsum()[:-1]])
    sums = np.maximum.reduceat(similarities, starts, axis=0).sum(axis=1)
    return as_similarity(sums, len(query), similarity).astype(np.float32)


def best_scored(rows: np.ndarray, scores: np.ndarray, k: int) -> Scored:
    """The best ``k`` of scored rows, and all that tie with the last of them, by rising row."""
    if len(rows) > k:
        worst = np.partition(scores, len(scores) - k)[len(scores) - k]
        rows, scores = rows[scores >= worst], scores[scores >= worst]
    order = np.argsort(rows)
    return rows[order], scores[order]


def as_similarity(sums: np.ndarray, tokens: int, similarity: str) -> np.ndarray:
    """Scores by ``cosine`` or ``l2`` of sums of cosines, [n], over so many question tokens."""
    # Between unit vectors the squared distance is 2 - 2 cos, so the nearest is the same token.
    return 2 * sums - 2 * tokens if similarity == "l2" else sums


def _search(store: TokenStore, queries: np.ndarray, k: int, similarity: str) -> list[Scored]:
    out: list[Scored | None] = [None] * len(queries)
    waiting, fetch = np.arange(len(queries)), k + _MARGIN
    while len(waiting):
        candidates = _candidates(store, queries[waiting], min(fetch, len(store)))
        again = []
        for number, (rows, sums) in zip(waiting.tolist(), candidates, strict=True):
            query = queries[number]
            scores = score_rows(query, rows, store.gather, similarity)
            out[number] = best = best_scored(rows, scores, k)
            if len(rows) == len(store):
                continue
            # Passages that were not fetched score at most this; could one tie with the k-th?
            bound = as_similarity(sums.min(), len(query), similarity)
            if bound >= best[1].min() - _TOLERANCE * len(query):
                again.append(number)
        waiting, fetch = np.array(again, np.int64), 4 * fetch
    return [scored for scored in out if scored is not None]


def _candidates(store: TokenStore, queries: np.ndarray, fetch: int) -> list[Scored]:
    """The best rows of each question by sums of cosines in float32."""
    import torch

    n, tokens, dim = queries.shape
    flat = torch.from_numpy(queries.reshape(n * tokens, dim)).T
    best: list[Scored] = [(np.empty(0, np.int64), np.empty(0, np.float32))] * n
    for start, stop in _blocks(store.offsets):
        vectors = torch.from_numpy(store.slice(start, stop).astype(np.float32))
        lengths = torch.from_numpy(np.diff(store.offsets[start : stop + 1]))
        largest = torch.segment_reduce(vectors @ flat, "max", lengths=lengths, axis=0)
        sums = largest.view(stop - start, n, tokens).sum(dim=2).numpy()
        rows = np.arange(start, stop)
        for number in range(n):
            joined = [
                np.concatenate(pair)
                for pair in zip(best[number], (rows, sums[:, number]), strict=True)
            ]
            best[number] = _largest(joined[0], joined[1], fetch)
    return best


def _largest(rows: np.ndarray, scores: np.ndarray, fetch: int) -> Scored:
    if len(rows) <= fetch:
        return rows, scores
    kept = np.sort(np.argpartition(-scores, fetch - 1)[:fetch])
    return rows[kept], scores[kept]


def _blocks(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of passages of at most `_BLOCK` tokens, or of one passage."""
    start, n = 0, len(offsets) - 1
    while start < n:
        stop = int(np.searchsorted(offsets, offsets[start] + _BLOCK, side="right")) - 1
        stop = min(max(stop, start + 1), n)
        yield start, stop
        start = stop
