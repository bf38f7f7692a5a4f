from __future__ import annotations

from pathlib import Path

import numpy as np

from odqa.encoders.sharded import Shard
from odqa.indexes.maxsim_search import Scored, exact_maxsim
from odqa.indexes.token_recall import measure_recall
from odqa.indexes.token_store import TokenStore, build_token_store


def test_a_case_by_hand(tmp_path: Path) -> None:
    """Four passages of one token each, along an arc; the index never finds the third."""
    angles = np.array([0, 0.1, 0.3, 0.7])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    build_token_store(tmp_path, 4, 2, lambda a, b: Shard(vectors[a:b], np.ones(b - a, np.int64)))
    store = TokenStore(tmp_path)
    asked: list[int] = []

    def search(queries: np.ndarray, k: int) -> list[Scored]:
        asked.append(k)
        found = exact_maxsim(store, queries, k)
        return [(rows[rows != 2], scores[rows != 2]) for rows, scores in found]

    measure_recall(tmp_path, store, search, vectors[:2, None], np.array([0, 1]), "cosine")
    # Of the three others at most, two are found.
    assert (tmp_path / "recall.json").read_text() == '{"3": 0.6666666666666666}\n'
    assert asked == [4]
