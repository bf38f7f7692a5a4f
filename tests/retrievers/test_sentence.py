from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders import text as text_module
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError, ComponentError
from odqa.indexes import dense
from odqa.indexes.config import FlatIndex, HnswIndex, IvfPqIndex
from odqa.retrievers.sentence import SentenceConfig, SentenceRetriever
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert
from odqa.types import Hit, Passage, Question

RNG = np.random.default_rng(5)
VOCABULARY = WORDS.split()


def sentence(length: int) -> str:
    return " ".join(RNG.choice(VOCABULARY, length))


PASSAGES = [Passage(f"p{i}", sentence(int(RNG.integers(3, 20))), sentence(2)) for i in range(30)]
# The same words once more under another id: an exact tie.
PASSAGES += [Passage("twin", PASSAGES[3].text, PASSAGES[3].title)]
QUESTIONS = [Question(f"q{i}", sentence(5)) for i in range(7)]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_passages(PASSAGES)


def ready(corpus: Corpus, cache: Cache, checkpoint: str, **keys: object) -> SentenceRetriever:
    retriever = SentenceRetriever(SentenceConfig(checkpoint=checkpoint, **keys))  # type: ignore[arg-type]
    retriever.prepare(corpus, cache)
    return retriever


def by_hand(checkpoint: str, k: int) -> list[list[Hit]]:
    """Cosine of mean-pooled vectors, sorted in Python."""
    encoder = TextEncoder(checkpoint)
    passages = encoder.encode([p.full_text for p in PASSAGES]).astype(np.float64)
    scores = encoder.encode([q.text for q in QUESTIONS]).astype(np.float64) @ passages.T
    order = np.argsort(-scores.astype(np.float32), axis=1, kind="stable")[:, :k]
    return [
        [Hit(PASSAGES[row].id, float(scores[q, row])) for row in rows]
        for q, rows in enumerate(order)
    ]


def assert_same(rankings: list[list[Hit]], expected: list[list[Hit]]) -> None:
    assert len(rankings) == len(expected)
    for hits, expected_hits in zip(rankings, expected, strict=True):
        assert [h.passage_id for h in hits] == [h.passage_id for h in expected_hits]
        assert [h.score for h in hits] == pytest.approx([h.score for h in expected_hits], abs=1e-5)


