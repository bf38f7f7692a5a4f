from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CacheError, ComponentError
from odqa.indexes import residual
from odqa.indexes.config import ExactTokens, ResidualTokens
from odqa.indexes.maxsim_search import exact_maxsim
from odqa.indexes.residual import ResidualIndex
from odqa.rankers.colbert import ColbertConfig, ColbertRanker
from odqa.retrievers.colbert import ColbertRetriever, ColbertRetrieverConfig
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_checkpoints import WORDS, tiny_colbert
from odqa.types import Hit, Passage, Question

RNG = np.random.default_rng(5)
VOCABULARY = WORDS.split()


def sentence(length: int) -> str:
    return " ".join(RNG.choice(VOCABULARY, length))


PASSAGES = [Passage(f"p{i}", sentence(int(RNG.integers(8, 20))), sentence(2)) for i in range(60)]
PASSAGES += [Passage("p3a", PASSAGES[3].text, PASSAGES[3].title)]
QUESTIONS = [Question(f"q{i}", sentence(5)) for i in range(6)]
COMPRESSED = ResidualTokens(bits=4, centroids=64)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_colbert(tmp_path_factory.mktemp("colbert")))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_passages(PASSAGES)


def ready(corpus: Corpus, cache: Cache, checkpoint: str, **keys: object) -> ColbertRetriever:
    config = ColbertRetrieverConfig(checkpoint=checkpoint, **keys)  # type: ignore[arg-type]
    retriever = ColbertRetriever(config)
    retriever.prepare(corpus, cache)
    return retriever


def ids(hits: list[Hit]) -> list[str]:
    return [hit.passage_id for hit in hits]


def test_exact_search_is_the_ranker_over_all_passages(
    corpus: Corpus, cache: Cache, checkpoint: str
) -> None:
    found = ready(corpus, cache, checkpoint).retrieve(QUESTIONS, 100)
    ranker = ColbertRanker(ColbertConfig(checkpoint=checkpoint))
    before = cache.misses
    ranker.prepare(corpus, cache)
    assert cache.misses == before, "both have one token store"
    everything = [[Hit(passage.id, 0.0) for passage in PASSAGES]] * len(QUESTIONS)
    for hits, ranked in zip(found, ranker.rank(QUESTIONS, everything, 100), strict=True):
        assert set(ids(hits)) == set(ids(ranked))
        scores = {hit.passage_id: hit.score for hit in ranked}
        for hit, other in zip(hits, ranked, strict=True):
            assert hit.score == pytest.approx(scores[hit.passage_id], abs=1e-5)
            assert hit.score == pytest.approx(other.score, abs=1e-5)


