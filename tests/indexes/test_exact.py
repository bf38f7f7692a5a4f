from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.indexes.config import Metric
from odqa.indexes.exact import best_of, exact_search

RNG = np.random.default_rng(1)


def brute_force(
    queries: np.ndarray, vectors: np.ndarray, k: int, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    q, x = queries.astype(np.float64), vectors.astype(np.float64)
    scores = q @ x.T if metric == "ip" else -((q[:, None] - x[None]) ** 2).sum(2)
    scores = scores.astype(np.float32)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, rows, 1), rows


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("k", [1, 10, 150])
def test_equals_numpy_brute_force(metric: Metric, k: int) -> None:
    vectors = RNG.standard_normal((2000, 24)).astype(np.float32)
    queries = RNG.standard_normal((70, 24)).astype(np.float32)
    scores, rows = exact_search(queries, vectors, k, metric)
    expected_scores, expected_rows = brute_force(queries, vectors, k, metric)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-6)


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_ties_keep_the_order_of_the_rows(metric: Metric, n: int) -> None:
    # Every vector 100 times, shuffled: far more ties than are fetched at first.
    base = RNG.standard_normal((7, 24)).astype(np.float32)
    vectors = base[RNG.permutation(np.repeat(np.arange(7), 100))]
    queries = RNG.standard_normal((n, 24)).astype(np.float32)
    _, rows = exact_search(queries, vectors, 150, metric)
    np.testing.assert_array_equal(rows, brute_force(queries, vectors, 150, metric)[1])


@pytest.mark.parametrize("n", [2, 40])
def test_distances_far_below_the_vectors_lengths(n: int) -> None:
    # By products, |x|² + |y|² - 2xy, all of these differences are rounding.
    vectors = (50 + 1e-3 * RNG.standard_normal((2000, 24))).astype(np.float32)
    queries = (50 + 1e-3 * RNG.standard_normal((n, 24))).astype(np.float32)
    _, rows = exact_search(queries, vectors, 10, "l2")
    np.testing.assert_array_equal(rows, brute_force(queries, vectors, 10, "l2")[1])


def test_by_hand() -> None:
    vectors = np.array([[1, 0], [0, 2], [1, 0], [3, 3]], np.float32)
    query = np.array([[1, 0]], np.float32)
    scores, rows = exact_search(query, vectors, 3, "ip")
    assert (rows.tolist(), scores.tolist()) == ([[3, 0, 2]], [[3, 1, 1]])
    scores, rows = exact_search(query, vectors, 3, "l2")
    assert (rows.tolist(), scores.tolist()) == ([[0, 2, 1]], [[0, 0, -5]])


def test_a_score_does_not_depend_on_the_batch() -> None:
    vectors = RNG.standard_normal((500, 24)).astype(np.float32)
    queries = RNG.standard_normal((30, 24)).astype(np.float32)
    together = exact_search(queries, vectors, 20, "ip")
    for row, query in enumerate(queries):
        alone = exact_search(query[None], vectors, 20, "ip")
        np.testing.assert_array_equal(alone[0][0], together[0][row])
        np.testing.assert_array_equal(alone[1][0], together[1][row])


def test_fewer_vectors_than_k() -> None:
    scores, rows = exact_search(np.ones((2, 3), np.float32), np.eye(3, dtype=np.float32), 9, "ip")
    assert rows.tolist() == [[0, 1, 2]] * 2
    assert scores.shape == (2, 3)


def test_memory_mapped_vectors(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", RNG.standard_normal((100, 8)).astype(np.float32))
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    _, rows = exact_search(np.asarray(mapped[40:42]), mapped, 1, "l2")
    assert rows.tolist() == [[40], [41]]


def test_missing_candidates_come_last_as_minus_one() -> None:
    vectors = np.eye(3, dtype=np.float32)
    scores, rows = best_of(vectors[:1], vectors, np.array([[-1, 2, 0]]), 3, "ip")
    assert rows.tolist() == [[0, 2, -1]]
    assert scores[0].tolist() == [1, 0, -np.inf]


@pytest.mark.parametrize("n", [2, 40])
def test_ties_go_by_key_whatever_the_order_of_the_rows(n: int) -> None:
    # Three kinds of vectors, each 50 times; k cuts through a group of ties.
    base = RNG.standard_normal((3, 8)).astype(np.float32)
    kinds = RNG.permutation(np.repeat(np.arange(3), 50))
    ids = np.array([f"id{i}" for i in RNG.permutation(150)])
    queries = RNG.standard_normal((n, 8)).astype(np.float32)

    def best(order: np.ndarray) -> list[list[str]]:
        rows = exact_search(
            queries, base[kinds[order]], 70, "ip", lambda r: ids[order][r].tolist()
        )[1]
        return [ids[order][row].tolist() for row in rows]

    forward = best(np.arange(150))
    assert best(np.arange(150)[::-1]) == forward
    for query, names in zip(queries, forward, strict=True):
        scores = base.astype(np.float64) @ query.astype(np.float64)
        by_hand = sorted(range(150), key=lambda i: (-np.float32(scores[kinds[i]]), ids[i]))
        assert names == [ids[i] for i in by_hand[:70]]


def test_keys_of_missing_candidates_are_not_asked_for() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    candidates = np.array([[0, -1, 1, -1]])
    _, rows = best_of(vectors[:1], vectors, candidates, 4, "ip", lambda r: ["b", "a"][: len(r)])
    assert rows.tolist() == [[1, 0, -1, -1]]
