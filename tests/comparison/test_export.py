from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.export import FORMATS, ExportOptions, export
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run
from odqa.errors import DataError, OdqaError, RunError
from odqa.metrics.catalogue import stage_of
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.kills import killed_at
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
    folder = tmp_path / "out"
    assert export(run, "trec", folder) == [folder / "good.trec", folder / "finds.trec"]
    assert read_run(folder / "good.trec") == run.result("good").ranked
    options = ExportOptions(("good",), "retrieved", 1)
    (path,) = export(run, "trec", tmp_path / "deeper" / "one.trec", options)
    assert read_run(path) == {q: hits[:1] for q, hits in run.result("good").retrieved.items()}
    (qrels_path,) = export(run, "qrels", folder)
    assert qrels_path == folder / "gold.qrels" and read_qrels(qrels_path) == QRELS


def test_dprs_results_say_what_holds_an_answer(run: Comparison, tmp_path: Path) -> None:
    (path,) = export(run, "dpr", tmp_path / "good.json", ExportOptions(("good",), k=2))
    first = json.loads(path.read_text())[0]
    assert (first["id"], first["answers"]) == ("q1", ["Seine"])
    assert [(c["id"], c["has_answer"]) for c in first["ctxs"]] == [("p3", True), ("p2", False)]
    assert first["ctxs"][0]["text"] == "Seine water flows through Paris"


def test_predictions(run: Comparison, tmp_path: Path) -> None:
    # The pipeline without a reader has none, and is passed over.
    (squad_path,) = export(run, "squad", tmp_path / "out")
    answers = json.loads(squad_path.read_text())
    assert answers["q1"] == "Seine" and set(answers) == {"q1", "q2", "q3"}
    (nq_open_path,) = export(run, "nq-open", tmp_path / "out")
    assert nq_open_path.name == "good.jsonl"
    rows = [json.loads(line) for line in nq_open_path.read_text().splitlines()]
    assert rows[0] == {"question": "which river flows through Paris", "prediction": "Seine"}


@pytest.mark.parametrize("answers", ["squad", "nq-open"])
@pytest.mark.parametrize("hits", ["trec", "dpr"])
def test_what_was_exported_stands_in_for_what_made_it(
    run: Comparison, tmp_path: Path, hits: str, answers: str
) -> None:
    folder = tmp_path / "out"
    (retrieved_path,) = export(
        run, hits, folder / f"found{FORMATS[hits]}", ExportOptions(("good",), "retrieved")
    )
    (ranked_path,) = export(run, hits, folder / f"ranked{FORMATS[hits]}", ExportOptions(("good",)))
    (answers_path,) = export(
        run, answers, folder / f"said{FORMATS[answers]}", ExportOptions(("good",))
    )
    foreign = parse_pipeline(
        f"{{name: foreign, retriever: {{type: run, k: 4, path: '{retrieved_path}'}},"
        f" ranker: {{type: run, k: 3, path: '{ranked_path}'}},"
        f" reader: {{type: predictions, path: '{answers_path}'}}}}"
    )
    again = run_comparison([foreign], toy_dataset(), Cache(enabled=False), latency=3)
    expected = [replace(row, pipeline="foreign") for row in run.rows if row.pipeline == "good"]
    # Those of single stages are called after other stages.
    assert [row for row in again.rows if not stage_of(row.metric)] == [
        row for row in expected if not stage_of(row.metric)
    ]
    assert len(again.rows) == len(expected)
    assert again.result("foreign").ranked == run.result("good").ranked


def test_texts_that_the_folder_does_not_keep_come_from_the_corpus(
    run: Comparison, tmp_path: Path
) -> None:
    partial = replace(run, passages={"p3": run.passages["p3"]})
    with pytest.raises(DataError, match=r"run: no passage 'p\d': a run folder keeps .*--data"):
        export(partial, "dpr", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    options = ExportOptions(("good",), corpus=toy_dataset().corpus)
    (path,) = export(partial, "dpr", tmp_path / "out", options)
    assert len(json.loads(path.read_text())[0]["ctxs"]) == 3


@pytest.mark.parametrize(
    ("form", "name", "options", "line"),
    [
        ("treck", "out", ExportOptions(), "--format: no format 'treck'; did you mean 'trec'"),
        ("trec", "out", ExportOptions(("god",)), "no pipeline 'god'"),
        (
            "trec",
            "out.trec",
            ExportOptions(),
            "out.trec: one file, but there are 2 pipelines: good, finds",
        ),
        ("squad", "out", ExportOptions(("finds",)), "format squad: pipeline 'finds' has no reader"),
        ("trec", "taken", ExportOptions(("good",)), "taken/good.trec: exists already"),
        ("trec", "file/x", ExportOptions(("good",)), "file/x: the folder cannot be made"),
    ],
)
def test_bad_options_are_one_line(
    run: Comparison, tmp_path: Path, form: str, name: str, options: ExportOptions, line: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "good.trec").touch()
    (tmp_path / "file").touch()
    with pytest.raises(OdqaError) as caught:
        export(run, form, tmp_path / name, options)
    assert line in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("form", ["trec", "dpr", "squad"])
def test_a_killed_export_leaves_whole_files_and_is_completed(
    run: Comparison, tmp_path: Path, form: str
) -> None:
    expected = {path.name: path.read_bytes() for path in export(run, form, tmp_path / "whole")}
    number = 0
    out = tmp_path / "out"
    for number in range(1, 100):
        shutil.rmtree(out, ignore_errors=True)
        if not killed_at(number, out, lambda: export(run, form, out)):
            break
        for path in out.glob("*.*" if out.is_dir() else "-"):
            assert path.name.startswith(".export.") or path.read_bytes() == expected[path.name]
        export(run, form, out)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == expected
    assert number > 4


def test_a_file_with_other_content_keeps_all_as_it_was(run: Comparison, tmp_path: Path) -> None:
    (tmp_path / "finds.trec").write_text("mine")
    with pytest.raises(RunError, match=r"finds\.trec: exists already with other content; remove"):
        export(run, "trec", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"finds.trec", "run"}
    assert (tmp_path / "finds.trec").read_text() == "mine"


def test_without_qrels_there_are_none_to_export(run: Comparison, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run: has no qrels"):
        export(replace(run, qrels=None), "qrels", tmp_path / "out")
