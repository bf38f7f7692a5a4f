"""Centroids of token vectors by k-means, as colbert-ai has FAISS do it.

Santhanam et al. 2022, ColBERTv2, section 3.3; ``compute_faiss_kmeans`` of colbert-ai 0.2.22.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from odqa.indexes.faiss_threads import load_faiss, one_thread

_SEED = 123


def train_centroids(sample: np.ndarray, count: int, iterations: int) -> np.ndarray:
    """Means of the clusters, of any length: float32 [count, dim]. Deterministic: one thread.

    Args:
        sample: float32 [n, dim], at least ``count`` vectors; FAISS draws 256 per centroid of more.
        count: clusters.
        iterations: of k-means.
    """
    faiss: Any = load_faiss()
    # FAISS complains of fewer than 39 vectors per centroid, and goes on all the same.
    kmeans = faiss.Kmeans(
        sample.shape[1], count, niter=iterations, seed=_SEED, min_points_per_centroid=1
    )
    with one_thread():
        kmeans.train(sample)
    return np.asarray(kmeans.centroids, np.float32).reshape(count, -1)