def test_equals_cosine_by_hand(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    rankings = ready(corpus, Cache(tmp_path), bert).retrieve(QUESTIONS, 10)
    assert_same(rankings, by_hand(bert, 10))


def test_ties_fall_back_to_the_corpus_order(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    rankings = ready(corpus, Cache(tmp_path), bert).retrieve(QUESTIONS, 99)
    for hits in rankings:
        ids = [hit.passage_id for hit in hits]
        assert len(ids) == len(set(ids)) == 31
        assert ids.index("twin") == ids.index("p3") + 1


def test_one_question_alone_gets_the_same(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    retriever = ready(corpus, Cache(tmp_path), bert, batch_size=1)
    together = retriever.retrieve(QUESTIONS, 5)
    assert_same([retriever.retrieve([q], 5)[0] for q in QUESTIONS], together)
    assert_same(retriever.retrieve(QUESTIONS[::-1], 5)[::-1], together)
    assert retriever.retrieve([], 5) == []


def test_the_contract(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    without_twin = Corpus.from_passages(PASSAGES[:-1])
    check_retriever(ready(without_twin, Cache(tmp_path), bert), QUESTIONS, 30)
    graph = ready(without_twin, Cache(tmp_path), bert, index=HnswIndex())
    check_retriever(graph, QUESTIONS, 30)


def test_prefixes_change_both_sides(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    plain = ready(corpus, Cache(tmp_path), bert).retrieve(QUESTIONS, 3)
    prefixed = ready(corpus, Cache(tmp_path), bert, query_prefix="who ", passage_prefix="the ")
    rankings = prefixed.retrieve(QUESTIONS, 3)
    assert rankings != plain
    prefixed_questions = [Question(q.id, "who " + q.text) for q in QUESTIONS]
    one_sided = ready(corpus, Cache(tmp_path), bert, passage_prefix="the ")
    assert_same(one_sided.retrieve(prefixed_questions, 3), rankings)


def test_a_killed_build_goes_on(
    corpus: Corpus, tmp_path: Path, bert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    plain = text_module.TextEncoder.encode_tokens
    encode_shards = dense.encode_shards

    def counting(self: TextEncoder, tokens: object, desc: str = "") -> np.ndarray:
        if desc and len(encoded) == 1 and fail:
            raise KeyboardInterrupt
        if desc:
            encoded.append(len(tokens.ids))  # type: ignore[attr-defined]
        return plain(self, tokens, desc)  # type: ignore[arg-type]

    monkeypatch.setattr(text_module.TextEncoder, "encode_tokens", counting)
    monkeypatch.setattr(dense, "encode_shards", lambda *args: encode_shards(*args[:4], shard=12))
    fail = True
    with pytest.raises(KeyboardInterrupt):
        ready(corpus, Cache(tmp_path), bert)
    fail = False
    rankings = ready(corpus, Cache(tmp_path), bert).retrieve(QUESTIONS, 10)
    # 31 passages in shards of 12: the first shard was not encoded again.
    assert encoded == [12, 12, 7]
    assert_same(rankings, by_hand(bert, 10))


def test_vectors_are_reused_and_shared_by_index_types(
    corpus: Corpus, tmp_path: Path, bert: str
) -> None:
    ready(corpus, Cache(tmp_path), bert)
    again = Cache(tmp_path)
    ready(corpus, again, bert, index=FlatIndex())
    assert (again.hits, again.misses) == (1, 0)
    second_cache = Cache(tmp_path)
    ready(corpus, second_cache, bert, index=HnswIndex())
    assert (second_cache.hits, second_cache.misses) == (1, 1)


@pytest.mark.parametrize("change", ["weights", "corpus", "max_length"])
def test_whatever_decides_the_vectors_makes_new_ones(
    change: str, corpus: Corpus, tmp_path: Path, bert: str
) -> None:
    cache = Cache(tmp_path / "cache")
    ready(corpus, cache, bert)
    if change == "weights":
        ready(corpus, cache, str(tiny_bert(tmp_path / "other", seed=9)))
    elif change == "corpus":
        ready(Corpus.from_passages(PASSAGES[::-1]), cache, bert)
    else:
        ready(corpus, cache, bert, max_length=8)
    assert cache.misses == 2


def test_another_corpus_is_bound_on_a_second_prepare(tmp_path: Path, bert: str) -> None:
    cache = Cache(tmp_path)
    retriever = ready(Corpus.from_passages(PASSAGES), cache, bert)
    retriever.prepare(Corpus.from_passages([Passage("only", "the king")]), cache)
    assert [h.passage_id for h in retriever.retrieve(QUESTIONS[:1], 5)[0]] == ["only"]


def test_hnsw_reports_its_recall(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    retriever = ready(corpus, Cache(tmp_path), bert, index=HnswIndex())
    facts = retriever.describe()
    assert facts["index recall@10"] == "1.000"
    assert [stored.name for stored in retriever.stored()] == ["passage vectors", "hnsw index"]
    assert_same(retriever.retrieve(QUESTIONS, 10), by_hand(bert, 10))


def test_ivfpq_on_a_small_corpus_is_one_line(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    with pytest.raises(ComponentError, match="at least 256 vectors, there are 31"):
        ready(corpus, Cache(tmp_path), bert, index=IvfPqIndex())


def test_facts_cost_and_storage(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    retriever = ready(corpus, Cache(tmp_path), bert, max_length=10)
    facts = retriever.describe()
    assert facts["device"] == "cpu"
    assert (facts["dtype"], facts["dim"], facts["index"]) == ("float32", "32", "flat")
    cut = sum(len(p.full_text.split()) > 8 for p in PASSAGES)
    assert facts["passages cut off"] == f"{cut} of 31"
    assert retriever.stored()[0].bytes > 31 * 32 * 4
    # 5 words and 2 markers, 2 layers of width 32 and inner width 64; 31 dot products.
    layer = 8 * 7 * 32**2 + 4 * 7**2 * 32 + 4 * 7 * 32 * 64
    cost = retriever.cost(QUESTIONS[0], [])
    assert cost.gflop == pytest.approx((2 * layer + 2 * 31 * 32) / 1e9)
    assert cost.parameters > 0


def test_asking_before_prepare_is_one_line(bert: str) -> None:
    retriever = SentenceRetriever(SentenceConfig(checkpoint=bert))
    with pytest.raises(ComponentError, match="not prepared; call prepare first"):
        retriever.retrieve(QUESTIONS, 3)


def test_closing_and_preparing_again(corpus: Corpus, tmp_path: Path, bert: str) -> None:
    retriever = ready(corpus, Cache(tmp_path), bert)
    before = retriever.retrieve(QUESTIONS, 4)
    retriever.close()
    with pytest.raises(ComponentError):
        retriever.retrieve(QUESTIONS, 4)
    retriever.prepare(corpus, Cache(tmp_path))
    assert retriever.retrieve(QUESTIONS, 4) == before


def test_a_reader_is_not_a_sentence_encoder(corpus: Corpus, tmp_path: Path) -> None:
    reader = tiny_bert(tmp_path / "reader", "BertForQuestionAnswering")
    with pytest.raises(CheckpointError, match="extractive reader"):
        ready(corpus, Cache(tmp_path), str(reader))


def test_minilm_finds_the_obvious(tmp_path: Path) -> None:
    corpus = Corpus.from_passages(
        [
            Passage("paris", "The capital of France is Paris.", "France"),
            Passage("bread", "Bread is baked from flour, water and yeast.", "Bread"),
            Passage("moon", "The Moon circles the Earth once a month.", "Moon"),
        ]
    )
    retriever = ready(corpus, Cache(tmp_path), "embedded:minilm")
    texts = ["what is the capital of france", "how long does the moon take around the earth"]
    rankings = retriever.retrieve([Question(str(i), t) for i, t in enumerate(texts)], 1)
    assert [hits[0].passage_id for hits in rankings] == ["paris", "moon"]


def test_config_round_trip() -> None:
    config = SentenceConfig(checkpoint="a/b", index=HnswIndex(links=8), device="auto")
    again = SentenceConfig.model_validate_json(config.model_dump_json(exclude_defaults=True))
    assert again == config
    assert "device" not in config.identity()
    assert json.dumps(config.identity())
