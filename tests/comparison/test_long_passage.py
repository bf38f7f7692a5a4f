"""A passage of over a million characters, in every format: index, ranker, reader and report.

`eval/log/reliability-runs.md` has the figures for one of 50 MB.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import odqa
from odqa.cache import Cache
from odqa.cli.results import keep, run_folder
from odqa.comparison.result import Comparison
from odqa.encoders import long_texts
from odqa.errors import DataError
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert, tiny_colbert

LONG = "the river of the old king " * 45_000
PASSAGES = [
    ("long", "the bridge was built by the engineer " + LONG, "tower"),
    *((f"p{n}", WORDS[n : n + 80], "") for n in range(0, 80, 8)),
]
QUESTION = "who built the tower bridge"


def write_tsv(folder: Path) -> str:
    rows = "".join(f"{i}\t{text}\t{title}\n" for i, text, title in PASSAGES)
    (folder / "passages.tsv").write_text("id\ttext\ttitle\n" + rows)
    question = {"id": "q", "question": QUESTION, "answer": ["engineer"]}
    (folder / "dev.jsonl").write_text(json.dumps(question) + "\n")
    (folder / "dev.qrels").write_text("q 0 long 1\n")
    return str(folder / "dev")


def write_beir(folder: Path) -> str:
    rows = [{"_id": i, "text": text, "title": title} for i, text, title in PASSAGES]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": QUESTION}) + "\n")
    (folder / "qrels").mkdir()
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq\tlong\t1\n")
    return str(folder / "dev")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_bert(folder / "bert")
    tiny_colbert(folder / "colbert")
    tiny_bert(folder / "reader", "BertForQuestionAnswering")
    return folder


def compare(models: Path, data: str, cache: Path, reader: bool = False) -> Comparison:
    ranker = f"ranker: {{type: colbert, checkpoint: {models / 'colbert'}, k: 5}}"
    if reader:
        ranker = f"reader: {{type: extractive, checkpoint: {models / 'reader'}, passages: 11}}"
    specs = [
        parse_pipeline(f"{{name: {name}, retriever: {retriever}, {ranker}}}")
        for name, retriever in (
            ("bm25", "{type: bm25, k: 11}"),
            ("sentence", f"{{type: sentence, checkpoint: {models / 'bert'}, k: 11}}"),
        )
    ]
    return odqa.compare(specs, data, cache=Cache(cache))


@pytest.mark.parametrize("write", [write_tsv, write_beir])
def test_it_is_found_ranked_and_shown(models: Path, tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    result = compare(models, write(tmp_path), tmp_path / "cache")
    for pipeline in result.pipelines.values():
        assert "long" in [hit.passage_id for hit in pipeline.retrieved["q"]]
        assert len(pipeline.ranked["q"]) == 5
    with run_folder(tmp_path / "runs", "long") as draft:
        folder = keep(result, draft)
    # The text is in the run folder twice: among the passages, and in the report.
    assert Comparison.load(folder).passages == result.passages
    sizes = {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 3 * len(LONG)


def test_tokenizers_are_not_given_the_whole(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    beginning = long_texts._beginning

    def noted(*args: object) -> str:
        part = beginning(*args)  # type: ignore[arg-type]
        sizes.append(len(part))
        return part

    monkeypatch.setattr(long_texts, "_beginning", noted)
    compare(models, write_tsv(tmp_path), tmp_path / "cache")
    assert sizes and max(sizes) < len(LONG) / 4


def test_a_reader_refuses_it_by_name(models: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"passage 'long' has 1,170,043 characters, too many to be"):
        compare(models, write_tsv(tmp_path), tmp_path / "cache", reader=True)
