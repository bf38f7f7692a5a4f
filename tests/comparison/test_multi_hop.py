"""Questions of several hops through whole pipelines: columns, verdict, attribution, run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison import table
from odqa.comparison.folder import save
from odqa.comparison.rescore import with_metrics
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.comparison.verdict import deciding_metric
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.questions import QuestionSet
from odqa.errors import RunError
from odqa.report.page import render_page
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.types import Passage, Question

pytestmark = pytest.mark.usefixtures("toys")

PASSAGES = [
    Passage("p1", "the river of Paris is the Seine", "Seine"),
    Passage("p2", "the painter of the river was Monet", "Monet"),
    Passage("p3", "the painter and the river and nothing of use", "Other"),
]
QUESTIONS = (
    Question("both", "river Paris painter", ("Monet",), ("Seine", "Monet")),
    Question("missing", "river of painter", ("Monet",), ("Monet", "Nowhere")),
)


def data(qrels: dict[str, dict[str, int]] | None = None) -> Dataset:
    return Dataset(
        "hops", Corpus.from_passages(PASSAGES, "hops"), QuestionSet("hops", QUESTIONS), qrels
    )


def spec(text: str) -> PipelineSpec:
    return parse_pipeline(f"{{{text}}}")


@pytest.fixture
def comparison() -> Comparison:
    specs = [
        spec("name: wide, retriever: {type: overlap, k: 3}, reader: {type: first_word}"),
        spec(
            "name: cut, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 1},"
            " reader: {type: first_word}"
        ),
        spec("name: narrow, retriever: {type: overlap, k: 1}, reader: {type: first_word}"),
    ]
    return run_comparison(specs, data(), Cache(enabled=False))


def test_scores_and_attribution(comparison: Comparison) -> None:
    assert comparison.values("wide", "retrieved_all_gold") == {"both": 1.0, "missing": 0.0}
    assert comparison.values("wide", "retrieved_support@1") == {"both": 0.5, "missing": 0.5}
    assert comparison.values("narrow", "retrieved_all_gold@1") == {"both": 0.0, "missing": 0.0}
    lost = {name: dict(by_question) for name, by_question in comparison.lost_by.items()}
    # The passage with the answer is there for every question; a hop is not.
    assert comparison.values("wide", "retrieved_oracle") == {"both": 1.0, "missing": 1.0}
    assert lost["wide"]["missing"] == ("overlap",)
    assert lost["wide"]["both"] == ("first_word",)
    assert lost["cut"]["both"] == ("overlap-ranker",)
    assert set(comparison.losses().loc["narrow"].items()) >= {("retriever miss", 2)}


def test_columns_and_what_decides(comparison: Comparison) -> None:
    assert "retrieved_all_gold@20" not in table.headline_metrics(comparison)  # k is 3
    assert "ranked_all_gold@5" in table.tested_metrics(comparison)
    no_reader = [spec(f"name: k{k}, retriever: {{type: overlap, k: {k}}}") for k in (5, 6)]
    found = run_comparison(no_reader, data(), Cache(enabled=False))
    assert deciding_metric(found) == "ranked_all_gold@5"
    assert found.verdict().startswith("k5 and k6 have the same ranked_all_gold@5, 0.500")
    assert "ranked_all_gold@5" in table.headline_metrics(found)
    assert "ranked_all_gold@5" in render_page(found)


def test_a_fusion_of_two_hops() -> None:
    # Members find p2 (by its words) and p1 (the first passage); the fusion keeps one of them.
    fused = spec(
        "name: fused, retriever: {fuse: [{type: overlap, k: 1, id: words}, "
        "{type: overlap, weight: 0, k: 1, id: first}], k: 1, id: fusion}, "
        "reader: {type: first_word}"
    )
    questions = (
        Question("lost", "the painter was", ("x",), ("Seine", "Monet")),
        Question("absent", "the painter was", ("x",), ("Seine", "Nowhere")),
    )
    dataset = replace(data(), questions=QuestionSet("hops", questions))
    found = run_comparison([fused], dataset, Cache(enabled=False))
    assert [hit.passage_id for hit in found.result("fused").hits_of("words")["lost"]] == ["p2"]
    assert found.values("fused", "fusion/all_gold_in") == {"lost": 1.0, "absent": 0.0}
    assert found.values("fused", "fusion/all_gold") == {"lost": 0.0, "absent": 0.0}
    assert found.lost_by["fused"] == {"lost": ("fusion",), "absent": ("words", "first")}


def test_the_run_folder_keeps_the_pages(comparison: Comparison, tmp_path: Path) -> None:
    save(comparison, tmp_path / "run")
    again = Comparison.load(tmp_path / "run")
    assert again == comparison
    assert again.questions[0].supporting == ("Seine", "Monet")


def test_chosen_and_refused_metrics(tmp_path: Path) -> None:
    one = [spec("name: one, retriever: {type: overlap, k: 3}")]
    plain = data({"both": {"p1": 1, "p2": 1}})
    plain = replace(
        plain, questions=QuestionSet("plain", tuple(replace(q, supporting=()) for q in QUESTIONS))
    )
    asked = run_comparison(one, plain, Cache(enabled=False), metrics=["all_gold@2", "all_gold@3"])
    save(run_comparison(one, plain, Cache(enabled=False)), tmp_path / "run")
    later = with_metrics(Comparison.load(tmp_path / "run"), ["all_gold@2", "all_gold@3"])
    for metric in asked.metrics:
        assert later.values("one", metric) == asked.values("one", metric)
    for name in ("support@2", "all_gold"):
        with pytest.raises(RunError, match="needs questions with supporting pages"):
            run_comparison(one, plain, Cache(enabled=False), metrics=[name])
    with pytest.raises(RunError, match="needs questions with supporting pages"):
        run_comparison(
            one, replace(plain, qrels=None), Cache(enabled=False), metrics=["all_gold@2"]
        )
    with pytest.raises(RunError, match="'ranked_support@2' cannot be computed"):
        with_metrics(Comparison.load(tmp_path / "run"), ["support@2"])
