from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.questions import QuestionSet
from odqa.errors import OdqaError, RunError
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.testing.toys import toy_components
from odqa.testing.word_overlap import FirstWordReader, OverlapRetriever
from odqa.types import Answer, Hit, Passage, Question

with toy_components():
    READS = parse_pipeline(
        "{name: reads, retriever: {type: overlap, k: 2}, reader: {type: first_word}}"
    )
    FINDS = parse_pipeline("{name: finds, retriever: {type: overlap, k: 3}}")

pytestmark = pytest.mark.usefixtures("toys")

STRANGE = Dataset(
    "sträng\u2028e",
    Corpus.from_passages(
        [Passage("P:1/ü#", "one\u2028two\u0085three\n\ttabbed 😀", "“Title”"), Passage("'2\"", "x")]
    ),
    QuestionSet(
        "q",
        (
            Question("q/1", "one\u2029 two?", ("Zoë\u2028", "2")),
            Question("q,2", "nothing here fits"),
            Question("日本", "x", ("x",)),
        ),
    ),
    {"q/1": {"P:1/ü#": 2, "'2\"": 0}},
)


@pytest.fixture
def result(toys: None, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    retrieve = OverlapRetriever.retrieve

    def finding_nothing_sometimes(self, questions, k):  # type: ignore[no-untyped-def]
        retrieved: list[list[Hit]] = retrieve(self, questions, k)
        return [[] if q.id == "q,2" else hits for q, hits in zip(questions, retrieved, strict=True)]

    def abstaining(self, questions, hits):  # type: ignore[no-untyped-def]
        return [
            Answer("", -1.5) if not question_hits else self._answer(question_hits)
            for question_hits in hits
        ]

    monkeypatch.setattr(OverlapRetriever, "retrieve", finding_nothing_sometimes)
    monkeypatch.setattr(FirstWordReader, "read", abstaining)
    return run_comparison([READS, FINDS], STRANGE, Cache(enabled=False), latency=1)


def without_digests(folder: Path) -> None:
    """Makes it a folder of an earlier version, which listed no files."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest["files"], manifest["digest"]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_what_was_saved_is_loaded(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path)
    again = Comparison.load(tmp_path)
    assert again == result
    assert again.result("reads").retrieved["q,2"] == []
    assert again.result("reads").answers == result.result("reads").answers
    assert again.folder == tmp_path


def test_explanations_are_saved_and_old_folders_have_none(tmp_path: Path) -> None:
    comparison = synthetic_comparison(3, 5, explained=2)
    save(comparison, tmp_path)
    again = Comparison.load(tmp_path)
    assert again == comparison
    assert list(again.result("sbert-retro").explanations) == ["syn-0000", "syn-0001"]
    assert not (tmp_path / "pipelines" / "bm25" / "explanations.jsonl").exists()
    without_digests(tmp_path)
    (tmp_path / "pipelines" / "sbert-retro" / "explanations.jsonl").unlink()
    assert Comparison.load(tmp_path).result("sbert-retro").explanations == {}


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "syn-0000"}'])
def test_damaged_explanations_are_one_line(tmp_path: Path, line: str) -> None:
    save(synthetic_comparison(2, 2, explained=1), tmp_path)
    (tmp_path / "pipelines" / "sbert-colbert" / "explanations.jsonl").write_text(line + "\n")
    with pytest.raises(RunError, match="damaged run folder"):
        Comparison.load(tmp_path)


def test_a_saved_spec_names_its_defaults(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path)
    assert "weight: 1.0" in (tmp_path / "pipelines" / "finds" / "spec.yaml").read_text()


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def drop_key(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["baseline"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("prepare", [lambda folder: None, without_digests])
@pytest.mark.parametrize(
    "harm",
    [
        remove("metrics.parquet"),
        remove("passages.jsonl"),
        remove("pipelines/reads/answers.jsonl"),
        remove("pipelines/reads/ranked.trec"),
        remove("pipelines/reads/spec.yaml"),
        write("manifest.json", "[]"),
        write("manifest.json", "{"),
        write("questions.jsonl", "{}\n"),
        write("questions.jsonl", "[1]\n"),
        write("metrics.parquet", "no parquet"),
        write("gold.qrels", "three columns only\n"),
        write("pipelines/reads/costs.json", "{}{}"),
        write("pipelines/reads/costs.json", '[{"role": "reader"}]'),
        write("pipelines/reads/latency.json", '{"questions": [], "seconds": []}'),
        write("pipelines/reads/retrieved.trec", "q1 Q0 p1 1 nan x\n"),
        write("pipelines/reads/spec.yaml", "name: reads\nretriever: {type: gone}\n"),
        drop_key,
    ],
)
def test_a_tampered_folder_is_one_line(
    result: Comparison,
    tmp_path: Path,
    harm: Callable[[Path], None],
    prepare: Callable[[Path], None],
) -> None:
    save(result, tmp_path)
    prepare(tmp_path)
    harm(tmp_path)
    with pytest.raises(OdqaError) as caught:
        Comparison.load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)


def test_what_every_stage_gave_is_saved_and_loaded(composed: Comparison, tmp_path: Path) -> None:
    save(composed, tmp_path)
    again = Comparison.load(tmp_path)
    assert again == composed
    stages = tmp_path / "pipelines" / "good" / "stages"
    # What leaves the slots has files of its own.
    assert sorted(path.name for path in stages.iterdir()) == [
        *("blind.trec", "keywords.jsonl", "late.trec", "narrow.trec", "wide.trec")
    ]
    assert not (tmp_path / "pipelines" / "plain" / "stages").exists()
    good = again.result("good")
    assert [hit.passage_id for hit in good.inner["late"]["q1"]] == ["p3", "p2"]
    assert good.texts == {
        "keywords": {
            "q1": ["which river flows through Paris", "river flows through Paris"],
            "q2": ["which water flows through London", "water flows through London"],
            "q3": ["who wrote Hamlet", "wrote Hamlet"],
        }
    }
    assert again.lost_by == composed.lost_by
    assert str(again.trace("q1")) == str(composed.trace("q1"))


def test_a_folder_without_the_stages_inside_is_one_of_before(
    composed: Comparison, tmp_path: Path
) -> None:
    save(composed, tmp_path)
    without_digests(tmp_path)
    for file in (tmp_path / "pipelines" / "good" / "stages").iterdir():
        file.unlink()
    good = Comparison.load(tmp_path).result("good")
    assert (good.inner, good.texts) == ({}, {})
    assert good.retrieved == composed.result("good").retrieved
    assert good.hits_of("late") == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [("wide.trec", "q1 Q0 p1 1 nan x\n"), ("keywords.jsonl", "{"), ("keywords.jsonl", '{"id": 1}')],
)
def test_a_damaged_stage_is_one_line(
    composed: Comparison, tmp_path: Path, file: str, text: str
) -> None:
    save(composed, tmp_path)
    (tmp_path / "pipelines" / "good" / "stages" / file).write_text(text)
    with pytest.raises(OdqaError) as caught:
        Comparison.load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)
