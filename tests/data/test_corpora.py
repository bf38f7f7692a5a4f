from __future__ import annotations

import gzip
import os
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest

from odqa.cache import Cache
from odqa.data import corpora, file_digest
from odqa.data.corpora import open_corpus
from odqa.data.corpus import Corpus
from odqa.data.lines import text_lines
from odqa.errors import DataError, EnvironmentProblem
from odqa.types import Passage


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


ROWS = 'id\ttext\ttitle\n1\t"one, ""quoted"""\tA\n2\ttwo\tB\n'
PASSAGES = [Passage("1", 'one, "quoted"', "A"), Passage("2", "two", "B")]


def test_tsv_is_converted_once(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "a.tsv").write_text(ROWS)
    first = open_corpus("a.tsv", cache, tmp_path)
    assert list(first) == PASSAGES
    assert first.name == "a.tsv"
    assert first.fingerprint == Corpus.from_passages(PASSAGES).fingerprint
    assert list(open_corpus(str(tmp_path / "a.tsv"), cache)) == PASSAGES
    assert (cache.hits, cache.misses) == (1, 1)


def test_content_decides_not_the_name(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(ROWS)
    open_corpus("a.tsv", cache, tmp_path)
    path.rename(tmp_path / "b.tsv")
    open_corpus("b.tsv", cache, tmp_path)
    assert cache.hits == 1
    path.write_text(ROWS.replace("two", "2wo"))
    assert open_corpus("a.tsv", cache, tmp_path).get("2").text == "2wo"
    assert cache.misses == 2


def test_gzip_and_beir_hold_the_same(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(ROWS.encode()))
    beir = tmp_path / "beir"
    beir.mkdir()
    (beir / "queries.jsonl").write_text("")
    (beir / "corpus.jsonl").write_text(
        '{"_id": "1", "text": "one, \\"quoted\\"", "title": "A"}\n'
        '{"_id": "2", "text": "two", "title": "B"}\n'
    )
    prints = {open_corpus(ref, cache, tmp_path).fingerprint for ref in ("a.tsv.gz", "beir")}
    assert prints == {Corpus.from_passages(PASSAGES).fingerprint}


def test_huge_files_are_hashed_once(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tsv").write_text(ROWS)
    hashed = []
    digest = file_digest.sha256_of
    monkeypatch.setattr(file_digest, "_HUGE", 1)
    monkeypatch.setattr(file_digest, "sha256_of", lambda path: hashed.append(path) or digest(path))
    for _ in range(2):
        assert list(open_corpus("a.tsv", cache, tmp_path)) == PASSAGES
    assert len(hashed) == 1


def test_hub_corpus(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows(list[Passage]):
        version = ("file@1",)

    monkeypatch.setattr(corpora.hub, "HubPassages", lambda ref: Rows(PASSAGES))
    corpus = open_corpus("hf:owner/wiki:train", cache)
    assert (corpus.name, list(corpus)) == ("hf:owner/wiki:train", PASSAGES)


def refusal(ref: str, cache: Cache, base: Path = Path()) -> str:
    with pytest.raises((DataError, EnvironmentProblem)) as caught:
        open_corpus(ref, cache, base)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unusable_names(tmp_path: Path, cache: Cache) -> None:
    assert refusal("embeded", cache, tmp_path) == (
        "data.corpus: no such file or name 'embeded'; did you mean 'embedded'? "
        "(known: embedded, psgs-w100, wiki18-100w)"
    )
    assert "is a folder without corpus.jsonl" in refusal(str(tmp_path), cache)
    assert "x.tsv: no such file" in refusal("x.tsv", cache, tmp_path)
    assert "nq-open brings questions but no passages" in refusal("nq-open", cache)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": the corpus has no passages"),
        ("id\ttext\ttitle\n", ": the corpus has no passages"),
        ('1\t"two\nlines"\tA\n2\tb\tB\n1\tc\tC\n', ", lines 2 and 4: the passage id '1' is given"),
        ("1\ta\tA\n2 3\tb\tB\n", ":2: the passage id '2 3' has white space"),
    ],
)
def test_bad_corpora(tmp_path: Path, cache: Cache, text: str, line: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text)
    assert refusal("a.tsv", cache, tmp_path).startswith(f"{path}{line}")
    # Nothing is left of it, neither whole nor in part.
    assert not [file for file in cache.root.rglob("*") if file.is_file() and file.suffix != ".lock"]


def test_truncated_gzip(tmp_path: Path, cache: Cache) -> None:
    rows = "".join(f"{n}\ttext number {n * 7919}\ttitle {n}\n" for n in range(5000))
    data = gzip.compress(rows.encode())
    (tmp_path / "a.tsv.gz").write_bytes(data[: len(data) // 2])
    assert "the gzip file is cut short; copy or download it again" in refusal(
        "a.tsv.gz", cache, tmp_path
    )


def test_conversion_needs_little_memory(tmp_path: Path, cache: Cache) -> None:
    count, path = 200_000, tmp_path / "a.tsv"

    def rows() -> Iterator[str]:
        yield "id\ttext\ttitle\n"
        for n in range(count):
            yield f'{n}\t"{n} {"word " * 40}"\ttitle {n}\n'

    with path.open("w") as file:
        file.writelines(rows())
    size = path.stat().st_size
    arrow_before = pa.total_allocated_bytes()
    tracemalloc.start()
    corpus = open_corpus("a.tsv", cache, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(corpus) == count
    # 46 MB of text; ids while they are sorted take 36 bytes a passage, that is 7 MB.
    assert size > 40e6
    assert peak < 16e6
    # What is open is mapped, not read.
    assert pa.total_allocated_bytes() - arrow_before < 1e6
    assert corpus.get("199999").title == "title 199999"


def test_real_passages(shared_data: Path, tmp_path: Path, cache: Cache) -> None:
    lines = text_lines(shared_data / "nq-mini" / "passages.tsv.gz")
    with (tmp_path / "some.tsv").open("w", encoding="utf-8") as file:
        file.writelines(islice(lines, 301))
    corpus = open_corpus("some.tsv", cache, tmp_path)
    assert len(corpus) == 300
    assert corpus.ids([0, 299]) == ["1", "300"]
    assert corpus.get("1").title == "Carl Boese"
    assert corpus.get("1").text.startswith("Carl Boese( 26 August 1887")


@pytest.mark.parametrize("has_ctime", [True, False])
def test_a_huge_file_edited_in_place_with_its_time_set_back_is_noticed(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, has_ctime: bool
) -> None:
    monkeypatch.setattr(file_digest, "_HUGE", 1)
    if not has_ctime:
        state = file_digest.FileState(len(ROWS), 1, 1, 1)
        monkeypatch.setattr(file_digest.FileState, "of", lambda path: state)
    path = tmp_path / "a.tsv"
    path.write_text(ROWS)
    stat = path.stat()
    assert open_corpus("a.tsv", cache, tmp_path).get("2").text == "two"
    path.write_text(ROWS.replace("two", "2wo"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert open_corpus("a.tsv", cache, tmp_path).get("2").text == "2wo"
