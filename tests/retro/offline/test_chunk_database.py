"""The chunk database: continuations, keys, the same-document filter, builds that were killed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.text import TextEncoder
from odqa.retro.offline import chunk_database
from odqa.retro.offline.chunk_database import ChunkDatabase
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.types import Passage

TEXTS = [
    "river flows through the city in the north",
    "the river flows through the city and the king",
    "king",
    "the poem was written in the last century",
    "the tower was built in the last year",
]
PASSAGES = [Passage(f"p{i}", text, f"title {i // 2}") for i, text in enumerate(TEXTS)]


class Words:
    """Every word is a token; ids follow the order of first occurrence."""

    digest = "words"

    def __init__(self) -> None:
        self.vocabulary: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        words = [text.split() for text in texts]
        self.vocabulary += dict.fromkeys(
            w for row in words for w in row if w not in self.vocabulary
        )
        return [[self.vocabulary.index(word) for word in row] for row in words]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        return [" ".join(self.vocabulary[token] for token in row) for row in rows]


class Counts:
    """Keys are counts of letters; records its calls, and can be interrupted."""

    dim = 26

    def __init__(self, killed_at: int | None = None) -> None:
        self.calls: list[list[str]] = []
        self._killed_at = killed_at

    def load(self, cache: Cache | None = None) -> None:
        del cache

    def identity(self) -> dict[str, object]:
        return {"encoder": "counts"}

    def encode(self, texts: Sequence[str], desc: str = "") -> np.ndarray:
        del desc
        if len(self.calls) == self._killed_at:
            raise KeyboardInterrupt
        self.calls.append(list(texts))
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.count(c) for c in letters] for text in texts], np.float32)


def build(
    folder: Path, encoder: Counts | None = None, passages: Sequence[Passage] = PASSAGES
) -> ChunkDatabase:
    database = ChunkDatabase(Words(), encoder or Counts(), chunk_length=3)
    database.prepare(Corpus.from_passages(passages), Cache(folder))
    return database


def texts(database: ChunkDatabase, rows: Sequence[int]) -> list[str]:
    tokens, real = database.read(np.array(rows))
    return database.tokenizer.decode(
        [row[mask].tolist() for row, mask in zip(tokens, real, strict=True)]
    )


def test_a_chunk_continues_in_its_document_and_stops_at_its_end(tmp_path: Path) -> None:
    database = build(tmp_path)
    # 8, 9, 1, 8 and 8 words in chunks of 3.
    assert database.starts.tolist() == [0, 3, 6, 7, 10, 13]
    assert database.documents.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4]
    assert texts(database, [0, 1, 2, 5, 6, 12]) == [
        "river flows through the city in",
        "the city in the north",
        "the north",
        "and the king",
        "king",
        "last year",
    ]
    tokens, real = database.read(np.array([[2, 12]]))
    assert tokens.shape == real.shape == (1, 2, 6)
    assert real.sum(-1).tolist() == [[2, 2]]
    assert not tokens[~real].any()


def test_chunks_are_named_by_their_passage(tmp_path: Path) -> None:
    assert build(tmp_path).where([0, 2, 6, 9]) == [("p0", 0), ("p0", 2), ("p2", 0), ("p3", 2)]


def test_neighbours_are_the_nearest_chunks_of_other_documents(tmp_path: Path) -> None:
    database = build(tmp_path)
    rows, real = database.own_neighbours(4)
    chunks = [texts(database, [i])[0].split()[:3] for i in range(len(database))]
    keys = Counts().encode([" ".join(words) for words in chunks]).astype(np.float64)
    distance = np.square(keys[:, None] - keys).sum(-1)
    distance[database.documents[:, None] == database.documents] = np.inf
    assert real.all()
    np.testing.assert_array_equal(rows, np.argsort(distance, axis=1, kind="stable")[:, :4])


def test_a_group_counts_as_one_document(tmp_path: Path) -> None:
    database = build(tmp_path)
    groups = np.array([0, 0, 1, 1, 2])
    owners = groups[database.documents]
    keys = np.asarray(database._index.file.vectors)
    rows, real = database.nearest(keys, owners, 3, groups)
    assert real.all()
    assert (owners[rows] != owners[:, None]).all()
    # Without groups, the twin passage is what a chunk of the first one finds.
    alone, _ = database.own_neighbours(3)
    assert (owners[alone[:3]] == 0).any()


def test_a_chunk_without_enough_others_has_masked_neighbours_and_no_negative_rows(
    tmp_path: Path,
) -> None:
    database = build(tmp_path, passages=PASSAGES[:3])
    rows, real = database.own_neighbours(5)
    # Chunks of p0 and p1 find 4 others each, the chunk of p2 finds 6.
    assert real.sum(1).tolist() == [4, 4, 4, 4, 4, 4, 5]
    assert rows.min() == 0
    assert not rows[~real].any()


def test_a_query_is_pooled_as_the_index_was(tmp_path: Path) -> None:
    checkpoint = tiny_bert(tmp_path / "bert")
    encoder = TextEncoder(str(checkpoint), pooling="mean", normalize=False, max_length=None)
    database = ChunkDatabase(Words(), encoder, chunk_length=3)
    database.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    chunks = [database.tokens[row][database.tokens[row] >= 0].tolist() for row in range(13)]
    keys = database.keys(chunks)
    rows, _ = database.nearest(keys, np.full(13, -1), 1)
    # Every chunk finds itself, or the same words in an earlier passage, at distance zero.
    nearest = [chunks[row] for row in rows[:, 0]]
    assert nearest == chunks

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModel.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        states = model(**tokenizer("written in the", return_tensors="pt")).last_hidden_state
    assert database.tokenizer.decode([chunks[8]]) == ["written in the"]
    np.testing.assert_allclose(keys[8], states[0].mean(0).numpy(), atol=1e-5)


def test_a_killed_build_goes_on_after_the_last_finished_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_database, "_DOCUMENTS", 2)
    killed = Counts(killed_at=1)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "a", killed)
    assert [len(part) for part in killed.calls] == [6]
    resumed = Counts()
    database = build(tmp_path / "a", resumed)
    # The first two passages are not encoded again.
    assert [len(part) for part in resumed.calls] == [4, 3]
    uninterrupted = build(tmp_path / "b")
    np.testing.assert_array_equal(database.tokens, uninterrupted.tokens)
    np.testing.assert_array_equal(database.own_neighbours(2)[0], uninterrupted.own_neighbours(2)[0])


def test_a_finished_database_is_opened_not_built(tmp_path: Path) -> None:
    first = build(tmp_path)
    first.own_neighbours(2)
    again = Counts()
    opened = build(tmp_path, again)
    assert again.calls == []
    np.testing.assert_array_equal(opened.own_neighbours(2)[0], first.own_neighbours(2)[0])
    assert isinstance(opened.tokens, np.memmap)
