"""Text that few files hold comes out as it went in, or is refused with its line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data import beir, dpr_tsv
from odqa.data.corpora import open_corpus
from odqa.data.corpus import Corpus
from odqa.data.nq_open import read_questions
from odqa.errors import DataError
from odqa.types import Passage, Question

ODD = (
    "zero\u200bwidth \u200d\u2060 joined",
    "right \u202eto left\u202c, \u2067isolated\u2069",
    "null \x00 and bell \x07 and escape \x1b[31m",
    "two\r\nlines, and\n\nthree",
    "line\u2028separator \u0085 next line",
    "\ufeffmark at the beginning",
    "e\u0301 is not \u00e9, nor \ufb01 fi",
    "😀 👩\u200d🚀 𠮷 \U0010ffff",
    'quotes " and "" and \\ and \\n and \t tab',
    "  spaces around  ",
    "x" * 900_000,
)
PASSAGES = [Passage(f"p{n}", text, text[:40].strip("\ufeff")) for n, text in enumerate(ODD)]


def in_beir(folder: Path, ascii_only: bool) -> Iterator[Passage]:
    rows = [{"_id": p.id, "title": p.title, "text": p.text} for p in PASSAGES]
    lines = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\r\n" for row in rows)
    path = folder / "corpus.jsonl"
    path.write_bytes("\ufeff".encode() + lines.encode())
    return beir.read_passages(path)


def in_tsv(folder: Path) -> Iterator[Passage]:
    path = folder / "p.tsv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("id\ttext\ttitle\r\n")
        table = csv.writer(file, delimiter="\t", lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        table.writerows((p.id, p.text, p.title) for p in PASSAGES)
    return dpr_tsv.read_passages(path)


@pytest.mark.parametrize("layout", ["BEIR", "BEIR, ASCII", "TSV"])
def test_odd_passages_are_not_changed(tmp_path: Path, layout: str) -> None:
    passages = in_tsv(tmp_path) if layout == "TSV" else in_beir(tmp_path, "ASCII" in layout)
    Corpus.write(passages, tmp_path, "odd")
    assert list(Corpus.open(tmp_path, "odd")) == PASSAGES


def test_odd_questions_are_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    texts = [*ODD, "long " * 20_000]
    rows = [{"id": str(n), "question": text, "answer": [text]} for n, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    questions = read_questions(path).questions
    assert questions == tuple(Question(str(n), text, (text,)) for n, text in enumerate(texts))


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "x\\udbffy"])
def test_half_a_surrogate_pair_is_refused_with_its_line(tmp_path: Path, half: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"_id": "1", "text": "a"}}\n{{"_id": "2", "text": "{half}"}}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:2: half of a surrogate pair"):
        list(beir.read_passages(path))


def test_a_whole_pair_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"_id": "1", "text": "\\ud83d\\ude00"}\n')
    assert [passage.text for passage in beir.read_passages(path)] == ["😀"]


LONGEST = 1_200_000


def write_tsv(path: Path, texts: list[str]) -> None:
    path.write_text("".join(f"{n}\t{text}\tT\n" for n, text in enumerate(texts)))


def write_json_lines(path: Path, texts: list[str]) -> None:
    rows = [{"_id": str(n), "text": text, "title": "T"} for n, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS = [("p.tsv", write_tsv), ("corpus.jsonl", write_json_lines)]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_every_format_reads_a_passage_of_a_million_characters(
    tmp_path: Path, name: str, write: Callable[[Path, list[str]], None]
) -> None:
    long = "long passage\u00e9 " * 100_000
    write(tmp_path / name, ["a", long])
    corpus = open_corpus(str(tmp_path / name), Cache(tmp_path / "cache"))
    assert [p.text for p in corpus] == ["a", long]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_every_format_refuses_the_same_length(
    tmp_path: Path,
    name: str,
    write: Callable[[Path, list[str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("corpus", "dpr_tsv"):
        monkeypatch.setattr(f"odqa.data.{module}.LONGEST_TEXT", LONGEST)
    # The title counts.
    write(tmp_path / name, ["a", "x" * (LONGEST - 1)])
    assert len(open_corpus(str(tmp_path / name), Cache(tmp_path / "cache"))) == 2
    for length in (LONGEST, LONGEST + 1):
        write(tmp_path / name, ["a", "x" * length])
        with pytest.raises(
            DataError,
            match=rf"{name}(, passage 2|:2): .* characters; split it into passages, of 1,200,000",
        ):
            open_corpus(str(tmp_path / name), Cache(tmp_path / "cache"))


def test_a_field_without_end_is_refused_with_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odqa.data.dpr_tsv.LONGEST_TEXT", 1000)
    path = tmp_path / "p.tsv"
    path.write_text('1\ta\tT\n2\t"' + "xxx\n" * 300)
    with pytest.raises(DataError, match=r"p\.tsv:2: a field of more than 1,000 .*close the quote"):
        list(dpr_tsv.read_passages(path))


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odqa.data.lines._LONGEST_LINE", 1000)
    path = tmp_path / "a.jsonl"
    path.write_text('{"_id": "1", "text": "a"}\n' + "x" * 1001)
    with pytest.raises(DataError, match=r"a\.jsonl:2: a line of more than 0 MiB; is this a text"):
        list(beir.read_passages(path))
