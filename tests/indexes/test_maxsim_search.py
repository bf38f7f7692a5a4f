from __future__ import annotations

import numpy as np
import pytest
import torch

from odqa.encoders.maxsim import maxsim
from odqa.encoders.sharded import Shard
from odqa.indexes import maxsim_search
from odqa.indexes.maxsim_search import best_scored, exact_maxsim, score_rows
from odqa.indexes.token_store import TokenStore, build_token_store

RNG = np.random.default_rng(8)
DIM, TOKENS = 8, 5


def unit(*shape: int) -> np.ndarray:
    vectors = RNG.normal(size=shape)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


LENGTHS = RNG.integers(1, 9, 60)
LENGTHS[40:] = 1
PASSAGES = [unit(int(length), DIM) for length in LENGTHS]
# Equal passages, far from each other.
PASSAGES[55] = PASSAGES[0]
QUERIES = unit(20, TOKENS, DIM)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    folder = tmp_path_factory.mktemp("store")

    def encode(start: int, stop: int) -> Shard:
        part = PASSAGES[start:stop]
        return Shard(np.concatenate(part), np.array([len(p) for p in part]))

    build_token_store(folder, len(PASSAGES), DIM, encode)
    return TokenStore(folder)


def all_scores(store: TokenStore, query: np.ndarray, similarity: str) -> np.ndarray:
    """As the ranker computes them."""
    packed, lengths = store.gather(range(len(store)))
    tensors = [torch.from_numpy(part) for part in (query, packed, lengths)]
    return np.asarray(maxsim(tensors[0], tensors[1], tensors[2], similarity).numpy())


@pytest.mark.parametrize("similarity", ["cosine", "l2"])
@pytest.mark.parametrize("block", [1, 13, 16_384])
def test_the_best_are_those_of_the_ranker(
    store: TokenStore, similarity: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maxsim_search, "_BLOCK", block)
    monkeypatch.setattr(maxsim_search, "_MARGIN", 2)
    found = exact_maxsim(store, QUERIES, 7, similarity)
    assert len(found) == len(QUERIES)
    for (rows, scores), query in zip(found, QUERIES, strict=True):
        expected = all_scores(store, query, similarity)
        np.testing.assert_allclose(scores, expected[rows], atol=1e-5)
        assert set(np.argsort(-expected)[:7]) <= set(rows.tolist())
        assert (np.diff(rows) > 0).all()


def test_equal_passages_tie_also_with_the_last(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maxsim_search, "_MARGIN", 0)
    query = PASSAGES[0][None, :TOKENS]
    (found,) = exact_maxsim(store, query, 1)
    assert found[0].tolist() == [0, 55]
    assert found[1][0] == found[1][1]


def test_a_case_by_hand() -> None:
    query = np.array([[1, 0], [0, 1]], np.float32)
    packed = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)

    def gather(rows: object) -> tuple[np.ndarray, np.ndarray]:
        return packed, np.array([2, 1])

    scores = score_rows(query, np.array([0, 1]), gather, "cosine")
    # 1 + 0.8, and 0 + 1.
    np.testing.assert_allclose(scores, [1.8, 1.0], rtol=1e-6)
    # Minus the squared distances: -0 - 0.4, and -2 - 0.
    np.testing.assert_allclose(score_rows(query, np.array([0, 1]), gather, "l2"), [-0.4, -2], 1e-6)


def test_more_than_there_are(store: TokenStore) -> None:
    (found, *_) = exact_maxsim(store, QUERIES, 500)
    assert found[0].tolist() == list(range(60))
    assert exact_maxsim(store, QUERIES[:0], 5) == []


def test_best_scored_keeps_ties() -> None:
    rows, scores = best_scored(np.array([9, 4, 7, 1]), np.array([2, 3, 2, 1], np.float32), 2)
    assert (rows.tolist(), scores.tolist()) == ([4, 7, 9], [3, 2, 2])
