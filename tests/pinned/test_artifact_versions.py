"""What the code makes of fixed input: where it changes, a version in a cache key must be raised.

Otherwise a new odqa would use what an old one made otherwise. After such a change raise the version
that the test names and write the new value here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from odqa.cache import Cache
from odqa.cache.key import versioned
from odqa.data import corpora
from odqa.data.corpus import Corpus
from odqa.encoders.sharded import Shard, encode_shards
from odqa.execution import explain
from odqa.indexes import dense, impact
from odqa.indexes.config import HnswIndex
from odqa.indexes.faiss_index import VectorIndex, build_index
from odqa.indexes.residual_codec import ResidualCodec
from odqa.retrievers import colbert
from odqa.retro.offline import passage_store
from odqa.retro.offline.chunks import chunk_document


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_version_1_is_no_part_of_a_key() -> None:
    """Kinds had artifacts before they had versions."""
    assert (versioned(1), versioned(2)) == ({}, {"version": 2})


def test_vector_files(tmp_path: Path) -> None:
    """Raise the `version` of the components that encode: sentence, dpr, retro, colbert."""
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    counts = np.array([2, 1, 3])
    encode_shards(tmp_path, 3, 2, lambda a, b: Shard(rows, counts, 1))
    assert sha256(tmp_path / "vectors.npy") == "3bc7c1aac7f792ef"
    assert np.load(tmp_path / "vectors.npy").tolist() == rows.tolist()
    assert np.load(tmp_path / "offsets.npy").tolist() == [0, 2, 3, 6]
    assert (tmp_path / "info.json").read_text() == '{"items": 3, "truncated": 1}\n'


def test_corpora(tmp_path: Path) -> None:
    """Raise `corpora._VERSION`."""
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\ttitle\n1\t"one, ""quoted"""\tA\n2\t two \tB\n')
    corpus = corpora.open_corpus(str(path), Cache(tmp_path / "cache"))
    assert (corpora._VERSION, corpus.fingerprint[:16]) == (1, "84d82a8bd4c7b727")
    assert isinstance(corpus, Corpus)


def test_dense_indexes(tmp_path: Path) -> None:
    """Raise `dense._INDEX_VERSION`."""
    # Whole numbers, so that no processor rounds.
    vectors = np.random.default_rng(5).integers(-1000, 1000, (400, 8)).astype(np.float32)
    config = HnswIndex(links=4, ef_construction=8, ef_search=8)
    build_index(tmp_path, vectors, config, "ip")
    _, rows = VectorIndex(vectors, config, "ip", tmp_path).search(vectors[:3], 5)
    assert (dense._INDEX_VERSION, rows.tolist()) == (
        1,
        [[385, 391, 83, 231, 289], [1, 291, 189, 45, 245], [2, 262, 399, 99, 309]],
    )


def test_chunks() -> None:
    """Raise `version` in `odqa.retro.offline.chunk_database`."""
    chunks = chunk_document([5, 6, 7], 2, pad_id=-1)
    assert chunks.tokens.tolist() == [[5, 6, 7, -1], [7, -1, -1, -1]]


def test_versions_of_what_needs_a_model() -> None:
    """Pinned by results: tests/pinned/components.json."""
    assert (passage_store._VERSION, explain._VERSION) == (1, 1)


def test_impact_indexes(tmp_path: Path) -> None:
    """Raise the `version` of the component splade."""
    pairs = np.array([[1, 0.5], [3, 2], [0, 1], [3, 1]], np.float32)
    counts = np.array([2, 0, 2])
    impact.build_impact_index(tmp_path, 3, 4, lambda a, b: Shard(pairs, counts), "it")
    files = {name: np.load(tmp_path / f"{name}.npy").tolist() for name in ("indptr", "rows")}
    assert files == {"indptr": [0, 1, 2, 2, 4], "rows": [2, 0, 0, 2]}
    assert np.load(tmp_path / "weights.npy").tolist() == [1, 0.5, 2, 1]


def test_compressed_token_vectors() -> None:
    """Raise `_INDEX_VERSION` of the component colbert (retriever)."""
    assert versioned(colbert._INDEX_VERSION) == {}
    rows = np.sin(np.arange(96, dtype=np.float32)).reshape(12, 8)
    codec = ResidualCodec.fit(np.ascontiguousarray(rows[:3]), rows[3:6], 2)
    codes, packed = codec.compress(rows[6:])
    assert codes.tolist() == [2, 0, 1, 2, 2, 0]
    assert packed.tobytes().hex() == "9f62a7da7da9d89f1f815555"
