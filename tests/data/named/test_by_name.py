"""Sets and corpora by name in specs and on the command line, from files in others' layouts."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path

import pytest

from odqa.api import open_dataset
from odqa.cache import Cache
from odqa.comparison.manifest import describe_data
from odqa.data.load import DataConfig, load_dataset, reopen
from odqa.errors import DataError, SpecErrors
from odqa.spec.benchmark import load_benchmark
from odqa.types import Question

#: As FlashRAG packs its corpus: the title in quotes on a line of its own.
PASSAGES = [
    {"id": "0", "contents": '"Paris"\nParis is the capital of France.'},
    {"id": "1", "contents": '"Rome"\nRome is the capital of Italy.'},
]


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with a set of FlashRAG's, one of DPR's, and the corpus."""
    folder = tmp_path / "data"
    (folder / "triviaqa").mkdir(parents=True)
    rows = [
        {"id": f"test_{n}", "question": question, "golden_answers": answers, "metadata": {}}
        for n, (question, answers) in enumerate(
            [("what is the capital of France", ["Paris"]), ("what of Italy", ["Rome", "Roma"])]
        )
    ]
    (folder / "triviaqa" / "test.jsonl").write_text(lines(rows))
    (folder / "data" / "retriever" / "qas").mkdir(parents=True)
    (folder / "data/retriever/qas/webq-test.csv").write_text("who\t['a', \"b's\"]\n")
    (folder / "data/retriever/qas/curatedtrec-test.csv").write_text("when\t['19(45|46)']\n")
    (folder / "retrieval-corpus").mkdir()
    with zipfile.ZipFile(folder / "retrieval-corpus" / "wiki18_100w.zip", "w") as archive:
        archive.writestr("wiki18_100w.jsonl", lines(PASSAGES))  # type: ignore[arg-type]
        archive.writestr("__MACOSX/._wiki18_100w.jsonl", "?")
    monkeypatch.setenv("ODQA_DATA", str(folder))
    return folder


@pytest.mark.usefixtures("data")
def test_questions_alone(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    dataset = open_dataset("triviaqa", cache)
    assert (dataset.name, len(dataset.corpus)) == ("triviaqa-test", 0)
    assert dataset.questions.questions[1] == Question("test_1", "what of Italy", ("Rome", "Roma"))
    assert "triviaqa:test: 2 questions, and its publisher says 11313" in caplog.text
    (named,) = dataset.named
    assert (named["name"], named["checked"]) == ("triviaqa:test", "nothing")
    assert describe_data(dataset)["named"] == [dict(named)]
    assert "named" not in describe_data(open_dataset("embedded", cache))
    assert dataset.origin is not None
    assert reopen(dataset.origin, cache).digest == dataset.digest


@pytest.mark.usefixtures("data")
def test_questions_with_a_corpus_by_name(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    dataset = open_dataset("triviaqa:test", cache, corpus="wiki18-100w")
    assert [(p.id, p.title, p.text) for p in dataset.corpus][1] == (
        *("1", "Rome"),
        "Rome is the capital of Italy.",
    )
    assert [each["name"] for each in dataset.named] == ["wiki18-100w", "triviaqa:test"]
    # It is not the archive that odqa knows.
    assert "another version of wiki18-100w" in caplog.text
    with pytest.raises(DataError, match="--corpus: embedded brings its own data"):
        open_dataset("embedded", cache, corpus="wiki18-100w")


@pytest.mark.usefixtures("data")
def test_dprs_files(cache: Cache) -> None:
    assert open_dataset("webq", cache).questions.questions == (
        Question("webq-test-0", "who", ("a", "b's")),
    )
    dataset = open_dataset("curatedtrec", cache)
    assert (dataset.matching, dataset.questions.questions[0].answers) == ("regex", ("19(45|46)",))
    with pytest.raises(DataError, match="regular expressions; add matching: regex"):
        load_dataset(DataConfig(questions="curatedtrec"), cache)


@pytest.mark.usefixtures("data")
def test_several_sets_by_name(cache: Cache) -> None:
    config = DataConfig(corpus="wiki18-100w", questions={"trivia": "triviaqa", "web": "webq"})
    dataset = load_dataset(config, cache)
    assert dataset.questions.sets == (("trivia", 2), ("web", 1))
    assert [each["name"] for each in dataset.named] == ["wiki18-100w", "triviaqa:test", "webq:test"]


@pytest.mark.usefixtures("data")
def test_a_name_counts_before_a_file_or_folder_of_that_name(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "passages.tsv").write_text("id\ttext\ttitle\n1\ta\tA\n")
    (own / "triviaqa.jsonl").write_text('{"question": "mine", "answer": ["a"]}\n')
    (own / "triviaqa").mkdir()
    monkeypatch.chdir(own)
    caplog.set_level(logging.WARNING)
    assert open_dataset("triviaqa", cache).name == "triviaqa-test"
    assert "'triviaqa' is read as the name of a dataset, not as triviaqa; write ./triviaqa" in (
        caplog.text
    )
    mine = open_dataset("./triviaqa", cache)
    assert (mine.name, len(mine.corpus), mine.named) == ("triviaqa", 1, ())


BENCHMARK = "name: b\ndata: {data}\npipelines: [p.yaml]\n"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "p.yaml").write_text(
        "{name: p, retriever: null, reader: {type: predictions, path: said.json}}"
    )
    (folder / "said.json").write_text('{"test_0": "Paris", "test_1": "Milan"}')
    return folder


@pytest.mark.parametrize(
    "data", ["triviaqa", "triviaqa:test", "{questions: triviaqa, corpus: wiki18-100w}"]
)
def test_in_a_benchmark(specs: Path, data: str) -> None:
    (specs / "b.yaml").write_text(BENCHMARK.format(data=data))
    keys = load_benchmark(specs / "b.yaml").keys
    assert str(keys.data.questions).startswith("triviaqa")


def test_a_name_alone_brings_how_answers_are_matched(specs: Path) -> None:
    (specs / "b.yaml").write_text(BENCHMARK.format(data="curatedtrec"))
    assert load_benchmark(specs / "b.yaml").keys.data.matching == "regex"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("trivia", "the name of a question set (did you mean 'triviaqa'?"),
        ("triviaqa:tset", "triviaqa has no split 'tset'"),
        ("3", "b.yaml:2: data: expected keys and values, got 3"),
    ],
)
def test_no_name_in_a_benchmark(specs: Path, data: str, line: str) -> None:
    (specs / "b.yaml").write_text(BENCHMARK.format(data=data))
    with pytest.raises(SpecErrors) as caught:
        load_benchmark(specs / "b.yaml")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_zip_archives_of_more_than_a_file(tmp_path: Path, cache: Cache) -> None:
    from odqa.data.corpora import open_corpus

    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", "")
        archive.writestr("b.jsonl", "")
    with pytest.raises(DataError, match=r"two.zip: a ZIP archive of 2 files instead of one file"):
        open_corpus(str(path), cache)
    path.write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="the ZIP file is damaged"):
        open_corpus(str(path), cache)
    with pytest.raises(DataError, match="No such file"):
        open_corpus(str(tmp_path / "none.zip"), cache)
