from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.encoders.sharded import Shard
from odqa.errors import CacheError, CheckpointError
from odqa.indexes import impact
from odqa.indexes.impact import ImpactIndex, best_rows, build_impact_index

VOCABULARY, PASSAGES = 50, 40
RNG = np.random.default_rng(4)
MATRIX = np.where(RNG.random((PASSAGES, VOCABULARY)) < 0.1, RNG.random((PASSAGES, VOCABULARY)), 0)
MATRIX = MATRIX.astype(np.float32)
MATRIX[5] = 0
MATRIX[9] = MATRIX[2]


def encode(start: int, stop: int) -> Shard:
    part = MATRIX[start:stop]
    rows, terms = np.nonzero(part)
    pairs = np.stack([terms, part[rows, terms]], axis=1).astype(np.float32)
    return Shard(pairs, np.bincount(rows, minlength=len(part)), int(start == 0))


def vector(weights: np.ndarray) -> np.ndarray:
    (terms,) = np.nonzero(weights)
    return np.stack([terms, weights[terms]], axis=1).astype(np.float32)


@pytest.fixture(params=[2**23, 7])
def index(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ImpactIndex:
    """In one block, and in blocks that cut passages and lists."""
    monkeypatch.setattr(impact, "_BLOCK", request.param)
    build_impact_index(tmp_path, PASSAGES, VOCABULARY, encode, "it", shard=16)
    return ImpactIndex(tmp_path)


def test_scores_are_those_of_the_dense_product(index: ImpactIndex) -> None:
    for _ in range(5):
        query = np.where(RNG.random(VOCABULARY) < 0.2, RNG.random(VOCABULARY), 0)
        query = query.astype(np.float32)
        expected = MATRIX.astype(np.float64) @ query
        np.testing.assert_allclose(index.scores(vector(query)), expected, rtol=1e-6)
        touched = (MATRIX[:, query > 0] > 0).sum()
        assert index.lengths(vector(query)) == touched


def test_lists_are_those_of_scipy(index: ImpactIndex) -> None:
    from scipy.sparse import csc_array

    expected = csc_array(MATRIX)
    assert index.postings == expected.nnz
    np.testing.assert_array_equal(index._indptr, expected.indptr)
    np.testing.assert_array_equal(index._rows, expected.indices)
    np.testing.assert_array_equal(index._weights, expected.data)
    assert (index.items, index.truncated) == (PASSAGES, 1)


def test_equal_passages_have_equal_scores(index: ImpactIndex) -> None:
    scores = index.scores(vector(RNG.random(VOCABULARY).astype(np.float32)))
    assert scores[9] == scores[2] > 0
    assert scores[5] == 0


def test_a_question_without_terms(index: ImpactIndex) -> None:
    assert not index.scores(np.empty((0, 2), np.float32)).any()
    assert index.lengths(np.empty((0, 2), np.float32)) == 0


def test_the_best_rows_with_all_that_tie() -> None:
    scores = np.array([0, 3, 1, 2, 2, 0, 2, 5], np.float32)
    assert best_rows(scores, 1).tolist() == [7]
    assert best_rows(scores, 3).tolist() == [1, 3, 4, 6, 7]
    assert best_rows(scores, 99).tolist() == [1, 2, 3, 4, 6, 7]
    assert best_rows(np.zeros(3, np.float32), 2).tolist() == []


def test_a_killed_build_goes_on(tmp_path: Path) -> None:
    calls: list[int] = []

    def failing(start: int, stop: int) -> Shard:
        calls.append(start)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(start, stop)

    with pytest.raises(KeyboardInterrupt):
        build_impact_index(tmp_path, PASSAGES, VOCABULARY, failing, "it", shard=10)
    build_impact_index(tmp_path, PASSAGES, VOCABULARY, failing, "it", shard=10)
    assert calls == [0, 10, 20, 20, 30]
    query = vector(np.ones(VOCABULARY, np.float32))
    np.testing.assert_allclose(ImpactIndex(tmp_path).scores(query), MATRIX.sum(1), rtol=1e-6)


def test_no_terms_at_all(tmp_path: Path) -> None:
    nothing = Shard(np.empty((0, 2), np.float32), np.zeros(3, np.int64))
    with pytest.raises(CheckpointError, match="gives no passage any term"):
        build_impact_index(tmp_path, 3, VOCABULARY, lambda a, b: nothing, "it")


def test_one_term_each(tmp_path: Path) -> None:
    pairs = np.array([[3, 1.5], [3, 0.5], [0, 2]], np.float32)
    build_impact_index(tmp_path, 3, 4, lambda a, b: Shard(pairs, np.ones(3, np.int64)), "it")
    query = np.array([[0, 1], [3, 2]], np.float32)
    assert ImpactIndex(tmp_path).scores(query).tolist() == [3.0, 1.0, 2.0]


def test_a_damaged_index(tmp_path: Path) -> None:
    build_impact_index(tmp_path, PASSAGES, VOCABULARY, encode, "it")
    (tmp_path / "weights.npy").write_bytes(b"")
    with pytest.raises(CacheError, match="no readable impact index"):
        ImpactIndex(tmp_path)
