from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.report.csv_table import to_csv
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking.pairs import pair_texts


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(6)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_has_means_intervals_letters_and_costs_of_every_pipeline(comparison: Comparison) -> None:
    table = rows(to_csv(comparison, ["em", "f1"]))
    assert [row["pipeline"] for row in table] == list(comparison.pipelines)
    for row in table:
        cell = comparison.summaries[row["pipeline"], "em"]
        assert float(row["em"]) == pytest.approx(cell.mean, rel=1e-5)
        assert float(row["em_low"]) == pytest.approx(cell.interval.low, rel=1e-5)
        assert float(row["em_high"]) == pytest.approx(cell.interval.high, rel=1e-5)
        # Six questions tell nobody apart.
        assert row["em_letters"] == "a" and row["questions"] == "6"
        costs = comparison.pipelines[row["pipeline"]].costs
        seconds = sum(cost.online_seconds for cost in costs)
        assert float(row["online_ms"]) == pytest.approx(1000 * seconds / 6, rel=1e-5)


def test_unknown_figures_are_empty(comparison: Comparison) -> None:
    name, result = next(iter(comparison.pipelines.items()))
    costs = tuple(replace(cost, gflop=None, load_seconds=None) for cost in result.costs)
    pipelines = {name: replace(result, costs=costs, latency=None)}
    (row,) = rows(to_csv(replace(comparison, pipelines=pipelines)))
    assert row["gflop"] == row["load_s"] == row["p50_ms"] == ""


def test_a_name_is_no_formula(comparison: Comparison) -> None:
    result = next(iter(comparison.pipelines.values()))
    name = '=HYPERLINK("http://example.org";"x")'
    (row,) = rows(to_csv(replace(comparison, pipelines={name: result})))
    assert row["pipeline"] == f"'{name}"


def test_pairs_for_mlflow_have_no_formula_either(comparison: Comparison) -> None:
    results = list(comparison.pipelines.values())[:2]
    named = dict(zip(("=1+1", "bm25"), results, strict=True))
    rows_of = [
        replace(row, pipeline=new)
        for old, new in zip(comparison.pipelines, named, strict=False)
        for row in comparison.rows
        if row.pipeline == old
    ]
    texts = pair_texts(replace(comparison, pipelines=named, rows=tuple(rows_of), baseline="bm25"))
    (row,) = rows(texts["pairs/em.csv"])
    assert "'=1+1" in (row["better"], row["worse"])


def test_unknown_metric(comparison: Comparison) -> None:
    with pytest.raises(RunError, match="no metric 'f2'"):
        to_csv(comparison, ["f2"])
