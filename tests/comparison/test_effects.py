"""Main effects, interactions and the choice of a grid of 2 retrievers and 2 rankers, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from odqa.comparison.costs import StageCost, total_cost
from odqa.comparison.merge import merge
from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.meters.meter import Spent
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.report.effects_file import effects_json
from odqa.report.page import render_page
from odqa.report.terminal.effects import grid_lines
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking.values import grid_metrics, grid_params, level_params

#: Question -> values of old, old-rank, new, new-rank.
VALUES = ((0, 1, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1), (0, 0, 0, 1))
#: Online ms, GFLOP and offline seconds of each.
COSTS = ((10, 1.0, 1), (30, 2.0, 5), (20, 1.5, 3), (50, 4.0, 9))
GRID = {
    "factors": [
        {"key": "retriever", "levels": ["old", "new"]},
        {"key": "ranker", "levels": ["none", "rank"]},
    ],
    "pipelines": {},
}
POINTS = (("old", "none"), ("old", "rank"), ("new", "none"), ("new", "rank"))


def comparison_of(
    values: tuple[tuple[float, ...], ...],
    points: tuple[tuple[str | None, ...], ...] = POINTS,
    grid: dict[str, object] = GRID,
) -> Comparison:
    whole = synthetic_comparison(len(values), len(points))
    names = list(whole.pipelines)
    results = {}
    for name, (ms, gflop, offline) in zip(names, COSTS, strict=False):
        online = Spent(ms * len(values) / 1000)
        cost = StageCost("reader", "extractive", Spent(offline), online, False, gflop=gflop)
        results[name] = replace(whole.pipelines[name], costs=(cost,), latency=None)
    return replace(
        whole,
        pipelines=results,
        rows=tuple(
            MetricRow(name, question.id, "em", float(row[n]))
            for n, name in enumerate(names)
            for question, row in zip(whole.questions, values, strict=True)
        ),
        manifest={
            **whole.manifest,
            "grid": {**grid, "pipelines": dict(zip(names, map(list, points), strict=True))},
        },
    )


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return comparison_of(VALUES)


def test_main_effects_by_hand(comparison: Comparison) -> None:
    retriever, ranker = comparison.effects("em").main
    # By question, new minus old on average over the rankers: 0, 1, 1/2, 1/2.
    assert (retriever.factor, retriever.level, retriever.reference) == ("retriever", "new", "old")
    assert retriever.pairs == 2 and retriever.difference == 0.5
    assert retriever.interval == mean_interval([0, 1, 0.5, 0.5])
    # Of the signs of 1, 1/2, 1/2 two patterns of eight are as extreme.
    assert (retriever.p_value, retriever.test) == (2 / 8, "sign-flip permutation")
    # The ranker: 1, 0, 1/2, 1/2. Holm over both.
    assert ranker.difference == 0.5 and ranker.p_value == 2 / 8
    assert (retriever.p_corrected, ranker.p_corrected) == (0.5, 0.5)
    # ((20 - 10) + (50 - 30)) / 2, and so on.
    assert (retriever.cost.online_ms, ranker.cost.online_ms) == pytest.approx((15, 25))
    assert (retriever.cost.gflop, ranker.cost.gflop) == pytest.approx((1.25, 1.75))
    assert (retriever.cost.offline_s, ranker.cost.offline_s) == pytest.approx((3, 5))


def test_levels_and_cells_by_hand(comparison: Comparison) -> None:
    effects = comparison.effects("em")
    old, new = effects.levels("retriever")
    assert (old.levels, old.mean, len(old.pipelines)) == (("old",), 0.25, 2)
    assert (new.mean, new.cost.online_ms, new.cost.gflop) == pytest.approx((0.75, 35, 2.75))
    assert old.interval == mean_interval([0.5, 0, 0.5, 0])
    cells = {cell.levels: cell.mean for cell in effects.cells("retriever", "ranker")}
    assert cells == dict(zip(POINTS, (0, 0.5, 0.5, 1), strict=True))
    frame = effects.cell_frame()
    assert list(frame.columns[:3]) == ["retriever", "ranker", "pipelines"]
    assert list(frame["online ms"]) == pytest.approx([10, 30, 20, 50])
    with pytest.raises(RunError, match="no factor 'rankr'; did you mean 'ranker'"):
        effects.cells("rankr")


def test_interactions_by_hand(comparison: Comparison) -> None:
    (interaction,) = comparison.effects("em").interactions
    # new-rank - old-rank - new + old: 0, 0, -1, 1.
    assert interaction.levels == ("new", "rank") and interaction.references == ("old", "none")
    assert (interaction.difference, interaction.p_value) == (0, 1)
    assert interaction.interval == mean_interval([0, 0, -1, 1])
    # A ranker that helps the new retriever alone: 1 on three questions of four.
    other = comparison_of(((0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 1), (1, 1, 1, 1)))
    (interaction,) = other.effects("em").interactions
    assert (interaction.difference, interaction.p_value) == (0.75, 2 / 8)


def test_a_single_factor_is_the_pairwise_test() -> None:
    values = tuple((float(n % 3 == 0), float(n % 2 == 0)) for n in range(24))
    grid = {"factors": [{"key": "ranker.k", "levels": ["5", "9"]}], "pipelines": {}}
    comparison = comparison_of(values, (("5",), ("9",)), grid)
    (effect,) = comparison.effects("em").main
    (test,) = comparison.pairs("em").tests
    assert (effect.difference, effect.interval) == (test.difference, test.interval)
    assert (
        (effect.p_value, effect.test)
        == (test.p_value, test.test)
        == (
            test.p_value,
            "McNemar mid-p",
        )
    )
    assert comparison.effects("em").interactions == () and comparison.effects("em").pair is None


def test_a_key_that_some_pipelines_lack_is_averaged_over() -> None:
    """The k of a ranker: without one there is none, and both of them are compared with it."""
    grid = {
        "factors": [
            {"key": "ranker", "levels": ["none", "rank"]},
            {"key": "ranker.k", "levels": ["5", "9"]},
        ],
        "pipelines": {},
    }
    points = (("none", None), ("rank", "5"), ("rank", "9"))
    values = ((0, 1, 1), (0, 0, 1), (1, 1, 1), (1, 0, 0))
    effects = comparison_of(values, points, grid).effects("em")
    ranker, k = effects.main
    # Both ks on average minus none: 1, 1/2, 0, -1; k alone: 0, 1, 0, 0.
    assert (ranker.pairs, ranker.difference) == (2, 0.125)
    assert ranker.interval == mean_interval([1, 0.5, 0, -1])
    assert (k.pairs, k.difference) == (1, 0.25)
    assert ranker.cost.online_ms == pytest.approx((20 + 10) / 2)
    assert effects.interactions == ()  # no pipeline is without a ranker and has a k
    assert {cell.levels for cell in effects.cells("ranker", "ranker.k")} == {
        ("rank", "5"),
        ("rank", "9"),
    }


def test_unknown_operations_stay_unknown(comparison: Comparison) -> None:
    name = next(iter(comparison.pipelines))
    result = comparison.pipelines[name]
    unknown = replace(result, costs=(replace(result.costs[0], gflop=None),))
    effects = replace(comparison, pipelines={**comparison.pipelines, name: unknown}).effects("em")
    assert [effect.cost.gflop for effect in effects.main] == [None, None]
    assert effects.frame()["+GFLOP"].isna().all()
    assert total_cost(unknown.costs, 4).gflop is None


def test_frames_have_a_row_a_level(comparison: Comparison) -> None:
    frame = comparison.effects("em").frame()
    assert list(frame["level"]) == ["old", "new", "none", "rank"]
    assert frame["difference"].isna().tolist() == [True, False, True, False]
    assert frame.loc[1, "against"] == "old" and frame.loc[3, "+ms"] == pytest.approx(25)
    assert len(comparison.effects("em").interaction_frame()) == 1
    assert "each level averaged" in comparison.effects("em")._repr_html_()


def test_the_choice_by_hand() -> None:
    # The last pipeline is right everywhere, no other on two questions: every half chooses it.
    comparison = comparison_of(((0, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1), (0, 0, 0, 1)))
    choice = comparison.choice("em")
    name = list(comparison.pipelines)[3]
    assert [half.pipeline for half in choice.halves] == [name, name]
    assert (choice.honest, choice.best, choice.best_mean, choice.optimism) == (1, name, 1, 0)
    assert (choice.gain, choice.shares) == (1, {name: 1})
    assert [half.chosen_on for half in choice.halves] == [2, 2]
    assert list(choice.frame()["em"]) == [1, 1]
    assert "had no part in the choice: 1.000" in str(choice)


def test_a_choice_by_chance_is_judged_lower_than_it_looks() -> None:
    chance = np.random.default_rng(3)
    values = tuple(tuple(row) for row in (chance.random((80, 4)) < 0.5).astype(float).tolist())
    choice = comparison_of(values).choice("em")
    assert choice.mean_optimism > 0.02
    assert choice.best_mean - choice.honest > 0
    assert sum(choice.shares.values()) == pytest.approx(1)
    assert choice.honest == pytest.approx(sum(h.judged * h.judged_on for h in choice.halves) / 80)


def test_what_is_no_grid_or_leaves_no_choice_is_said(comparison: Comparison) -> None:
    with pytest.raises(RunError, match="its pipelines are those of no grid; compare with --grid"):
        synthetic_comparison(4, 2).effects()
    with pytest.raises(RunError, match="'f1' was measured of 0 pipelines"):
        comparison.effects("f1")
    with pytest.raises(RunError, match="of 1 pipelines on 4 questions leaves no choice"):
        synthetic_comparison(4, 1).choice("em")


def test_a_grid_with_and_without_a_reader_is_judged_by_its_ranking(comparison: Comparison) -> None:
    first = next(iter(comparison.pipelines))
    rows = tuple(row for row in comparison.rows if row.pipeline != first)
    ranked = tuple(replace(row, metric="ranked_mrr@10") for row in comparison.rows)
    both = replace(comparison, rows=(*rows, *ranked))
    assert both.effects().metric == "ranked_mrr@10"
    assert replace(comparison, rows=rows).effects().metric == "em"


def test_every_view_shows_the_effects(comparison: Comparison, tmp_path: Path) -> None:
    text = "\n".join(grid_lines(comparison))
    assert "main effects on em" in text and "+0.500" in text and "new" in text
    assert "em by retriever and ranker" in text and "chosen on one half" in text
    page = render_page(comparison)
    assert 'id="effects-section"' in page and "Main effects on em" in page
    assert 'id="effects-section"' not in render_page(synthetic_comparison(4, 2))
    values = json.loads(effects_json(comparison) or "")
    assert [row["difference"] for row in values["main"]] == [None, 0.5, None, 0.5]
    assert values["choice"]["honest"] == comparison.choice("em").honest
    assert len(values["cells"]) == 4
    assert effects_json(synthetic_comparison(4, 2)) is None and not grid_lines(
        synthetic_comparison(4, 2)
    )


def test_mlflow_gets_factors_levels_and_effects(comparison: Comparison) -> None:
    assert grid_params(comparison) == {"grid.retriever": "old, new", "grid.ranker": "none, rank"}
    name = list(comparison.pipelines)[1]
    assert level_params(comparison, name) == {"grid.retriever": "old", "grid.ranker": "rank"}
    metrics = grid_metrics(comparison)
    assert metrics["effect/retriever/new_difference"] == 0.5
    assert metrics["effect/ranker/rank_online_ms"] == pytest.approx(25)
    assert metrics["choice/judged"] == comparison.choice("em").honest
    assert grid_metrics(synthetic_comparison(4, 2)) == {}


def test_a_run_folder_keeps_the_grid(comparison: Comparison, tmp_path: Path) -> None:
    comparison.save(tmp_path / "run")
    loaded = Comparison.load(tmp_path / "run")
    assert loaded.grid == comparison.grid
    assert loaded.effects("em").main == comparison.effects("em").main
    other = replace(synthetic_comparison(4, 2), folder=tmp_path)
    assert merge([loaded, replace(other, questions=loaded.questions)]).grid is None


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"factors": [], "pipelines": {"x": []}}, "names pipelines that there are none of"),
        ({"factors": [{"key": "a", "levels": ["b"]}], "pipelines": {"bm25": ["c"]}}, "a level of"),
        ({"factors": [{"key": "a", "levels": ["b"]}], "pipelines": {"bm25": []}}, "a level of"),
        ({"factors": 3, "pipelines": {}}, "grid.factors"),
        (None, "no keys"),
    ],
)
def test_a_foreign_grid_is_checked(grid: object, message: str, tmp_path: Path) -> None:
    whole = synthetic_comparison(4, 2)
    broken = replace(whole, manifest={**whole.manifest, "grid": grid})
    broken.save(tmp_path / "run")
    with pytest.raises(RunError, match=message):
        Comparison.load(tmp_path / "run")
