from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.indexes.config import HnswIndex
from odqa.retrievers.retro import ChunkHit, RetroRetriever, RetroRetrieverConfig
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert
from odqa.types import Hit, Passage, Question

RNG = np.random.default_rng(7)
VOCABULARY = WORDS.split()
SIZE = 4


def random_words(length: int) -> str:
    return " ".join(RNG.choice(VOCABULARY, length))


PASSAGES = [Passage(f"p{i}", random_words(int(RNG.integers(1, 30)))) for i in range(20)]
PASSAGES += [Passage("empty", "")]
QUESTIONS = [Question(f"q{i}", random_words(int(RNG.integers(2, 5)))) for i in range(6)]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("bert")))


def ready(bert: str, cache: Path, **keys: Any) -> RetroRetriever:
    config = RetroRetrieverConfig(checkpoint=bert, **({"chunk_tokens": SIZE} | keys))
    retriever = RetroRetriever(config)
    retriever.prepare(Corpus.from_passages(PASSAGES), Cache(cache))
    return retriever


def chunk_scores(bert: str, metric: str) -> dict[tuple[str, int], np.ndarray]:
    """(passage, chunk number) -> score per question; one word is one token here."""
    encoder = TextEncoder(bert, normalize=metric == "ip")
    chunks = {
        (p.id, number): " ".join(p.text.split()[number * SIZE : (number + 1) * SIZE])
        for p in PASSAGES
        for number in range(max(1, -(-len(p.text.split()) // SIZE)))
    }
    keys = encoder.encode(list(chunks.values())).astype(np.float64)
    question_vectors = encoder.encode([q.text for q in QUESTIONS]).astype(np.float64)
    scores = (
        keys @ question_vectors.T
        if metric == "ip"
        else -((keys[:, None] - question_vectors[None]) ** 2).sum(2)
    )
    return dict(zip(chunks, scores, strict=True))


@pytest.mark.parametrize("metric", ["l2", "ip"])
@pytest.mark.parametrize("k", [1, 5, 21])
def test_best_chunk_of_each_passage_by_hand(metric: str, k: int, bert: str, tmp_path: Path) -> None:
    scores = chunk_scores(bert, metric)
    rankings = ready(bert, tmp_path, metric=metric).retrieve(QUESTIONS, k)
    for q, hits in enumerate(rankings):
        best: dict[str, float] = {}
        for (passage, _), score in scores.items():
            best[passage] = max(best.get(passage, -np.inf), float(score[q]))
        expected = sorted(best.items(), key=lambda item: -item[1])[:k]
        assert [hit.passage_id for hit in hits] == [passage for passage, _ in expected]
        assert [h.score for h in hits] == pytest.approx([s for _, s in expected], abs=1e-4)


def test_chunk_hits_name_passage_and_chunk(bert: str, tmp_path: Path) -> None:
    scores = chunk_scores(bert, "l2")
    rankings = ready(bert, tmp_path).retrieve_chunks(QUESTIONS, 30)
    for q, hits in enumerate(rankings):
        expected = sorted(scores, key=lambda key: -scores[key][q])[:30]
        assert [(hit.passage_id, hit.chunk) for hit in hits] == expected
        assert isinstance(hits[0], ChunkHit)


def test_the_contract(bert: str, tmp_path: Path) -> None:
    check_retriever(ready(bert, tmp_path), QUESTIONS, len(PASSAGES))
    assert ready(bert, tmp_path).retrieve_chunks([], 3) == []


def test_many_chunks_of_one_passage_do_not_crowd_out_others(bert: str, tmp_path: Path) -> None:
    # 50 copies of the question in one passage: its chunks are the first 50 hits.
    crowd = Passage("crowd", " ".join(["who built the tower"] * 50))
    corpus = Corpus.from_passages([crowd, *PASSAGES])
    retriever = RetroRetriever(RetroRetrieverConfig(checkpoint=bert, chunk_tokens=SIZE))
    retriever.prepare(corpus, Cache(tmp_path))
    question = Question("q", "who built the tower")
    hits = retriever.retrieve([question], 5)[0]
    assert hits[0] == Hit("crowd", pytest.approx(0, abs=1e-6))
    assert len({hit.passage_id for hit in hits}) == 5


def test_both_units_are_reported(bert: str, tmp_path: Path) -> None:
    crowd = Passage("crowd", " ".join(["who built the tower"] * 50))
    retriever = RetroRetriever(RetroRetrieverConfig(checkpoint=bert, chunk_tokens=SIZE))
    retriever.prepare(Corpus.from_passages([crowd, Passage("far", "king")]), Cache(tmp_path))
    assert "hits per question" not in retriever.describe()
    question = Question("q", "who built the tower")
    # The 50 chunks of one passage come before the only one of the other.
    retriever.retrieve([question], 2)
    assert retriever.describe()["hits per question"] == "51.0 chunks for 2.0 passages"
    retriever.retrieve([question], 1)
    assert retriever.describe()["hits per question"] == "26.0 chunks for 1.5 passages"


def test_a_passage_of_one_chunk_is_its_sentence_vector(bert: str, tmp_path: Path) -> None:
    retriever = ready(bert, tmp_path, chunk_tokens=64)
    plain = TextEncoder(bert, normalize=False).encode([p.text for p in PASSAGES])
    np.testing.assert_allclose(retriever._store.file.vectors, plain, atol=1e-5)


def test_an_approximate_index_over_chunks(bert: str, tmp_path: Path) -> None:
    retriever = ready(bert, tmp_path, index=HnswIndex())
    assert retriever.retrieve(QUESTIONS, 5) == ready(bert, tmp_path).retrieve(QUESTIONS, 5)
    assert retriever.describe()["index recall@10"] == "1.000"
    assert [item.name for item in retriever.stored()] == ["chunk keys", "hnsw index"]


def test_long_questions_are_counted(bert: str, tmp_path: Path) -> None:
    retriever = ready(bert, tmp_path)
    retriever.retrieve([Question("long", "who built the tower of the king"), QUESTIONS[0]], 2)
    assert retriever.describe()["questions cut off"] == "1"


def test_chunks_beyond_the_encoder_are_one_line(bert: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"chunk_tokens is 600.*at most 510 beside"):
        ready(bert, tmp_path, chunk_tokens=600)


def test_cost_counts_all_chunks(bert: str, tmp_path: Path) -> None:
    retriever = ready(bert, tmp_path)
    question = Question("q", "who built")
    chunks = len(chunk_scores(bert, "l2"))
    layer = 8 * 4 * 32**2 + 4 * 4**2 * 32 + 4 * 4 * 32 * 64
    assert retriever.cost(question, []).gflop == pytest.approx((2 * layer + 2 * chunks * 32) / 1e9)
