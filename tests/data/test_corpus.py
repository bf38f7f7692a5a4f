from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data import id_index
from odqa.data.corpus import Corpus
from odqa.errors import CacheError, DataError
from odqa.types import Passage

COUNT = 9000  # more than two record batches


def passage(n: int) -> Passage:
    return Passage(f"p{n}", f"text {n}", f"title {n % 7}" if n % 2 else "")


@pytest.fixture(scope="module", params=["memory", "disk"])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    passages = (passage(n) for n in range(COUNT))
    if request.param == "memory":
        return Corpus.from_passages(passages)
    folder = tmp_path_factory.mktemp("corpus")
    Corpus.write(passages, folder, "here")
    return Corpus.open(folder, "here")


def test_random_access(corpus: Corpus) -> None:
    assert len(corpus) == COUNT
    for row in (0, 1, 4095, 4096, 8192, COUNT - 1):
        assert corpus[row] == passage(row)
        assert corpus.get(f"p{row}") == passage(row)
    assert list(corpus) == [passage(n) for n in range(COUNT)]


@pytest.mark.parametrize("row", [-1, COUNT])
def test_rows_outside_are_refused(corpus: Corpus, row: int) -> None:
    with pytest.raises(IndexError):
        corpus[row]


def test_slices_cross_batches_and_are_cut_at_the_end(corpus: Corpus) -> None:
    assert corpus.slice(4090, 8200) == [passage(n) for n in range(4090, 8200)]
    assert corpus.slice(COUNT - 1, COUNT + 5) == [passage(COUNT - 1)]
    assert corpus.slice(5, 5) == corpus.slice(COUNT, COUNT + 1) == []


def test_ids_and_rows_are_inverse(corpus: Corpus) -> None:
    rows = [8999, 0, 4096, 0]
    assert corpus.rows(corpus.ids(rows)) == rows
    assert corpus.find(["p3", "p", "p9000"]) == [3, None, None]
    with pytest.raises(DataError, match="no passage 'p9000'"):
        corpus.rows(["p1", "p9000"])


def test_fingerprint_is_of_content_alone(corpus: Corpus) -> None:
    sha = hashlib.sha256()
    for n in range(COUNT):
        for part in (passage(n).id, passage(n).title, passage(n).text):
            sha.update(len(part).to_bytes(8, "little") + part.encode())
    assert corpus.fingerprint == sha.hexdigest()


def test_fingerprint_sees_moved_borders_and_order() -> None:
    def of(*passages: Passage) -> str:
        return Corpus.from_passages(passages).fingerprint

    assert of(Passage("1", "b", "a")) != of(Passage("1", "", "ab"))
    assert of(Passage("1", "a"), Passage("2", "b")) != of(Passage("2", "b"), Passage("1", "a"))


@pytest.mark.parametrize(
    ("passages", "line"),
    [
        ([], "memory: the corpus has no passages"),
        ([Passage("", "x")], "memory, passage 1: a passage has an empty id"),
        (
            [Passage("a", "x"), Passage("b c", "x")],
            "memory, passage 2: the passage id 'b c' has wh",
        ),
        ([Passage("a", "\ud800")], "memory, passage 1: half of a surrogate pair"),
        (
            [Passage("a", "x"), Passage("b", "x"), Passage("a", "y")],
            "memory, passages 1 and 3: the passage id 'a' is given twice",
        ),
    ],
)
def test_bad_passages_are_refused(passages: list[Passage], line: str) -> None:
    with pytest.raises(DataError) as caught:
        Corpus.from_passages(passages)
    assert str(caught.value).startswith(line)


def test_repeated_passages_are_taken_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a, b = Passage("a", "x", "T"), Passage("b", "y")
    once = Corpus.from_passages([a, b])
    assert not caplog.messages
    again = Corpus.from_passages([a, b, a, a])
    assert (list(again), again.fingerprint) == ([a, b], once.fingerprint)
    warning = "corpus {}: 2 passages are given again word for word; each counts once"
    assert caplog.messages == [warning.format("memory")]
    Corpus.write(iter([a, a, b, a]), tmp_path, "file")
    assert caplog.messages == [warning.format("memory")]
    stored = Corpus.open(tmp_path, "file")
    assert (list(stored), stored.fingerprint) == ([a, b], once.fingerprint)
    assert stored.rows(["b", "a"]) == [1, 0]
    # Whoever opens it later is told too.
    assert caplog.messages[1:] == [warning.format("file")]
    assert len(list(tmp_path.iterdir())) == 4


def test_huge_texts_are_written_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odqa.data.corpus._BATCH_CHARACTERS", 100)
    passages = [Passage(str(n), "x" * 60) for n in range(5)]
    corpus = Corpus.from_passages(passages)
    assert [batch.num_rows for batch in corpus._batches] == [2, 2, 1]
    assert list(corpus) == passages


@pytest.mark.parametrize("value", [0, 2**64 - 1])
def test_colliding_hashes_do_no_harm(monkeypatch: pytest.MonkeyPatch, value: int) -> None:
    monkeypatch.setattr("odqa.data.corpus.id_hash", lambda _: value)
    monkeypatch.setattr(id_index, "id_hash", lambda _: value)
    corpus = Corpus.from_passages(Passage(str(n), f"text {n}") for n in range(5))
    assert corpus.rows(["4", "0", "2"]) == [4, 0, 2]
    assert corpus.find(["5"]) == [None]
    # The equal ids are not neighbours in the index.
    with pytest.raises(DataError, match="passages 1 and 3: the passage id 'a'"):
        Corpus.from_passages([Passage("a", "1"), Passage("b", "2"), Passage("a", "3")])


def test_a_large_corpus_is_checked_as_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odqa.data.corpus._BATCH", 4)
    monkeypatch.setattr("odqa.cache.manifest.HASHED_AT_ONCE", 1000)
    monkeypatch.setattr("odqa.cache.blocks.BLOCK", 64)
    passages = [Passage(f"p{i}", f"text number {i} " * 5, "title") for i in range(20)]
    folder = Cache(tmp_path).artifact("corpora", {}, lambda work: Corpus.write(passages, work, "x"))
    assert list(Corpus.open(folder, "x")) == passages
    path = folder / "passages.arrow"
    data = path.read_bytes()
    at = data.index(b"text number 13")
    path.write_bytes(data[:at] + b"T" + data[at + 1 :])
    corpus = Corpus.open(folder, "x")
    # Passage 13 is in the fourth batch of four.
    assert corpus.slice(0, 12) == passages[:12]
    for read in (lambda: corpus[13], lambda: corpus.get("p14"), lambda: list(corpus)):
        with pytest.raises(CacheError, match=r"passages.arrow: this file of the cache is damaged"):
            read()
