from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders import sparse_routes
from odqa.errors import CheckpointError
from odqa.retrievers.splade import SpladeConfig, SpladeRetriever
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert
from odqa.types import Hit, Passage, Question

RNG = np.random.default_rng(5)
VOCABULARY = WORDS.split()


def sentence(length: int) -> str:
    return " ".join(RNG.choice(VOCABULARY, length))


PASSAGES = [Passage(f"p{i}", sentence(int(RNG.integers(3, 20))), sentence(2)) for i in range(30)]
# The same words once more under another id: an exact tie.
PASSAGES += [Passage("p3a", PASSAGES[3].text, PASSAGES[3].title)]
QUESTIONS = [Question(f"q{i}", sentence(5)) for i in range(7)]


@pytest.fixture(scope="module")
def mlm(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("mlm"), "BertForMaskedLM"))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_passages(PASSAGES)


def ready(corpus: Corpus, cache: Cache, checkpoint: str, **keys: object) -> SpladeRetriever:
    retriever = SpladeRetriever(SpladeConfig(checkpoint=checkpoint, **keys))  # type: ignore[arg-type]
    retriever.prepare(corpus, cache)
    return retriever


def home_scores(checkpoint: str, **options: int) -> np.ndarray:
    """Scores of sentence-transformers, [questions, passages]."""
    from sentence_transformers import SparseEncoder

    home = SparseEncoder(checkpoint, device="cpu", **options)
    queries = home.encode_query([q.text for q in QUESTIONS])
    passages = home.encode_document([p.full_text for p in PASSAGES])
    return home.similarity(queries, passages).to_dense().numpy()  # type: ignore[no-any-return]


def assert_same(hits: list[list[Hit]], scores: np.ndarray) -> None:
    rows = {passage.id: row for row, passage in enumerate(PASSAGES)}
    for number, found in enumerate(hits):
        expected = scores[number]
        own = np.array([hit.score for hit in found])
        theirs = expected[[rows[hit.passage_id] for hit in found]]
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(own, np.sort(expected)[::-1][: len(own)], rtol=1e-5, atol=1e-5)


def test_sentence_transformers_scores_the_same(corpus: Corpus, mlm: str) -> None:
    hits = ready(corpus, Cache(enabled=False), mlm).retrieve(QUESTIONS, 10)
    assert [len(found) for found in hits] == [10] * len(QUESTIONS)
    assert_same(hits, home_scores(mlm))


def test_pruned_terms_are_those_of_sentence_transformers(corpus: Corpus, mlm: str) -> None:
    retriever = ready(corpus, Cache(enabled=False), mlm, query_terms=6, passage_terms=6)
    assert_same(retriever.retrieve(QUESTIONS, 40), home_scores(mlm, max_active_dims=6))
    facts = retriever.describe()
    assert (facts["question terms (mean)"], facts["passage terms (mean)"]) == ("6.0", "6.0")


def test_ties_come_by_id(corpus: Corpus, mlm: str) -> None:
    for found in ready(corpus, Cache(enabled=False), mlm).retrieve(QUESTIONS, 99):
        ids = [hit.passage_id for hit in found]
        assert ids.index("p3a") == ids.index("p3") + 1
        assert found[ids.index("p3a")].score == found[ids.index("p3")].score


def test_the_contract(mlm: str) -> None:
    without_twin = Corpus.from_passages(PASSAGES[:-1])
    check_retriever(ready(without_twin, Cache(enabled=False), mlm), QUESTIONS, 30)


def test_matches_add_up_to_the_score(corpus: Corpus, mlm: str) -> None:
    retriever = ready(corpus, Cache(enabled=False), mlm)
    best = retriever.retrieve(QUESTIONS[:1], 1)[0][0]
    matches = retriever.matches(QUESTIONS[0], corpus.get(best.passage_id))
    products = [match.question_weight * match.passage_weight for match in matches]
    assert sum(products) == pytest.approx(best.score, rel=1e-5)
    assert products == sorted(products, reverse=True)
    assert all(isinstance(match.term, str) and match.term for match in matches)


