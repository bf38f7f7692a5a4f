"""A compressed index of token vectors: centroids find candidates, compressed vectors score them.

Santhanam et al. 2022, PLAID, section 4: passages that have a token near a question token's best
centroids are estimated by their tokens' centroids alone, first those near the question, then all;
the best are restored and scored by MaxSim. The files are those of `odqa.indexes.compressed_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from odqa.encoders.flops import linear_gflop
from odqa.errors import ComponentError
from odqa.indexes.compressed_files import CODEC, new_array, open_arrays, write_lists, write_recall
from odqa.indexes.config import ResidualTokens, plaid_defaults
from odqa.indexes.maxsim_search import Scored, best_scored, score_rows
from odqa.indexes.residual_codec import ResidualCodec
from odqa.indexes.token_centroids import train_centroids
from odqa.indexes.token_store import TokenStore
from odqa.progress import progress

_BLOCK = 65_536
_ITERATIONS, _PER_CENTROID = 4, 64
_HELD_OUT, _HELD_OUT_SHARE = 50_000, 20


class ResidualIndex:
    """An index made by `build_residual_index`, open for searching.

    Args:
        folder: of the index.
        config: its parameters.
        k: of the stage, which decides what is left open in them; a search for fewer looks at the
            same candidates.
        similarity: ``cosine`` or ``l2``.

    Raises:
        CacheError: the folder holds no complete index.
    """

    def __init__(self, folder: Path, config: ResidualTokens, k: int, similarity: str) -> None:
        #: Cut-off -> measured recall against exact search.
        self._arrays, self.recall = open_arrays(folder)
        self.config, self._k, self._similarity = config, k, similarity
        self.codec = ResidualCodec(*(np.asarray(self._arrays[name]) for name in CODEC))
        self.offsets = np.asarray(self._arrays["offsets"])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def tokens(self) -> int:
        """Number of token vectors."""
        return int(self.offsets[-1])

    def search(self, queries: np.ndarray, k: int) -> list[Scored]:
        """The best ``k`` passages per question, and all that tie with the last of them.

        Args:
            queries: float32 [n, q, dim].
            k: passages per question.
        """
        return [self._search(query, k) for query in progress(queries, "MaxSim", len(queries))]

    def gather(self, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Restored token vectors of passages, packed: float32 [sum(lengths), dim], int64 [n]."""
        at, lengths = self._tokens_of(np.asarray(rows, np.int64))
        vectors = self.codec.decompress(
            self._arrays["codes"][at], np.asarray(self._arrays["residuals"][at])
        )
        return vectors, lengths

    def settings(self, k: int) -> tuple[int, float, int]:
        """Centroids per question token, threshold, and candidates, for ``k`` hits."""
        config, most = self.config, max(k, self._k)
        probes, threshold, candidates = plaid_defaults(most)
        return (
            config.probes or probes,
            threshold if config.threshold is None else config.threshold,
            config.candidates or candidates,
        )

    def facts(self) -> dict[str, str]:
        """Its size and how it is searched for the stage's ``k``, for reports."""
        probes, threshold, candidates = self.settings(self._k)
        return {
            "stored tokens": f"{self.tokens:,}",
            "bits per number": str(self.codec.bits),
            "centroids": f"{len(self.codec.centroids):,}",
            "probes, threshold, candidates": f"{probes}, {threshold:g}, {candidates:,}",
        }

    def gflop(self, query_tokens: int) -> float:
        """GFLOP of one question: all centroids, then MaxSim over the passages that are restored.

        Estimates add up numbers that are there and multiply nothing.
        """
        centroids, dim = self.codec.centroids.shape
        restored = min(max(self._k, self.settings(self._k)[2] // 4), len(self))
        tokens = round(restored * self.tokens / len(self))
        return linear_gflop(query_tokens, dim, centroids + tokens)

    def _search(self, query: np.ndarray, k: int) -> Scored:
        probes, threshold, most = self.settings(k)
        wanted = max(k, self._k)
        similarity = self.codec.centroids @ query.T
        rows = self._near(similarity, probes, wanted)
        is_near = similarity.max(axis=1) >= threshold
        # A cosine is at least -1: what is left out of the first estimate adds nothing to it.
        rows = self._estimated(np.where(is_near[:, None], similarity, -1), rows, most)
        rows = self._estimated(similarity, rows, max(wanted, most // 4))
        return best_scored(rows, score_rows(query, rows, self.gather, self._similarity), k)

    def _near(self, similarity: np.ndarray, probes: int, wanted: int) -> np.ndarray:
        """Rows with a token among the best centroids of a question token; enough of them."""
        count = len(similarity)
        while True:
            probes = min(probes, count)
            cells = np.unique(np.argpartition(-similarity, probes - 1, axis=0)[:probes])
            starts, stops = (self._arrays["list_offsets"][cells + i] for i in (0, 1))
            lists = self._arrays["lists"]
            rows = np.unique(
                np.concatenate([lists[a:b] for a, b in zip(starts, stops, strict=True)])
            )
            if len(rows) >= min(wanted, len(self)) or probes == count:
                return rows.astype(np.int64)
            probes *= 2

    def _estimated(self, similarity: np.ndarray, rows: np.ndarray, most: int) -> np.ndarray:
        """The best rows when each token is taken for its centroid, rising."""
        if len(rows) <= most:
            return rows
        at, lengths = self._tokens_of(rows)
        ends = lengths.cumsum()
        sums = np.empty(len(rows), np.float32)
        start = 0
        while start < len(rows):
            first = ends[start] - lengths[start]
            stop = max(start + 1, int(np.searchsorted(ends, first + _BLOCK, side="right")))
            codes = self._arrays["codes"][at[first : ends[stop - 1]]]
            places = ends[start:stop] - lengths[start:stop] - first
            sums[start:stop] = np.maximum.reduceat(similarity[codes], places, axis=0).sum(axis=1)
            start = stop
        order = np.lexsort((rows, -sums))[:most]
        return np.sort(rows[order])

    def _tokens_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the tokens of passages are, one passage after the other, and how many each has."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        first = np.repeat(starts - np.concatenate([[0], lengths.cumsum()[:-1]]), lengths)
        return first + np.arange(lengths.sum()), lengths


def build_residual_index(folder: Path, store: TokenStore, config: ResidualTokens) -> None:
    """Compress a token store into ``folder``; recall is still to be measured.

    Deterministic: fixed seed, evenly spaced samples, one thread for k-means.

    Raises:
        ComponentError: vectors whose bits do not fill bytes, or too many centroids.
    """
    total, dim = store.vectors.shape
    if dim * config.bits % 8:
        raise ComponentError(
            f"token vectors are {dim} wide: with {config.bits} bits each they do not fill bytes",
            where="index.bits",
            cure="set bits to 4, or index.type to exact",
        )
    count = config.centroids or min(total, 2 ** int(np.log2(16 * total**0.5)))
    if count > total:
        raise ComponentError(
            f"{count:,} centroids of {total:,} token vectors",
            where="index.centroids",
            cure="set fewer, or leave it out",
        )
    sample, held_out = _samples(store, count)
    codec = ResidualCodec.fit(_centroids(sample, count), held_out, config.bits)
    codes = new_array(folder, "codes", np.int32, (total,))
    residuals = new_array(folder, "residuals", np.uint8, (total, dim * config.bits // 8))
    starts = range(0, total, _BLOCK)
    for start in progress(starts, "compressing token vectors", len(starts), unit="block"):
        part = slice(start, start + _BLOCK)
        codes[part], residuals[part] = codec.compress(store.vectors[part].astype(np.float32))
    codes.flush()
    residuals.flush()
    for name, array in zip(CODEC, (codec.centroids, codec.cutoffs, codec.values), strict=True):
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "offsets.npy", store.offsets)
    write_lists(folder, codes, store.offsets, count)
    write_recall(folder, {})


def _samples(store: TokenStore, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced vectors for k-means, and others between them, held out for the cut-offs."""
    total = len(store.vectors)
    size = min(total, max(_PER_CENTROID * count, 4096))
    rows = np.unique(np.linspace(0, total - 1, size).astype(np.int64))
    is_held_out = np.zeros(len(rows), np.bool_)
    is_held_out[_HELD_OUT_SHARE // 2 :: _HELD_OUT_SHARE] = True
    if len(rows) - is_held_out.sum() < count or not is_held_out.any():
        sample = held_out = rows
    else:
        sample, held_out = rows[~is_held_out], rows[is_held_out][:_HELD_OUT]
    return store.vectors[sample].astype(np.float32), store.vectors[held_out].astype(np.float32)


def _centroids(sample: np.ndarray, count: int) -> np.ndarray:
    centroids = train_centroids(sample, count, _ITERATIONS)
    lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
    return np.asarray(centroids / np.maximum(lengths, 1e-12))
