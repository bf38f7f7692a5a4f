"""Search over the vectors of a corpus: exact, HNSW or IVF-PQ, by FAISS.

Scores of candidates are always computed from the full vectors, which are memory-mapped. So scores
are comparable across index types, and only *which* passages are retrieved is approximate; the
recall against exact search is measured when an index is built.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from odqa.cache.blocks import check_folder
from odqa.encoders.flops import linear_gflop
from odqa.errors import CacheError, ComponentError
from odqa.indexes.config import FlatIndex, HnswIndex, IvfPqIndex, Metric
from odqa.indexes.exact import TieKeys, best_of, exact_search
from odqa.indexes.faiss_threads import load_faiss, one_thread
from odqa.progress import progress

_LOG = logging.getLogger(__name__)
_FILE, _RECALL = "index.faiss", "recall.json"
_BLOCK = 65_536
_RECALL_QUERIES = 200
_RECALL_AT = (10, 100)
# Centroids per code byte; k-means needs at least as many points.
_CENTROIDS = 256
_TRAINING_PER_LIST = 256


class VectorIndex:
    """Vectors with an exact or approximate search over them.

    Args:
        vectors: float32 [n, d], usually memory-mapped.
        config: flat, hnsw or ivfpq.
        metric: ``ip`` or ``l2``; scores are inner products or negated squared distances.
        folder: written by `build_index`; `None` for flat, which needs only the vectors.
        tie_keys: what orders rows with equal scores; default: the lower row comes first.
        check: called before vectors are read, with their rows, or with `None` for all; raises where
            they are damaged.

    Raises:
        CacheError: the folder's index cannot be read or is of other vectors.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        config: FlatIndex | HnswIndex | IvfPqIndex,
        metric: Metric,
        folder: Path | None = None,
        tie_keys: TieKeys | None = None,
        check: Callable[[np.ndarray | None], None] | None = None,
    ) -> None:
        self.vectors = vectors
        self._tie_keys = tie_keys
        self._check = check
        self.config = config
        self.metric = metric
        #: cut-off -> measured recall against exact search; empty for flat.
        self.recall: Mapping[int, float] = {}
        self._index: Any = None
        if folder is not None:
            self._index, self.recall = _open(folder, len(vectors))

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The best rows per query.

        Args:
            queries: float32 [q, d].
            k: rows per query; at most n.

        Returns:
            Scores, float32 [q, min(k, n)], descending; rows, int64 of the same shape, all valid.
        """
        k = min(k, len(self.vectors))
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if self._index is None:
            return self._exact(queries, k)
        scores, rows = self._approximate(queries, k)
        # Queries whose probed lists hold too few vectors are searched exactly.
        short = np.flatnonzero(rows[:, -1] < 0)
        if len(short):
            scores[short], rows[short] = self._exact(queries[short], k)
        return scores, rows

    def gflop(self) -> float:
        """GFLOP of one query: exact for flat, the expected number of comparisons otherwise."""
        n, d = self.vectors.shape
        config = self.config
        if isinstance(config, FlatIndex):
            return linear_gflop(n, d, 1)
        if isinstance(config, HnswIndex):
            # Every candidate's edges on the ground level, where M is doubled.
            return linear_gflop(min(n, config.ef_search * 2 * config.links), d, 1)
        lists, code = int(self._index.nlist), int(self._index.pq.M)
        probes = min(config.probes, lists)
        # Centroids of lists, one look-up table (per list for l2), one addition per code byte.
        tables = _CENTROIDS * (1 if self.metric == "ip" else probes)
        return linear_gflop(lists + tables, d, 1) + float(n * probes / lists * code / 1e9)

    def _check_rows(self, rows: np.ndarray | None) -> None:
        if self._check is not None:
            self._check(rows)

    def _exact(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        self._check_rows(None)
        return exact_search(queries, self.vectors, k, self.metric, self._tie_keys)

    def _approximate(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        faiss = load_faiss()
        if isinstance(self.config, HnswIndex):
            # All that the search has at hand, so that ties with the k-th are among them.
            fetch = min(max(self.config.ef_search, k), len(self.vectors))
            options = faiss.SearchParametersHNSW(efSearch=fetch)
        else:
            assert isinstance(self.config, IvfPqIndex)
            fetch = min(k * self.config.refine, len(self.vectors))
            options = faiss.SearchParametersIVF(nprobe=self.config.probes)
        _, candidates = self._index.search(queries, fetch, params=options)
        self._check_rows(candidates)
        return best_of(queries, self.vectors, candidates, k, self.metric, self._tie_keys)


def build_index(
    folder: Path, vectors: np.ndarray, config: HnswIndex | IvfPqIndex, metric: Metric
) -> None:
    """Build an approximate index, measure its recall, and write both into ``folder``.

    Deterministic: fixed seeds, one thread where the order of insertion matters.

    Raises:
        ComponentError: too few vectors, or a code size that does not divide their width.
    """
    faiss = load_faiss()
    kind = faiss.METRIC_INNER_PRODUCT if metric == "ip" else faiss.METRIC_L2
    if isinstance(config, HnswIndex):
        index = faiss.IndexHNSWFlat(vectors.shape[1], config.links, kind)
        index.hnsw.efConstruction = config.ef_construction
        with one_thread():
            _add(index, vectors, "building the HNSW graph")
    else:
        index = _trained_ivfpq(vectors, config, kind)
        _add(index, vectors, "filling the inverted lists")
    faiss.write_index(index, str(folder / _FILE))
    (folder / _RECALL).write_text("{}", encoding="utf-8")
    recall = measured_recall(VectorIndex(vectors, config, metric, folder))
    (folder / _RECALL).write_text(json.dumps(recall) + "\n", encoding="utf-8")
    summary = ", ".join(f"recall@{k} {value:.3f}" for k, value in recall.items())
    _LOG.info(
        "%s index over %s vectors: %s against exact search",
        config.type,
        f"{len(vectors):,}",
        summary,
    )


def measured_recall(index: VectorIndex) -> dict[int, float]:
    """Share of the true nearest neighbours that an index retrieves, per cut-off.

    The queries are evenly spaced stored vectors; a query's own row does not count, since it is
    always retrieved.
    """
    n = len(index.vectors)
    own = np.unique(np.linspace(0, n - 1, min(n, _RECALL_QUERIES)).astype(np.int64))
    cuts = sorted({min(k, n - 1) for k in _RECALL_AT} - {0})
    if not cuts:
        return {}
    queries = np.ascontiguousarray(index.vectors[own])
    _, true = exact_search(queries, index.vectors, cuts[-1] + 1, index.metric)
    shares: dict[int, float] = {}
    for k in cuts:
        # A separate search per cut-off: with a larger k an index also ranks the first ones better.
        _, retrieved = index.search(queries, k + 1)
        overlap = 0
        for query, row in enumerate(own):
            first, best = (list(rows[query][rows[query] != row][:k]) for rows in (retrieved, true))
            overlap += len(set(first) & set(best))
        shares[k] = overlap / (k * len(own))
    return shares


def _trained_ivfpq(vectors: np.ndarray, config: IvfPqIndex, kind: int) -> Any:
    faiss = load_faiss()
    n, d = vectors.shape
    code = config.code_bytes or max(1, d // 8)
    if n < _CENTROIDS:
        raise ComponentError(
            f"ivfpq needs at least {_CENTROIDS} vectors, there are {n}",
            where="index",
            cure="use type: flat",
        )
    if d % code:
        raise ComponentError(
            f"code_bytes is {code}, which does not divide the vectors' width {d}",
            where="index.code_bytes",
            cure=f"set a divisor of {d}",
        )
    lists = min(config.lists or int(4 * n**0.5), n)
    quantizer = faiss.IndexFlat(d, kind)
    index = faiss.IndexIVFPQ(quantizer, d, lists, code, 8, kind)
    # Small corpora are intended; FAISS would warn on stderr.
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
    sample_size = min(n, max(_TRAINING_PER_LIST * lists, _BLOCK))
    sample = np.unique(np.linspace(0, n - 1, sample_size).astype(np.int64))
    index.train(np.ascontiguousarray(vectors[sample]))
    return index


def _add(index: Any, vectors: np.ndarray, desc: str) -> None:
    starts = range(0, len(vectors), _BLOCK)
    for start in progress(starts, desc, len(starts), unit="block"):
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))


def _open(folder: Path, n: int) -> tuple[Any, dict[int, float]]:
    faiss = load_faiss()
    check_folder(folder)
    try:
        index = faiss.read_index(str(folder / _FILE))
        recall = json.loads((folder / _RECALL).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError) as error:
        raise CacheError(
            f"no readable index ({str(error).splitlines()[0]})",
            where=str(folder),
            cure="delete the folder and run again",
        ) from error
    if index.ntotal != n:
        raise CacheError(
            f"index of {index.ntotal} vectors, the corpus has {n}",
            where=str(folder),
            cure="delete the folder and run again",
        )
    return index, {int(k): float(share) for k, share in recall.items()}