def test_the_cost_by_hand(corpus: Corpus, mlm: str) -> None:
    retriever = ready(corpus, Cache(enabled=False), mlm)
    question = Question("q", "who built the tower")
    tokens, width, inner, layers = 6, 32, 64, 2
    encoder = layers * (8 * tokens * width**2 + 4 * tokens**2 * width + 4 * tokens * width * inner)
    size = 144
    head = 2 * tokens * width * width + 2 * tokens * width * size
    vector = retriever._model.query_vector(question.text)
    shard = retriever._model.encode_passages([p.full_text for p in PASSAGES], ["x"] * 31)
    postings = int(np.isin(shard.vectors[:, 0], vector[:, 0]).sum())
    cost = retriever.cost(question, [])
    assert cost.gflop == pytest.approx((encoder + head + 2 * postings) / 1e9, rel=1e-12)
    assert cost.parameters == retriever._model.parameters > 0


def test_density_is_reported(corpus: Corpus, mlm: str) -> None:
    retriever = ready(corpus, Cache(enabled=False), mlm)
    assert "question terms (mean)" not in retriever.describe()
    retriever.retrieve(QUESTIONS, 3)
    facts = retriever.describe()
    model = retriever._model
    terms = [len(model.query_vector(question.text)) for question in QUESTIONS]
    assert facts["question terms (mean)"] == f"{np.mean(terms):.1f}"
    shard = model.encode_passages([p.full_text for p in PASSAGES], [p.id for p in PASSAGES])
    assert facts["passage terms (mean)"] == f"{shard.counts.mean():.1f}"
    assert facts["passages cut off"] == "0 of 31"


def test_the_index_is_reused_and_what_decides_it_makes_a_new_one(
    corpus: Corpus, tmp_path: Path, mlm: str
) -> None:
    ready(corpus, Cache(tmp_path), mlm)
    again = Cache(tmp_path)
    # Questions have no part in it.
    ready(corpus, again, mlm, query_terms=3)
    assert (again.hits, again.misses) == (1, 0)
    other = Cache(tmp_path)
    ready(corpus, other, mlm, passage_terms=3)
    ready(corpus, other, mlm, max_length=7)
    assert (other.hits, other.misses) == (0, 2)


def test_batches_decide_nothing(corpus: Corpus, mlm: str) -> None:
    one = ready(corpus, Cache(enabled=False), mlm, batch_size=1).retrieve(QUESTIONS, 40)
    for alone, question in zip(one, QUESTIONS, strict=True):
        (found,) = ready(corpus, Cache(enabled=False), mlm).retrieve([question], 40)
        assert {hit.passage_id for hit in found} == {hit.passage_id for hit in alone}
        scores = {hit.passage_id: hit.score for hit in alone}
        for hit in found:
            assert hit.score == pytest.approx(scores[hit.passage_id], rel=1e-5)


def test_no_finite_number_is_named(
    corpus: Corpus, mlm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = sparse_routes.MlmRoute.weights

    def broken(self: sparse_routes.MlmRoute, ids: list[list[int]]) -> np.ndarray:
        weights = plain(self, ids)
        weights[0, 7] = np.nan
        return weights

    monkeypatch.setattr(sparse_routes.MlmRoute, "weights", broken)
    with pytest.raises(CheckpointError, match=r"gives passage 'p[0-9]+a?' a vector that is no"):
        ready(corpus, Cache(enabled=False), mlm)


def test_bfloat16_is_near(corpus: Corpus, mlm: str) -> None:
    retriever = ready(corpus, Cache(enabled=False), mlm, precision="bfloat16")
    assert retriever._model.dtype == torch.bfloat16
    exact = ready(corpus, Cache(enabled=False), mlm)
    pairs = zip(retriever.retrieve(QUESTIONS, 1), exact.retrieve(QUESTIONS, 1), strict=True)
    for rough, fine in pairs:
        assert rough[0].score == pytest.approx(fine[0].score, rel=0.05)
