"""PLAID: what colbert-ai itself makes of the same vectors, and finds with them."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from odqa.encoders.sharded import Shard
from odqa.errors import CacheError, ComponentError
from odqa.indexes import plaid_build
from odqa.indexes.compressed_files import CODEC, open_arrays
from odqa.indexes.config import PlaidTokens
from odqa.indexes.maxsim_search import exact_maxsim
from odqa.indexes.plaid import PlaidIndex
from odqa.indexes.plaid_build import build_plaid_index
from odqa.indexes.residual_codec import ResidualCodec
from odqa.indexes.token_store import TokenStore, build_token_store

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("colbert_ai_compiled")]

DIM, PASSAGES, TOKENS = 32, 80, 6
EVERYTHING = {"ncells": 10_000, "centroid_score_threshold": -1.0, "ndocs": 4 * PASSAGES}
PLENTY = 10 * PASSAGES


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.normal(size=(*shape, DIM)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def stored(folder: Path, counts: list[int], dim: int = DIM) -> TokenStore:
    """Passages of so many tokens, which stand around twelve words."""
    rng = np.random.default_rng(3)
    words = unit(rng, 12)[rng.integers(0, 12, sum(counts))] + unit(rng, sum(counts)) * 0.5
    vectors = words[:, :dim] / np.linalg.norm(words[:, :dim], axis=1, keepdims=True)
    ends = np.cumsum([0, *counts])

    def encode(start: int, stop: int) -> Shard:
        return Shard(vectors[ends[start] : ends[stop]], np.array(counts[start:stop]))

    folder.mkdir(exist_ok=True)
    build_token_store(folder, len(counts), dim, encode)
    return TokenStore(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    counts = np.random.default_rng(1).integers(3, 14, PASSAGES).tolist()
    return stored(tmp_path_factory.mktemp("store"), counts)


@pytest.fixture(scope="module")
def folder(store: TokenStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plaid")
    build_plaid_index(path, store, PlaidTokens(nbits=4))
    return path


@pytest.fixture(scope="module")
def queries(store: TokenStore) -> np.ndarray:
    rng = np.random.default_rng(7)
    rows = rng.integers(0, len(store.vectors), (9, TOKENS))
    near = store.vectors[rows].astype(np.float32) + unit(rng, 9, TOKENS) * 0.4
    return np.asarray(near / np.linalg.norm(near, axis=-1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def home(store: TokenStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that colbert-ai's own indexing of the same vectors leaves."""
    from colbert.data import Collection
    from colbert.indexing.collection_indexer import CollectionIndexer
    from colbert.indexing.index_saver import IndexSaver

    path = tmp_path_factory.mktemp("home")
    config = plaid_build.plaid_settings(dim=DIM, nbits=4, index_path=str(path), checkpoint="none")

    def encode(rows: list[int]) -> tuple[torch.Tensor, list[int]]:
        vectors, lengths = store.gather(rows)
        return torch.from_numpy(vectors.astype(np.float32)), lengths.tolist()

    # Its constructor loads a checkpoint.
    indexer = CollectionIndexer.__new__(CollectionIndexer)
    indexer.config, indexer.verbose, indexer.use_gpu = config, 0, False
    indexer.rank, indexer.nranks = 0, 1
    indexer.collection = Collection(data=list(range(PASSAGES)))
    indexer.encoder = SimpleNamespace(encode_passages=encode)
    indexer.saver = IndexSaver(config)
    before = random.getstate()
    with torch.random.fork_rng(devices=[]):
        # As its launcher does.
        random.seed(12345)
        torch.manual_seed(12345)
        indexer.run(None)
    random.setstate(before)
    return path


