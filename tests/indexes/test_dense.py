from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.sharded import Shard
from odqa.indexes.config import FlatIndex, HnswIndex
from odqa.indexes.dense import DenseIndex
from odqa.types import Passage

#: Three passages have the vector (1, 0), two (0, 1), one is between.
VECTORS = {"b": (1, 0), "a10": (1, 0), "a9": (1, 0), "z": (0, 1), "y": (0, 1), "m": (0.6, 0.6)}


def index(tmp_path: Path, ids: list[str], config: FlatIndex | HnswIndex) -> DenseIndex:
    def encode(passages: list[Passage], label: str) -> Shard:
        rows = np.array([VECTORS[passage.id] for passage in passages], np.float32)
        return Shard(rows, np.ones(len(rows), np.int64))

    corpus = Corpus.from_passages([Passage(i, f"text of {i}") for i in ids])
    return DenseIndex.open(
        corpus, Cache(tmp_path), config, "ip", what="v", identity={}, dim=2, encode=encode
    )


@pytest.mark.parametrize("config", [FlatIndex(), HnswIndex(links=4)])
@pytest.mark.parametrize("order", [1, -1])
def test_passages_with_equal_scores_come_by_id_in_any_corpus_order(
    tmp_path: Path, config: FlatIndex | HnswIndex, order: int
) -> None:
    opened = index(tmp_path, list(VECTORS)[::order], config)
    queries = np.array([[1, 0], [0, 2]], np.float32)
    first, second = opened.hits(queries, 4)
    assert [hit.passage_id for hit in first] == ["a10", "a9", "b", "m"]
    assert [hit.score for hit in first] == [1, 1, 1, np.float32(0.6)]
    # The last place goes to the lowest id of those that tie for it.
    assert [hit.passage_id for hit in second] == ["y", "z", "m", "a10"]
    assert [hit.passage_id for hit in opened.hits(queries[:1], 2)[0]] == ["a10", "a9"]
