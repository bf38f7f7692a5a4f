"""The map of paradigms: what stands where, how good it is, and what it costs by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.paradigms import map_entries, placed_components
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.report.figures.paradigms import cost_text, paradigm_map, quality_text, short
from odqa.report.sections.paradigms import map_table
from odqa.report.terminal.paradigms import map_lines
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.testing.toys import toy_dataset

pytestmark = pytest.mark.usefixtures("toys")

PIPELINES = (
    "{name: plain, retriever: {type: overlap, k: 3}, reader: {type: first_word}}",
    "{name: ranked, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2},"
    " reader: {type: first_word}}",
    "{name: fused, retriever: {fuse: [{type: overlap, k: 3}, {type: overlap, k: 2, id: b}]}}",
)


@pytest.fixture(scope="module")
def ran() -> Comparison:
    from odqa.testing.toys import toy_components

    with toy_components():
        specs = [parse_pipeline(text) for text in PIPELINES]
        return run_comparison(specs, toy_dataset(), Cache(enabled=False))


def test_equal_stages_are_one_entry_and_fusions_are_none(ran: Comparison) -> None:
    entries = map_entries(ran)
    assert [(e.role, e.type, e.after, e.pipelines) for e in entries] == [
        ("retriever", "overlap", (), ("plain", "ranked", "fused")),
        ("reader", "first_word", ("overlap",), ("plain",)),
        ("ranker", "overlap", ("overlap-retriever",), ("ranked",)),
        ("reader", "first_word", ("overlap-ranker",), ("ranked",)),
        ("retriever", "overlap", (), ("fused",)),
    ]


def test_quality_is_that_of_the_stage_and_cost_its_own(ran: Comparison) -> None:
    retriever, reader, ranker, *_ = map_entries(ran)
    assert (retriever.metric, reader.metric) == ("mrr@10", "em")
    assert retriever.quality == ran.summaries["plain", f"{_id(ran, 'plain', 'retriever')}/mrr@10"]
    assert ranker.quality is not None and reader.quality is not None
    assert ranker.quality.mean == ran.summaries["ranked", "ranked_mrr@10"].mean
    assert reader.quality.mean == ran.summaries["plain", "em"].mean
    cost = next(c for c in ran.result("ranked").costs if c.role == "ranker")
    assert ranker.online_ms == pytest.approx(1000 * cost.online_seconds / 3)
    assert ranker.gflop == cost.gflop and ranker.offline_s == cost.offline_seconds
    assert ranker.parameters == "k=2"


def test_chosen_metrics_judge_the_stages(ran: Comparison) -> None:
    settings = {"metrics": ["f1", "ranked_has_answer@1"]}
    chosen = replace(ran, manifest={**ran.manifest, "settings": settings})
    assert [entry.metric for entry in map_entries(chosen)][:2] == ["has_answer@1", "f1"]


def test_the_frame_has_a_row_a_stage(ran: Comparison) -> None:
    frame = ran.map()
    assert len(frame) == len(map_entries(ran))
    row = frame.iloc[0]
    assert (row["component"], row["metric"], row["pipelines"]) == (
        "overlap",
        "mrr@10",
        "plain, ranked, fused",
    )
    assert row["low"] <= row["value"] <= row["high"] and row["pipeline ms"] >= row["online ms"]


def test_a_component_shows_its_best_stage(ran: Comparison) -> None:
    placed = {(c.role, c.type): c for c in placed_components(ran)}
    retriever = placed["retriever", "overlap"]
    means = [stage.quality.mean for stage in retriever.stages if stage.quality]
    assert len(means) == 2 and means == sorted(means, reverse=True)
    assert retriever.used_by == ("plain", "ranked", "fused")
    assert placed["ranker", "colbert"].stages == ()
    figure = paradigm_map(ran)
    assert "overlap retriever, best of 2" in figure
    assert quality_text(retriever.stages[0]) in figure and cost_text(retriever.stages[0]) in figure


def test_what_stood_elsewhere_in_this_run_is_shown_there() -> None:
    """RETRO with an encoder that does not see the question."""
    whole = synthetic_comparison(6, 5)
    result = whole.pipelines["sbert-retro"]
    facts = {"representation": "intra-passage dynamic"}
    costs = tuple(replace(c, facts=facts) if c.role == "ranker" else c for c in result.costs)
    moved = {**whole.pipelines, "sbert-retro": replace(result, costs=costs)}
    (entry,) = (e for e in map_entries(replace(whole, pipelines=moved)) if e.type == "retro")
    assert (entry.representation, entry.interaction) == ("intra-passage dynamic", "query-document")
    (place,) = (
        c
        for c in placed_components(replace(whole, pipelines=moved))
        if (c.role, c.type) == ("ranker", "retro")
    )
    assert place.representation == "intra-passage dynamic" and place.used_by == ("sbert-retro",)
    (declared,) = (e for e in map_entries(whole) if e.type == "retro")
    assert declared.representation == "all-to-all dynamic"


def test_what_follows_an_oracle_is_a_ceiling_and_never_the_best(tmp_path: Path) -> None:
    texts = (PIPELINES[0], "{name: oracle, retriever: {type: oracle}, reader: {type: first_word}}")
    specs = [parse_pipeline(text) for text in texts]
    result = run_comparison(specs, toy_dataset(), Cache(tmp_path))
    ceilings = {(e.type, e.pipelines): e.is_ceiling for e in map_entries(result)}
    assert ceilings == {
        ("overlap", ("plain",)): False,
        ("first_word", ("plain",)): False,
        ("oracle", ("oracle",)): True,
        ("first_word", ("oracle",)): True,
    }
    (reader,) = (c for c in placed_components(result) if c.type == "first_word")
    assert [stage.is_ceiling for stage in reader.stages] == [False, True]
    assert list(result.map()["ceiling"]) == [False, False, True, True]
    assert "1.000], ceiling" in paradigm_map(result)
    assert any("ceiling: MRR@10" in line for line in map_lines(result))
    table = map_table(result)
    assert table is not None
    assert [cell.badge for row in table.rows for cell in row if cell.badge] == ["ceiling"] * 2


def test_what_was_not_measured_is_said(ran: Comparison) -> None:
    bare = {name: replace(result, costs=()) for name, result in ran.pipelines.items()}
    entry = map_entries(replace(ran, pipelines=bare, rows=()))[0]
    assert (quality_text(entry), cost_text(entry)) == ("not scored", "no costs were kept")
    assert replace(ran, pipelines=bare, rows=()).map()["value"].isna().all()
    assert [short(value) for value in (0.0, 0.0123, 1.25, 12.5, 1234.0)] == [
        *("0", "0.012", "1.2", "12", "1,234")
    ]


def test_text_and_table_have_every_stage(ran: Comparison) -> None:
    lines = map_lines(ran)
    entries = map_entries(ran)
    assert sum("overlap" in line or "first_word" in line for line in lines) == len(entries)
    assert any(line == "static x none" for line in lines) or "none x none" in lines
    table = map_table(ran)
    assert table is not None and len(table.rows) == len(entries)


def _id(comparison: Comparison, pipeline: str, role: str) -> str:
    nodes = comparison.pipelines[pipeline].spec.graph.nodes
    return next(node.id for node in nodes if node.role == role)
