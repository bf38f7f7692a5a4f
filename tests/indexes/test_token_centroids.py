from __future__ import annotations

import numpy as np

from odqa.indexes.token_centroids import train_centroids


def test_means_of_clusters_the_same_every_time() -> None:
    rng = np.random.default_rng(1)
    middles = np.array([[5, 0], [0, 5], [-5, -5]], np.float32)
    sample = np.repeat(middles, 30, axis=0) + rng.normal(size=(90, 2)).astype(np.float32) * 0.1
    first = train_centroids(sample, 3, 10)
    assert first.dtype == np.float32
    order = np.argsort(first[:, 0])
    expected = [sample[60:].mean(0), sample[30:60].mean(0), sample[:30].mean(0)]
    np.testing.assert_allclose(first[order], expected, atol=1e-5)
    np.testing.assert_array_equal(first, train_centroids(sample, 3, 10))


def test_as_many_clusters_as_vectors() -> None:
    sample = np.eye(4, dtype=np.float32)
    found = train_centroids(sample, 4, 4)
    np.testing.assert_array_equal(found[np.lexsort(found.T)], sample[np.lexsort(sample.T)])
