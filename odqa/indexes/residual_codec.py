"""Token vectors as a centroid and a coarse difference from it, in a few bits per number.

Santhanam et al. 2022, ColBERTv2, section 3.3, as colbert-ai does it: cut-offs and values of the
differences are quantiles, the same for all dimensions, and bytes are filled as colbert-ai fills
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Vectors compared with all centroids at once: products take at most some hundred megabytes.
_PRODUCTS = 2**25


@dataclass(frozen=True, slots=True)
class ResidualCodec:
    """Compresses unit vectors and restores them.

    Attributes:
        centroids: float32 [c, dim].
        cutoffs: float32 [2**bits - 1], rising: where one value of a difference ends.
        values: float32 [2**bits]: what a difference between two cut-offs is taken for.
    """

    centroids: np.ndarray
    cutoffs: np.ndarray
    values: np.ndarray

    @property
    def bits(self) -> int:
        """Bits per number."""
        return len(self.values).bit_length() - 1

    @classmethod
    def fit(cls, centroids: np.ndarray, held_out: np.ndarray, bits: int) -> ResidualCodec:
        """Cut-offs and values from vectors that the centroids were not fitted to.

        Args:
            centroids: float32 [c, dim].
            held_out: float32 [n, dim].
            bits: per number.
        """
        differences = held_out - centroids[nearest(centroids, held_out)]
        steps = np.arange(2**bits) / 2**bits
        cutoffs = np.quantile(differences, steps[1:])
        values = np.quantile(differences, steps + 0.5 / 2**bits)
        return cls(centroids, cutoffs.astype(np.float32), values.astype(np.float32))

    def compress(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest centroids, int32 [n], and differences, uint8 [n, dim * bits / 8].

        Args:
            vectors: float32 [n, dim]; ``dim * bits`` a multiple of 8.
        """
        codes = nearest(self.centroids, vectors)
        # As torch.bucketize: what equals a cut-off is below it.
        levels = np.searchsorted(self.cutoffs, vectors - self.centroids[codes], side="left")
        return codes.astype(np.int32), self._packed(levels)

    def decompress(self, codes: np.ndarray, packed: np.ndarray) -> np.ndarray:
        """Unit vectors, float32 [n, dim], of what `compress` gave."""
        vectors = self.centroids[codes] + self.values[self._levels(packed)]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)

    def _packed(self, levels: np.ndarray) -> np.ndarray:
        # The lowest bit of a level comes first.
        bits = (levels[..., None] >> np.arange(self.bits)) & 1
        return np.packbits(bits.reshape(len(levels), -1).astype(np.uint8), axis=1)

    def _levels(self, packed: np.ndarray) -> np.ndarray:
        bits = np.unpackbits(packed, axis=1).reshape(len(packed), -1, self.bits)
        return np.asarray((bits << np.arange(self.bits, dtype=np.uint8)).sum(axis=2))


def nearest(centroids: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The centroid with the largest inner product, of each vector: int64 [n]."""
    out = np.empty(len(vectors), np.int64)
    step = max(1, _PRODUCTS // len(centroids))
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        out[start : start + step] = (part @ centroids.T).argmax(axis=1)
    return out
