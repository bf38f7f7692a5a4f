"""Pairs, question sets and specs in the report."""

from __future__ import annotations

from dataclasses import replace

from odqa.report.sections.pairs import pairs_table, sets_table
from odqa.report.sections.specs import specs_table
from odqa.testing.synthetic import synthetic_comparison


def test_pairs_are_row_minus_column() -> None:
    comparison = synthetic_comparison(30, 4)
    table = pairs_table(comparison)
    assert table is not None
    best, *_, worst = comparison.pairs("em").means
    difference = comparison.summaries[best, "em"].mean - comparison.summaries[worst, "em"].mean
    assert table.rows[0][0].text == best and table.columns[-1].label == worst
    assert table.rows[0][-1].text.startswith(f"{difference:+.3f}")
    assert table.rows[-1][1].text.startswith(f"{-difference:+.3f}")
    assert pairs_table(synthetic_comparison(5, 2)) is None


def test_question_sets() -> None:
    comparison = synthetic_comparison(30, 2)
    assert sets_table(comparison) is None
    data = {**comparison.manifest["dataset"], "sets": {"A": 20, "B": 10}}
    table = sets_table(replace(comparison, manifest={**comparison.manifest, "dataset": data}))
    assert table is not None
    assert [column.label for column in table.columns[1:3]] == ["A", "B"]
    values = comparison.values("bm25", "em")
    first = [values[q.id] for q in comparison.questions[:20]]
    assert table.rows[0][1].text == f"{sum(first) / 20:.3f}"
    assert "Kendall" in table.note


def test_specs() -> None:
    table = specs_table(synthetic_comparison(2, 2))
    assert table is not None
    assert ("retriever.type", "bm25", "sentence") in [
        tuple(cell.text for cell in row) for row in table.rows
    ]
