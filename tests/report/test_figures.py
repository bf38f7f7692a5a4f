from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from odqa.comparison.paradigms import placed_components
from odqa.comparison.result import Comparison
from odqa.metrics.attribution import OUTCOMES, loss_table
from odqa.report.figures.losses import losses_figure
from odqa.report.figures.paradigms import paradigm_map, short
from odqa.report.figures.pareto import Point, front, online_figure, storage_figure
from odqa.report.figures.quality import quality_figures
from odqa.report.figures.svg import log_ticks, plain, ticks
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(20)


def _point(name: str, cost: float, quality: float) -> Point:
    return Point(name, cost, quality, quality, quality)


def test_front_keeps_what_no_other_beats() -> None:
    cheap, good, beaten = _point("cheap", 1, 0.2), _point("good", 9, 0.8), _point("beaten", 9, 0.5)
    dearer = _point("dearer", 20, 0.8)
    assert front([beaten, dearer, good, cheap]) == [cheap, good]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.5, 1.0]),
        (0.21, 0.38, [0.2, 0.25, 0.3, 0.35, 0.4]),
        (0.5, 0.5, [0.5, 1.0]),
        (0.0, 0.0, [0.0, 0.5]),
    ],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]) -> None:
    values = ticks(low, high)
    assert values == pytest.approx(expected)
    assert values[0] <= low and values[-1] >= high


def test_log_ticks_enclose_also_a_single_value() -> None:
    assert log_ticks(2, 300) == pytest.approx([1, 10, 100, 1000])
    assert log_ticks(10, 10) == pytest.approx([10, 100])
    assert [plain(v) for v in (0.001, 1.0, 1000.0)] == ["0.001", "1", "1,000"]


def test_every_figure_is_well_formed_and_says_what_it_shows(comparison: Comparison) -> None:
    figures = [
        *quality_figures(comparison),
        online_figure(comparison),
        storage_figure(comparison),
        losses_figure(comparison),
        paradigm_map(comparison),
    ]
    for figure in figures:
        assert figure is not None
        root = ElementTree.fromstring(figure)
        assert root.get("role") == "img" and len(root.get("aria-label") or "") > 20
    em = comparison.summaries["dpr-colbert", "em"]
    assert f"dpr-colbert: {em.mean:.3f}, {em.interval.low:.3f}" in figures[0]


@pytest.mark.parametrize(("value", "axis"), [(0.0, (0.0, 0.1)), (1.0, (0.9, 1.0))])
def test_a_constant_metric_is_drawn_within_what_a_share_can_be(
    comparison: Comparison, value: float, axis: tuple[float, float]
) -> None:
    flat = tuple(replace(row, value=value) for row in comparison.rows)
    for figure in quality_figures(replace(comparison, rows=flat)):
        assert "nan" not in figure
        texts = [element.text or "" for element in ElementTree.fromstring(figure).iter()]
        marks = [float(text) for text in texts if text.replace(".", "").isdigit()]
        assert (min(marks), max(marks)) == pytest.approx(axis)


def test_losses_say_the_counts(comparison: Comparison) -> None:
    figure = losses_figure(comparison)
    assert figure is not None
    for pipeline, counts in loss_table(comparison.rows).items():
        for outcome in OUTCOMES:
            if counts[outcome]:
                assert f"{pipeline}, {outcome}: {counts[outcome]} of 20" in figure
    assert losses_figure(replace(comparison, rows=())) is None


def test_costs_come_from_latency_where_all_have_it(comparison: Comparison) -> None:
    # bm25: 4 ms to retrieve and 8 ms to read; the others add a ranker.
    assert "12 online ms per question (asked one at a time, median)" in (
        online_figure(comparison) or ""
    )
    pipelines = {**comparison.pipelines}
    pipelines["bm25"] = replace(pipelines["bm25"], latency=None)
    figure = online_figure(replace(comparison, pipelines=pipelines)) or ""
    assert "in batches" in figure and "one at a time" not in figure


def test_the_map_places_components_by_what_they_declare(comparison: Comparison) -> None:
    placed = {
        (component.role, component.type): component for component in placed_components(comparison)
    }
    colbert = placed["ranker", "colbert"]
    assert colbert.interaction == "query-document"
    assert colbert.used_by == ("sbert-colbert", "dpr-colbert")
    assert placed["retriever", "retro"].used_by == ()
    root = ElementTree.fromstring(paradigm_map(comparison))
    used = [e for e in root.iter() if e.get("class") == "chip used"]
    free = [e for e in root.iter() if e.get("class") == "chip"]
    assert len(used) == 6 and len(used) + len(free) == len(placed)


def test_the_map_shows_a_cascade_by_its_rankers(comparison: Comparison) -> None:
    stages = [{"type": "retro", "k": 10}, {"type": "cross_encoder"}]
    cascade = {"type": "cascade", "stages": stages}
    spec = parse_pipeline({"name": "bm25", "retriever": {"type": "bm25"}, "ranker": cascade})
    pipelines = {"bm25": replace(comparison.pipelines["bm25"], spec=spec)}
    placed = {
        (component.role, component.type): component.used_by
        for component in placed_components(replace(comparison, pipelines=pipelines))
    }
    assert placed["ranker", "retro"] == placed["ranker", "cross_encoder"] == ("bm25",)
    assert placed["ranker", "colbert"] == ()
    assert ("ranker", "cascade") not in placed


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2e-5, "2e-05"), (0.000341, "0.00034"), (4.04, "4"), (2913, "2,913")],
)
def test_costs_have_two_digits_and_small_ones_are_no_zero(value: float, text: str) -> None:
    assert short(value) == text
