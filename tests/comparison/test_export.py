from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.export import FORMATS, Wish, export
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run
from odqa.errors import DataError, OdqaError, RunError
from odqa.metrics.catalogue import stage_of
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import QRELS, toy_components, toy_dataset

with toy_components():
    GOOD = parse_pipeline(
        "{name: good, retriever: {type: overlap, k: 4}, ranker: {type: overlap, k: 3},"
        " reader: {type: first_word}}"
    )
    FINDS = parse_pipeline("{name: finds, retriever: {type: overlap, k: 2}}")

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def run(toys: None, tmp_path: Path) -> Comparison:
    save(run_comparison([GOOD, FINDS], toy_dataset(), Cache(enabled=False)), tmp_path / "run")
    return Comparison.load(tmp_path / "run")


def test_hits_and_judgements(run: Comparison, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export(run, "trec", out) == [out / "good.trec", out / "finds.trec"]
    assert read_run(out / "good.trec") == run.result("good").ranked
    wish = Wish(("good",), "retrieved", 1)
    (one,) = export(run, "trec", tmp_path / "deeper" / "one.trec", wish)
    assert read_run(one) == {q: hits[:1] for q, hits in run.result("good").retrieved.items()}
    (gold,) = export(run, "qrels", out)
    assert gold == out / "gold.qrels" and read_qrels(gold) == QRELS


def test_dprs_results_say_what_holds_an_answer(run: Comparison, tmp_path: Path) -> None:
    (path,) = export(run, "dpr", tmp_path / "good.json", Wish(("good",), k=2))
    first = json.loads(path.read_text())[0]
    assert (first["id"], first["answers"]) == ("q1", ["Seine"])
    assert [(c["id"], c["has_answer"]) for c in first["ctxs"]] == [("p3", True), ("p2", False)]
    assert first["ctxs"][0]["text"] == "Seine water flows through Paris"


def test_predictions(run: Comparison, tmp_path: Path) -> None:
    # The pipeline without a reader has none, and is passed over.
    (squad,) = export(run, "squad", tmp_path / "out")
    answers = json.loads(squad.read_text())
    assert answers["q1"] == "Seine" and set(answers) == {"q1", "q2", "q3"}
    (lines,) = export(run, "nq-open", tmp_path / "out")
    assert lines.name == "good.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert rows[0] == {"question": "which river flows through Paris", "prediction": "Seine"}


@pytest.mark.parametrize("answers", ["squad", "nq-open"])
@pytest.mark.parametrize("hits", ["trec", "dpr"])
def test_what_was_exported_stands_in_for_what_made_it(
    run: Comparison, tmp_path: Path, hits: str, answers: str
) -> None:
    folder = tmp_path / "out"
    (found,) = export(run, hits, folder / f"found{FORMATS[hits]}", Wish(("good",), "retrieved"))
    (ranked,) = export(run, hits, folder / f"ranked{FORMATS[hits]}", Wish(("good",)))
    (said,) = export(run, answers, folder / f"said{FORMATS[answers]}", Wish(("good",)))
    foreign = parse_pipeline(
        f"{{name: foreign, retriever: {{type: run, k: 4, path: '{found}'}},"
        f" ranker: {{type: run, k: 3, path: '{ranked}'}},"
        f" reader: {{type: predictions, path: '{said}'}}}}"
    )
    again = run_comparison([foreign], toy_dataset(), Cache(enabled=False), latency=3)
    ours = [replace(row, pipeline="foreign") for row in run.rows if row.pipeline == "good"]
    # Those of single stages are called after other stages.
    assert [row for row in again.rows if not stage_of(row.metric)] == [
        row for row in ours if not stage_of(row.metric)
    ]
    assert len(again.rows) == len(ours)
    assert again.result("foreign").ranked == run.result("good").ranked


def test_texts_that_the_folder_does_not_keep_come_from_the_corpus(
    run: Comparison, tmp_path: Path
) -> None:
    few = replace(run, passages={"p3": run.passages["p3"]})
    with pytest.raises(DataError, match=r"run: no passage 'p\d': a run folder keeps .*--data"):
        export(few, "dpr", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    wish = Wish(("good",), corpus=toy_dataset().corpus)
    (path,) = export(few, "dpr", tmp_path / "out", wish)
    assert len(json.loads(path.read_text())[0]["ctxs"]) == 3


@pytest.mark.parametrize(
    ("form", "to", "wish", "line"),
    [
        ("treck", "out", Wish(), "--format: no format 'treck'; did you mean 'trec'"),
        ("trec", "out", Wish(("god",)), "no pipeline 'god'"),
        ("trec", "out.trec", Wish(), "out.trec: one file, but there are 2 pipelines: good, finds"),
        ("squad", "out", Wish(("finds",)), "format squad: pipeline 'finds' has no reader"),
        ("trec", "taken", Wish(("good",)), "taken/good.trec: exists already"),
        ("trec", "file/x", Wish(("good",)), "file/x: the folder cannot be made"),
    ],
)
def test_bad_wishes_are_one_line(
    run: Comparison, tmp_path: Path, form: str, to: str, wish: Wish, line: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "good.trec").touch()
    (tmp_path / "file").touch()
    with pytest.raises(OdqaError) as caught:
        export(run, form, tmp_path / to, wish)
    assert line in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_without_qrels_there_are_none_to_export(run: Comparison, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run: has no qrels"):
        export(replace(run, qrels=None), "qrels", tmp_path / "out")
