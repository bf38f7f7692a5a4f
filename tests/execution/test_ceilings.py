"""Oracle pipelines, from the spec to the last table: scored as others are, never mistaken."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.comparison.verdict import ORACLE, notices, verdict
from odqa.errors import RunError
from odqa.execution.ceilings import ceiling_name, with_oracle
from odqa.report.figures.pareto import online_figure
from odqa.report.terminal.render import render
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset
from odqa.types import Hit

with toy_components():
    BLIND = parse_pipeline(
        "{name: blind, retriever: {type: overlap, k: 3, weight: 0}, reader: {type: first_word}}"
    )
    CEILING = parse_pipeline("{name: top, retriever: {type: oracle}, reader: {type: first_word}}")

pytestmark = pytest.mark.usefixtures("toys")


def test_names_and_records_say_it() -> None:
    oracle = with_oracle(BLIND)
    assert (oracle.name, oracle.retriever.type, oracle.retriever.k) == ("oracle+blind", "oracle", 3)
    assert oracle.reader == BLIND.reader and oracle.hash != BLIND.hash
    assert "in place of what retriever overlap finds" in oracle.description
    assert oracle.sees_answers and not BLIND.sees_answers
    assert with_oracle(oracle) == oracle
    assert ceiling_name("my-oracle") == "my-oracle"


def test_gold_passages_go_through_the_same_stages_and_scorer(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    real = run_comparison([BLIND], toy_dataset(), cache)
    ceiling = run_comparison([BLIND], toy_dataset(), cache, baseline="blind", oracle="retriever")
    assert list(ceiling.pipelines) == ["oracle+blind"] == [ceiling.baseline]
    assert ceiling.result("oracle+blind").retrieved == {
        "q1": [Hit("p3", 1.0)],
        "q2": [Hit("p2", 1.0)],
        "q3": [],
    }
    # The reader takes the first word: of the gold passage it is right, of corpus order wrong.
    assert ceiling.values("oracle+blind", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert ceiling.values("oracle+blind", "retrieved_recall@1") == {"q1": 1.0, "q2": 1.0}
    assert real.values("blind", "em") == {"q1": 0.0, "q2": 0.0, "q3": 0.0}
    # Neither takes the other's results from the cache.
    again = run_comparison([BLIND], toy_dataset(), cache)
    assert again.rows == real.rows and all(c.reused for c in again.result("blind").costs)
    save(ceiling, tmp_path / "run")
    loaded = Comparison.load(tmp_path / "run")
    assert loaded.result("oracle+blind").spec.sees_answers
    assert verdict(loaded) == (
        "With gold passages in place of retrieval: oracle+blind has em 0.667 on 3 questions."
    )


def test_other_judgements_are_other_results(tmp_path: Path) -> None:
    cache, data = Cache(tmp_path / "cache"), toy_dataset()
    run_comparison([BLIND], data, cache, oracle="retriever")
    rejudged = run_comparison(
        [BLIND], replace(data, qrels={"q1": {"p1": 1}}), cache, oracle="retriever"
    )
    assert rejudged.values("oracle+blind", "em") == {"q1": 0.0, "q2": 0.0, "q3": 0.0}


def test_beside_real_pipelines_it_decides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        comparison = run_comparison([BLIND, CEILING], toy_dataset(), Cache(enabled=False))
    assert "1 of 3 questions have no gold passage" in caplog.text
    assert list(comparison.pipelines) == ["blind", "oracle+top"]
    assert verdict(comparison) == "blind has em 0.000 on 3 questions."
    assert notices(comparison) == [f"oracle+top: {ORACLE}"]
    assert f"note: oracle+top: {ORACLE}" in render(comparison)
    figure = online_figure(comparison)
    assert figure is not None and "blind" in figure and "oracle+top" not in figure


@pytest.mark.parametrize("qrels", [None, {"q1": {"p1": 0}}])
def test_without_gold_passages_it_is_refused(qrels: dict[str, dict[str, int]] | None) -> None:
    data = replace(toy_dataset(), qrels=qrels)
    with pytest.raises(RunError, match="data toy: an oracle retriever needs gold passages"):
        run_comparison([BLIND], data, Cache(enabled=False), oracle="retriever")


def test_an_oracle_takes_the_place_of_a_whole_composition() -> None:
    made = with_oracle(
        parse_pipeline(
            "{name: x, rewriter: {type: keywords}, ranker: {type: overlap},"
            " retriever: {fuse: [{type: overlap}, [{type: bm25}, {type: overlap}]], k: 7}}"
        )
    )
    assert [node.id for node in made.graph.nodes] == ["oracle", "overlap"]
    assert made.retriever is not None and made.retriever.k == 7
    assert "in place of what retriever overlap, bm25, overlap, rrf finds" in made.description


@pytest.mark.parametrize(
    "slots",
    [
        "retriever: {fuse: [{type: oracle}, {type: overlap, k: 2, weight: 0}], weights: [9, 1]}",
        "retriever: [{type: oracle}, {type: overlap}]",
        "rewriter: {type: keywords}\nretriever: {type: oracle}",
        "rewriter: {type: keywords, keep_question: true}\nretriever: {type: oracle}",
        "retriever: {fuse: [{rewriter: {type: keywords}, retriever: {type: oracle}},"
        " {type: overlap, k: 2, weight: 0}], weights: [9, 1]}",
    ],
)
def test_an_oracle_anywhere_is_told_and_marked(slots: str) -> None:
    spec = parse_pipeline(f"name: x\n{slots}\nreader: {{type: first_word}}")
    found = run_comparison([spec], toy_dataset(), Cache(enabled=False))
    assert found.baseline == "oracle+x"
    assert found.values("oracle+x", "retrieved_success@1") == {"q1": 1.0, "q2": 1.0}
    assert found.values("oracle+x", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