@pytest.mark.usefixtures("colbert_ai_works")
def test_colbert_ai_scores_the_same(
    corpus: Corpus, cache: Cache, checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from colbert.infra import ColBERTConfig
    from colbert.modeling.checkpoint import Checkpoint
    from colbert.modeling.colbert import ColBERT, colbert_score

    monkeypatch.setattr(ColBERT, "try_load_torch_extensions", lambda use_gpu: None)
    home = Checkpoint(checkpoint, colbert_config=ColBERTConfig(), verbose=0)
    texts = [passage.full_text for passage in PASSAGES]
    with torch.no_grad():
        queries = home.queryFromText([question.text for question in QUESTIONS])
        passages, mask = home.doc(*home.doc_tokenizer.tensorize(texts), keep_dims="return_mask")
        # Stored vectors have 16 bits: rounded alike, scores are compared to the last digits.
        rounded = passages.half().float()
        expected = [
            colbert_score(query[None], rounded, mask, config=home.colbert_config)
            for query in queries
        ]
    rows = {passage.id: row for row, passage in enumerate(PASSAGES)}
    found = ready(corpus, cache, checkpoint).retrieve(QUESTIONS, 100)
    for scores, hits in zip(expected, found, strict=True):
        own = torch.tensor([hit.score for hit in hits])
        theirs = scores[[rows[hit.passage_id] for hit in hits]]
        # A value between two numbers of 16 bits may go either way: 16 tokens, 0.0005 each at most.
        torch.testing.assert_close(own, theirs, atol=1e-3, rtol=0)


def test_ties_come_by_id(corpus: Corpus, cache: Cache, checkpoint: str) -> None:
    for index in (ExactTokens(), COMPRESSED):
        for hits in ready(corpus, cache, checkpoint, index=index).retrieve(QUESTIONS, 100):
            place = ids(hits).index("p3")
            assert ids(hits)[place + 1] == "p3a"
            assert hits[place].score == hits[place + 1].score


@pytest.mark.parametrize("index", [ExactTokens(), COMPRESSED])
def test_the_contract(cache: Cache, checkpoint: str, index: ExactTokens | ResidualTokens) -> None:
    without_twin = Corpus.from_passages(PASSAGES[:-1])
    check_retriever(ready(without_twin, cache, checkpoint, index=index), QUESTIONS, 60)


def test_all_candidates_at_four_bits_find_nearly_what_exact_search_finds(
    corpus: Corpus, cache: Cache, checkpoint: str
) -> None:
    exact = ready(corpus, cache, checkpoint).retrieve(QUESTIONS, 10)
    # k of the stage is 100: every passage is a candidate.
    found = ready(corpus, cache, checkpoint, index=COMPRESSED).retrieve(QUESTIONS, 10)
    shared = [len(set(ids(a)) & set(ids(b))) for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) >= 8
    scores = {hit.passage_id: hit.score for hit in exact[0]}
    for hit in found[0]:
        assert hit.score == pytest.approx(scores.get(hit.passage_id, hit.score), abs=0.6)


def test_scores_are_maxsim_of_the_restored_vectors(
    corpus: Corpus, cache: Cache, checkpoint: str
) -> None:
    retriever = ready(corpus, cache, checkpoint, index=COMPRESSED, k=10)
    store = retriever._store
    assert isinstance(store, ResidualIndex)
    (hits,) = retriever.retrieve(QUESTIONS[:1], 10)
    query = retriever._model.encode_queries([QUESTIONS[0].text])[0]
    for hit in hits:
        vectors, lengths = store.gather(corpus.rows([hit.passage_id]))
        assert lengths.tolist() == [len(vectors)]
        assert hit.score == pytest.approx(float((query @ vectors.T).max(1).sum()), abs=1e-5)


def test_fewer_probes_and_candidates_find_less(
    corpus: Corpus, cache: Cache, checkpoint: str
) -> None:
    exact = ready(corpus, cache, checkpoint, k=5).retrieve(QUESTIONS, 5)

    def recall(**keys: object) -> float:
        index = ResidualTokens(bits=4, centroids=64, **keys)  # type: ignore[arg-type]
        found = ready(corpus, cache, checkpoint, k=5, index=index).retrieve(QUESTIONS, 5)
        assert all(len(hits) == 5 for hits in found)
        pairs = zip(exact, found, strict=True)
        return float(np.mean([len(set(ids(a)) & set(ids(b))) / 5 for a, b in pairs]))

    assert recall(probes=1, candidates=5, threshold=1.0) < recall(probes=64, candidates=240)


def test_estimates_in_blocks_are_those_in_one(
    corpus: Corpus, cache: Cache, checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ResidualTokens(bits=4, centroids=64, candidates=20)
    retriever = ready(corpus, cache, checkpoint, index=index, k=5)
    whole = retriever.retrieve(QUESTIONS, 5)
    monkeypatch.setattr(residual, "_BLOCK", 40)
    assert retriever.retrieve(QUESTIONS, 5) == whole


def test_recall_and_sizes_are_reported(corpus: Corpus, cache: Cache, checkpoint: str) -> None:
    exact, packed = (
        ready(corpus, cache, checkpoint, index=index) for index in (ExactTokens(), COMPRESSED)
    )
    facts = packed.describe()
    assert 0.5 < float(facts["index recall@10"]) <= 1
    assert (facts["bits per number"], facts["centroids"]) == ("4", "64")
    assert facts["probes, threshold, candidates"] == "2, 0.45, 1,024"
    assert exact.describe()["index"] == "exact"
    assert "index recall@10" not in exact.describe()
    (full,), (small,) = exact.stored(), packed.stored()
    assert (full.name, small.name) == ("passage token vectors", "compressed token vectors")
    tokens = int(facts["stored tokens"].replace(",", ""))
    # 16 numbers: 32 bytes, or 8 and a code of 4.
    assert full.bytes > tokens * 32
    assert tokens * 12 < small.bytes < tokens * 32


def test_recall_by_hand(corpus: Corpus, cache: Cache, checkpoint: str, tmp_path: Path) -> None:
    """The exact index as its own compressed one finds everything."""
    retriever = ready(corpus, cache, checkpoint)
    store = retriever._store
    index = ResidualTokens(bits=4, centroids=64, probes=64, candidates=1000)
    residual.build_residual_index(tmp_path, store, index)  # type: ignore[arg-type]
    queries, own = retriever._sample(corpus, 1)
    assert own.tolist() == list(range(61))
    similarity = retriever._model.settings.similarity
    residual.measure_recall(tmp_path, store, index, queries, own, similarity)  # type: ignore[arg-type]
    opened = ResidualIndex(tmp_path, index, 100, similarity)
    exact = exact_maxsim(store, queries, 11, similarity)  # type: ignore[arg-type]
    shares = []
    for row, a, b in zip(own.tolist(), exact, opened.search(queries, 11), strict=True):
        best = [
            {int(r) for r in [r for r in rows[np.lexsort((rows, -scores))] if r != row][:10]}
            for rows, scores in (a, b)
        ]
        shares.append(len(best[0] & best[1]) / 10)
    assert opened.recall[10] == pytest.approx(np.mean(shares))


def test_the_cost_by_hand(corpus: Corpus, cache: Cache, checkpoint: str) -> None:
    q, dim, width, inner, layers = 16, 16, 32, 64, 2
    encoder = layers * (8 * q * width**2 + 4 * q * q * width + 4 * q * width * inner)
    encoder += 2 * q * width * dim
    exact = ready(corpus, cache, checkpoint)
    tokens = len(exact._store.vectors)  # type: ignore[union-attr]
    expected = (encoder + 2 * q * dim * tokens) / 1e9
    assert exact.cost(QUESTIONS[0], []).gflop == pytest.approx(expected, rel=1e-12)
    packed = ready(corpus, cache, checkpoint, index=COMPRESSED, k=2)
    # 256 candidates, of which a quarter is restored; here that is every passage.
    expected = (encoder + 2 * q * dim * (64 + tokens)) / 1e9
    assert packed.cost(QUESTIONS[0], []).gflop == pytest.approx(expected, rel=1e-12)


def test_what_decides_the_index_makes_a_new_one(
    corpus: Corpus, tmp_path: Path, checkpoint: str
) -> None:
    first = Cache(tmp_path)
    ready(corpus, first, checkpoint, index=COMPRESSED)
    # The token store and the index; when it is there, it is all that is opened.
    assert first.misses == 2
    again = Cache(tmp_path)
    ready(corpus, again, checkpoint, index=COMPRESSED, k=7)
    assert (again.hits, again.misses) == (1, 0)
    other = Cache(tmp_path)
    ready(corpus, other, checkpoint, index=ResidualTokens(bits=2, centroids=64))
    assert (other.hits, other.misses) == (1, 1)


def test_too_many_centroids(corpus: Corpus, cache: Cache, checkpoint: str) -> None:
    with pytest.raises(ComponentError, match=r"50,000 centroids of [0-9,]+ token vectors"):
        ready(corpus, cache, checkpoint, index=ResidualTokens(centroids=50_000))


def test_bits_that_fill_no_byte(corpus: Corpus, cache: Cache, tmp_path: Path) -> None:
    odd = str(tiny_colbert(tmp_path / "odd", dim=9))
    with pytest.raises(ComponentError, match="9 wide: with 2 bits each"):
        ready(corpus, cache, odd, index=ResidualTokens(bits=2, centroids=16))


def test_a_damaged_index(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="no readable index"):
        ResidualIndex(tmp_path, COMPRESSED, 10, "cosine")
