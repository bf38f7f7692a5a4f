from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CacheError, ComponentError, EnvironmentProblem
from odqa.indexes import colbert_ai, plaid_build, residual, token_recall
from odqa.indexes.config import ExactTokens, PlaidTokens, ResidualTokens
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
# 16 numbers: colbert-ai packs those with 2 bits each, not with 4.
PLAID = PlaidTokens(nbits=2, centroids=64)


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
    opened = ResidualIndex(tmp_path, index, 100, similarity)
    token_recall.measure_recall(tmp_path, store, opened.search, queries, own, similarity)  # type: ignore[arg-type]
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


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_compiled")
@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_contract_of_plaid(cache: Cache, checkpoint: str, size: int) -> None:
    few = Corpus.from_passages(PASSAGES[:size])
    retriever = ready(few, cache, checkpoint, index=PlaidTokens(nbits=1))
    if size >= 5:
        check_retriever(retriever, QUESTIONS, size)
    for hits in retriever.retrieve(QUESTIONS, 1_000):
        assert 0 < len(hits) <= size


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_compiled")
def test_plaid_finds_nearly_what_exact_search_finds(
    corpus: Corpus, cache: Cache, checkpoint: str
) -> None:
    exact = ready(corpus, cache, checkpoint).retrieve(QUESTIONS, 10)
    retriever = ready(corpus, cache, checkpoint, index=PLAID)
    pairs = zip(exact, retriever.retrieve(QUESTIONS, 10), strict=True)
    assert np.mean([len(set(ids(a)) & set(ids(b))) for a, b in pairs]) >= 7
    facts = retriever.describe()
    assert 0.5 < float(facts["index recall@10"]) <= 1
    assert (facts["index"], facts["bits per number"], facts["centroids"]) == ("plaid", "2", "64")
    assert facts["ncells, centroid_score_threshold, ndocs"] == "2, 0.45, 1,024"
    (stored,) = retriever.stored()
    assert stored.name == "compressed token vectors"


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_compiled")
def test_the_cost_of_plaid_by_hand(corpus: Corpus, cache: Cache, checkpoint: str) -> None:
    exact = ready(corpus, cache, checkpoint)
    q, dim, tokens = 16, 16, len(exact._store.vectors)  # type: ignore[union-attr]
    searching = 2 * q * dim * tokens / 1e9
    encoder = exact.cost(QUESTIONS[0], []).gflop - searching  # type: ignore[operator]
    index = PlaidTokens(nbits=2, centroids=64, ndocs=40)
    # 64 centroids, and a quarter of 40 passages, each as long as passages are on average.
    expected = encoder + 2 * q * dim * (64 + round(10 * tokens / 61)) / 1e9
    retriever = ready(corpus, cache, checkpoint, index=index, k=5)
    assert retriever.cost(QUESTIONS[0], []).gflop == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_compiled")
@pytest.mark.parametrize("step", ["write_lists", "write_recall"])
def test_a_killed_build_of_plaid_leaves_nothing_half_written(
    corpus: Corpus, tmp_path: Path, checkpoint: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole = Cache(tmp_path / "whole")
    expected = ready(corpus, whole, checkpoint, index=PLAID).retrieve(QUESTIONS, 10)

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(plaid_build, step, killed)
        ready(corpus, Cache(tmp_path / "cut"), checkpoint, index=PLAID)
    folder = tmp_path / "cut" / "token-index"
    assert {path.suffix for path in folder.iterdir()} <= {".partial", ".lock"}
    resumed = Cache(tmp_path / "cut")
    assert ready(corpus, resumed, checkpoint, index=PLAID).retrieve(QUESTIONS, 10) == expected
    assert (resumed.hits, resumed.misses) == (1, 1), "the token store was whole"
    (one,), (other,) = (
        [path for path in (root / "token-index").iterdir() if path.is_dir()]
        for root in (tmp_path / "whole", tmp_path / "cut")
    )
    for path in one.glob("*.npy"):
        assert path.read_bytes() == (other / path.name).read_bytes()
    again = Cache(tmp_path / "cut")
    ready(corpus, again, checkpoint, index=PLAID, k=7)
    assert (again.hits, again.misses) == (1, 0)


def test_what_plaid_needs_is_said_before_anything_is_encoded(
    corpus: Corpus, tmp_path: Path, checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(colbert_ai, "version", missing)
    colbert_ai.colbert_ai.cache_clear()
    with pytest.raises(EnvironmentProblem, match=r"colbert-ai is not installed.*type: residual"):
        ready(corpus, Cache(tmp_path), checkpoint, index=PLAID)
    with pytest.raises(ComponentError, match="16 wide: colbert-ai takes multiples of 32"):
        ready(corpus, Cache(tmp_path), checkpoint, index=PlaidTokens(nbits=4))
    assert not list(tmp_path.glob("token-store/*"))


def test_specs_with_plaid_are_read_without_colbert_ai(tmp_path: Path) -> None:
    spec = tmp_path / "plaid.yaml"
    spec.write_text(
        "name: plaid\nretriever: {type: colbert, checkpoint: some/encoder, index: {type: plaid}}\n"
    )
    code = (
        "import sys, odqa, odqa.retrievers.colbert\n"
        "from odqa.spec.pipeline import load_pipelines\n"
        f"[spec] = load_pipelines([{str(spec)!r}])\n"
        "assert spec.retriever.to_dict()['index'] == {'type': 'plaid'}, spec\n"
        "assert not {'colbert', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
