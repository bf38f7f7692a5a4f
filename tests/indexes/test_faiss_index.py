from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from odqa.errors import CacheError, ComponentError
from odqa.indexes.config import FlatIndex, HnswIndex, IvfPqIndex, Metric
from odqa.indexes.exact import exact_search
from odqa.indexes.faiss_index import VectorIndex, build_index

RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Clustered, as text vectors are; unit length."""
    centres = RNG.standard_normal((40, 32))
    points = centres[RNG.integers(0, 40, 1500)] + 0.5 * RNG.standard_normal((1500, 32))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return np.ascontiguousarray(unit, dtype=np.float32)


KINDS = [HnswIndex(ef_search=64), IvfPqIndex(lists=20, probes=8, code_bytes=8)]


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.type)
def test_recall_is_measured_stored_and_logged(
    config: HnswIndex | IvfPqIndex,
    metric: Metric,
    vectors: np.ndarray,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="odqa"):
        build_index(tmp_path, vectors, config, metric)
    index = VectorIndex(vectors, config, metric, tmp_path)
    assert set(index.recall) == {10, 100}
    assert f"recall@10 {index.recall[10]:.3f}" in caplog.text
    # The stored figure is the share of true neighbours, counted here once more.
    own = np.unique(np.linspace(0, 1499, 200).astype(np.int64))
    retrieved = index.search(vectors[own], 11)[1]
    true = exact_search(vectors[own], vectors, 11, metric)[1]
    shares = [
        len({r for r in f if r != o} & {r for r in t if r != o}) / 10
        for o, f, t in zip(own, retrieved.tolist(), true.tolist(), strict=True)
    ]
    assert index.recall[10] == pytest.approx(np.mean(shares))
    assert index.recall[10] > 0.8


def test_fewer_probes_show_in_the_recall(vectors: np.ndarray, tmp_path: Path) -> None:
    recalls = []
    for probes in (1, 20):
        folder = tmp_path / str(probes)
        folder.mkdir()
        config = IvfPqIndex(lists=40, probes=probes, code_bytes=8)
        build_index(folder, vectors, config, "ip")
        recalls.append(VectorIndex(vectors, config, "ip", folder).recall[10])
    assert recalls[0] < recalls[1] - 0.02


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.type)
def test_scores_are_exact_and_building_is_deterministic(
    config: HnswIndex | IvfPqIndex, vectors: np.ndarray, tmp_path: Path
) -> None:
    results = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        build_index(tmp_path / name, vectors, config, "ip")
        results.append(VectorIndex(vectors, config, "ip", tmp_path / name).search(vectors[:9], 20))
    (scores, rows), (scores_again, rows_again) = results
    np.testing.assert_array_equal(rows, rows_again)
    np.testing.assert_array_equal(scores, scores_again)
    expected = np.einsum("qkd,qd->qk", vectors[rows].astype(float), vectors[:9].astype(float))
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_no_minus_one_when_probed_lists_hold_too_few(vectors: np.ndarray, tmp_path: Path) -> None:
    config = IvfPqIndex(lists=200, probes=1, code_bytes=8)
    build_index(tmp_path, vectors, config, "ip")
    index = VectorIndex(vectors, config, "ip", tmp_path)
    scores, rows = index.search(vectors[:5], 300)
    assert rows.shape == (5, 300)
    assert (rows >= 0).all()
    # Those questions are searched exactly instead.
    np.testing.assert_array_equal(rows, exact_search(vectors[:5], vectors, 300, "ip")[1])
    assert np.isfinite(scores).all()


def test_k_above_the_number_of_vectors(vectors: np.ndarray, tmp_path: Path) -> None:
    few = vectors[:300]
    for config in (FlatIndex(), *KINDS):
        folder = None
        if not isinstance(config, FlatIndex):
            folder = tmp_path / config.type
            folder.mkdir()
            build_index(folder, few, config, "ip")
        _, rows = VectorIndex(few, config, "ip", folder).search(few[:2], 1000)
        assert sorted(rows[0].tolist()) == list(range(300))


def test_a_corpus_too_small_for_ivfpq_is_one_line(tmp_path: Path, vectors: np.ndarray) -> None:
    with pytest.raises(ComponentError, match="at least 256 vectors, there are 9; use type: flat"):
        build_index(tmp_path, vectors[:9], IvfPqIndex(), "ip")


def test_code_bytes_must_divide_the_width(tmp_path: Path, vectors: np.ndarray) -> None:
    with pytest.raises(ComponentError, match=r"code_bytes is 5, which does not divide.*32"):
        build_index(tmp_path, vectors, IvfPqIndex(code_bytes=5), "ip")


def test_an_index_of_other_vectors_is_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    build_index(tmp_path, vectors[:300], HnswIndex(), "ip")
    with pytest.raises(CacheError, match="index of 300 vectors, the corpus has 1500"):
        VectorIndex(vectors, HnswIndex(), "ip", tmp_path)


def test_a_damaged_index_is_one_line(tmp_path: Path, vectors: np.ndarray) -> None:
    (tmp_path / "index.faiss").write_bytes(b"not an index")
    with pytest.raises(CacheError, match="no readable index"):
        VectorIndex(vectors, HnswIndex(), "ip", tmp_path)


def test_cost_of_one_query_by_hand(tmp_path: Path, vectors: np.ndarray) -> None:
    assert VectorIndex(vectors, FlatIndex(), "ip").gflop() == pytest.approx(2 * 1500 * 32 / 1e9)
    config = IvfPqIndex(lists=20, probes=5, code_bytes=8)
    build_index(tmp_path, vectors, config, "ip")
    # 20 list centroids and 256 code centroids of width 32; a quarter of 1500 codes of 8 bytes.
    by_hand = (20 * 32 * 2 + 256 * 32 * 2 + 375 * 8) / 1e9
    assert VectorIndex(vectors, config, "ip", tmp_path).gflop() == pytest.approx(by_hand)