def searched(index: PlaidIndex, queries: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
    return [
        sorted(zip(rows.tolist(), scores.tolist(), strict=True), key=lambda pair: -pair[1])
        for rows, scores in index.search(queries, k)
    ]


def test_the_index_is_the_one_that_colbert_ai_makes(folder: Path, home: Path) -> None:
    def read(name: str) -> Any:
        return torch.load(home / f"{name}.pt", weights_only=True)

    arrays, _ = open_arrays(folder)
    np.testing.assert_array_equal(arrays["centroids"], read("centroids").float().numpy())
    for name, expected in zip(("cutoffs", "values"), read("buckets"), strict=True):
        np.testing.assert_array_equal(arrays[name], expected.numpy())
    for name in ("codes", "residuals"):
        # One chunk holds 25,000 passages.
        np.testing.assert_array_equal(arrays[name], read(f"0.{name}").numpy())
    lists, lengths = read("ivf.pid")
    np.testing.assert_array_equal(np.diff(arrays["list_offsets"]), lengths.numpy())
    np.testing.assert_array_equal(arrays["lists"], lists[: lengths.sum()].numpy())


@pytest.mark.parametrize("k", [3, 10, 60, 200])
def test_hits_are_those_of_colbert_ais_searcher(
    folder: Path, home: Path, queries: np.ndarray, k: int
) -> None:
    from colbert.search.index_storage import IndexScorer
    from colbert.searcher import Searcher

    searcher = Searcher.__new__(Searcher)
    searcher.ranker = IndexScorer(str(home), use_gpu=False)
    found = searched(PlaidIndex(folder, PlaidTokens(nbits=4), k, "cosine"), queries, k)
    for query, pairs in zip(queries, found, strict=True):
        searcher.config = plaid_build.plaid_settings(query_maxlen=TOKENS)
        pids, _, scores = searcher.dense_search(torch.from_numpy(query)[None], k)
        assert len(pairs) == len(pids) > 0
        assert [score for _, score in pairs] == scores
        assert dict(pairs) == dict(zip(pids, scores, strict=True))


def test_everything_visited_scores_maxsim_of_the_restored_vectors(
    folder: Path, store: TokenStore, queries: np.ndarray
) -> None:
    arrays, _ = open_arrays(folder)
    codec = ResidualCodec(*(np.asarray(arrays[name]) for name in CODEC))
    vectors = codec.decompress(np.asarray(arrays["codes"]), np.asarray(arrays["residuals"]))
    index = PlaidIndex(folder, PlaidTokens(nbits=4, **EVERYTHING), 10, "cosine")  # type: ignore[arg-type]
    for query, pairs in zip(queries, searched(index, queries, PLENTY), strict=True):
        assert sorted(row for row, _ in pairs) == list(range(PASSAGES))
        for row, score in pairs:
            own = vectors[store.offsets[row] : store.offsets[row + 1]]
            expected = np.maximum((query @ own.T).max(axis=1), 0).sum()
            assert score == pytest.approx(float(expected), abs=1e-5)


def test_everything_visited_finds_nearly_what_exact_search_finds(
    folder: Path, store: TokenStore, queries: np.ndarray
) -> None:
    index = PlaidIndex(folder, PlaidTokens(nbits=4, **EVERYTHING), 10, "cosine")  # type: ignore[arg-type]
    exact = exact_maxsim(store, queries, 10)
    shared = [
        len(set(a.tolist()) & set(b.tolist()))
        for (a, _), (b, _) in zip(exact, index.search(queries, 10), strict=True)
    ]
    assert np.mean(shared) >= 9


def test_distances_are_those_of_the_cosines(folder: Path, queries: np.ndarray) -> None:
    config = PlaidTokens(nbits=4)
    cosine, l2 = (PlaidIndex(folder, config, 10, kind) for kind in ("cosine", "l2"))
    for (rows, sums), (same, scores) in zip(
        cosine.search(queries, 5), l2.search(queries, 5), strict=True
    ):
        np.testing.assert_array_equal(rows, same)
        np.testing.assert_allclose(scores, 2 * sums - 2 * TOKENS, rtol=1e-6)


def test_a_token_that_nothing_is_like_counts_nothing(tmp_path: Path) -> None:
    store = stored(tmp_path / "store", [3])
    build_plaid_index(tmp_path, store, PlaidTokens())
    index = PlaidIndex(tmp_path, PlaidTokens(), 10, "cosine")
    against = -store.vectors[:].astype(np.float32).sum(axis=0)
    [(rows, scores)] = index.search((against / np.linalg.norm(against))[None, None], 10)
    assert (rows.tolist(), scores.tolist()) == ([0], [0])


@pytest.mark.parametrize("counts", [[1], [3], [20], [1, 2], [2, 0, 3, 0]])
def test_few_tokens_and_passages_without_any(tmp_path: Path, counts: list[int]) -> None:
    store = stored(tmp_path / "store", counts)
    build_plaid_index(tmp_path, store, PlaidTokens(nbits=4))
    index = PlaidIndex(tmp_path, PlaidTokens(nbits=4, ncells=10_000), 10, "cosine")
    first = store.vectors[0].astype(np.float32)
    [(rows, scores)] = index.search(first[None, None], 10)
    assert rows.tolist() == [row for row, count in enumerate(counts) if count]
    assert scores[0] == pytest.approx(1, abs=0.1)


def test_a_seed_decides_the_index_and_nothing_else(
    store: TokenStore, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    states = random.getstate(), torch.random.get_rng_state()
    for seed in (12_345, 1):
        (tmp_path / str(seed)).mkdir()
        build_plaid_index(tmp_path / str(seed), store, PlaidTokens(nbits=4, seed=seed))
        PlaidIndex(tmp_path / str(seed), PlaidTokens(nbits=4), 10, "cosine")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "12345" / path.name).read_bytes()
    codes = [(path / "codes.npy").read_bytes() for path in (folder, tmp_path / "1")]
    assert codes[0] != codes[1]
    assert states[0] == random.getstate()
    assert torch.equal(states[1], torch.random.get_rng_state())
    assert capfd.readouterr().out == ""


def test_passages_are_sampled_as_by_colbert_ai(tmp_path: Path) -> None:
    from colbert.indexing.collection_indexer import CollectionIndexer

    many = 32_000
    store = stored(tmp_path, [1] * many, dim=8)
    indexer = CollectionIndexer.__new__(CollectionIndexer)
    indexer.collection, indexer.verbose = range(many), 0
    before = random.getstate()
    random.seed(5)
    expected = sorted(indexer._sample_pids())
    random.setstate(before)
    sample, held_out = plaid_build._samples(store, 5)
    assert len(sample) + len(held_out) == len(expected) < many
    own = np.concatenate([sample.numpy(), held_out.numpy()])
    rows = store.vectors[expected]
    np.testing.assert_array_equal(np.sort(own, axis=0), np.sort(rows, axis=0))


def test_settings_depend_on_the_larger_k(folder: Path) -> None:
    index = PlaidIndex(folder, PlaidTokens(nbits=4), 10, "cosine")
    assert index.settings(5) == (1, 0.5, 256)
    assert index.settings(100) == (2, 0.45, 1024)
    assert index.settings(5_000) == (4, 0.4, 20_000)
    given = PlaidTokens(nbits=4, ncells=10_000, centroid_score_threshold=0, ndocs=8)
    centroids = len(open_arrays(folder)[0]["centroids"])
    assert PlaidIndex(folder, given, 10, "cosine").settings(5) == (centroids, 0, 8)


def test_a_quarter_of_the_documents_can_be_found(folder: Path, queries: np.ndarray) -> None:
    index = PlaidIndex(folder, PlaidTokens(nbits=4, ndocs=8, ncells=10_000), 10, "cosine")
    assert [len(rows) for rows, _ in index.search(queries, 10)] == [2] * len(queries)


def test_the_operations_by_hand(folder: Path) -> None:
    index = PlaidIndex(folder, PlaidTokens(nbits=4, ndocs=40), 10, "cosine")
    centroids = len(open_arrays(folder)[0]["centroids"])
    tokens = round(10 * index.tokens / PASSAGES)
    expected = 2 * TOKENS * DIM * (centroids + tokens) / 1e9
    assert index.gflop(TOKENS) == pytest.approx(expected, rel=1e-12)


def test_more_centroids_than_sampled_vectors(store: TokenStore, tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"9,000 centroids of \d+ sampled token vectors"):
        build_plaid_index(tmp_path, store, PlaidTokens(centroids=9_000))


def test_a_damaged_index(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="no readable index"):
        PlaidIndex(tmp_path, PlaidTokens(), 10, "cosine")
