from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from odqa.comparison.result import Comparison
from odqa.metrics.attribution import differences
from odqa.report.sections.costs import offline_table, online_table
from odqa.report.sections.losses import changes_table, stages_table
from odqa.report.sections.quality import metrics_table, quality_table, stage_metrics_table
from odqa.report.sections.quality import tests_table as paired_table
from odqa.report.sections.table import significant
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(20)


def _texts(table, row: int) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {c.label: cell.text for c, cell in zip(table.columns, table.rows[row], strict=True)}


def test_quality_marks_the_baseline_and_sorts_by_means(comparison: Comparison) -> None:
    table = quality_table(comparison)
    assert [row[0].badge for row in table.rows] == ["baseline", "", "", ""]
    assert table.rows[1][1].sort == comparison.summaries["sbert-colbert", "em"].mean


def test_all_metrics_say_what_they_mean(comparison: Comparison) -> None:
    table = metrics_table(comparison)
    assert len(table.rows) == 5
    assert all(row[-1].text for row in table.rows)


def test_paired_tests_leave_the_baseline_out(comparison: Comparison) -> None:
    table = paired_table(comparison)
    assert table is not None
    assert [row[0].text for row in table.rows] == ["sbert-colbert", "dpr-colbert", "bm25-cross"] * 2
    assert paired_table(synthetic_comparison(5, 1)) is None


def test_offline_says_what_needs_no_question(comparison: Comparison) -> None:
    first, second = (_texts(offline_table(comparison), row) for row in (0, 1))
    assert (
        first["precomputed offline"] == "passage vectors, hnsw index"
        and first["stored MB"] == "4.0"
    )
    assert second["precomputed offline"] == "nothing"
    assert (first["peak MB"], first["joules"]) == ("300", "not reported by this machine")


def test_online_marks_cached_and_shared_stages_and_sums(comparison: Comparison) -> None:
    table = online_table(comparison)
    retriever, reader, total = (_texts(table, row) for row in (0, 1, 2))
    assert retriever["marks"] == "cached; shared with another" and reader["marks"] == ""
    # 2 ms of retrieval and 10 ms of reading in batches; 4 and 8 ms when asked alone.
    assert (total["ms, batched"], total["p50 ms"], total["questions / s"]) == (
        "12.0",
        "12.0",
        "83.3",
    )
    assert (total["peak MB"], total["joules"], reader["joules"]) == ("400", "1.00", "0.50")
    assert retriever["GFLOP"] == "" and total["GFLOP"] == "1.25"


def test_changes_count_fixed_and_broken_and_link_to_them(comparison: Comparison) -> None:
    table = changes_table(comparison)
    assert table is not None
    count = Counter(d.change for d in differences(comparison.rows, "bm25", "dpr-colbert"))
    row = table.rows[1]
    assert (row[1].text, row[3].text) == (str(count["fixed"]), str(count["broken"]))
    assert row[1].link == "#right=dpr-colbert&wrong=bm25"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0, "0"), (1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.012")],
)
def test_three_significant_digits(value: float | None, shown: str) -> None:
    assert significant(value).text == shown


def test_every_stage_has_the_questions_it_lost(composed: Comparison) -> None:
    table = stages_table(composed)
    assert table is not None and table.id == "stages"
    rows = [[cell.text for cell in row] for row in table.rows]
    # Rewriters give no passages and lose none.
    assert [row[:3] for row in rows] == [
        ["plain", "overlap", "retriever"],
        ["plain", "first_word", "reader"],
        *(
            [pipeline, stage, role]
            for pipeline, fusion in (("good", "both"), ("drops", "rrf"))
            for stage, role in (
                ("wide", "retriever"),
                ("narrow", "ranker"),
                ("blind", "retriever"),
                (fusion, "fusion"),
                ("late", "ranker"),
                ("cross", "ranker"),
                ("first_word", "reader"),
            )
        ),
    ]
    assert {row[1]: row[3] for row in rows if row[0] == "drops"} == {
        **dict.fromkeys(("wide", "narrow", "cross"), "1"),
        **dict.fromkeys(("rrf", "late", "first_word"), "0"),
        "blind": "2",
    }
    without = replace(composed, rows=tuple(r for r in composed.rows if r.metric != "em"))
    assert stages_table(without) is None


def test_every_stage_has_its_metrics(composed: Comparison) -> None:
    table = stage_metrics_table(composed)
    assert table is not None and table.id == "stage-metrics"
    labels = [column.label for column in table.columns]
    assert labels[:3] == ["pipeline", "stage", "has_answer@1"]
    assert {"oracle", "recall@20", "mrr@10", "map"} <= set(labels)
    rows = {(row[0].text, row[1].text): dict(zip(labels, row, strict=True)) for row in table.rows}
    stages = ("wide", "narrow", "blind", "late", "cross")
    assert set(rows) == {
        ("plain", "overlap"),
        *(("good", stage) for stage in (*stages, "both")),
        *(("drops", stage) for stage in (*stages, "rrf")),
    }
    assert rows["good", "blind"]["mrr@10"].text == "0.250"
    assert rows["drops", "late"]["oracle"].text == "0.333"
    # Three passages have no recall at 20.
    assert rows["good", "both"]["recall@20"].text == ""
    assert all("of this stage" in column.help for column in table.columns[2:])
    assert [row[0].text for row in metrics_table(composed).rows if "/" in row[0].text] == []
    assert stage_metrics_table(synthetic_comparison(3)) is None


def test_changes_name_the_stages_that_lost_the_questions(composed: Comparison) -> None:
    table = changes_table(replace(composed, baseline="drops"))
    assert table is not None
    plain, good = ([cell.text for cell in row] for row in table.rows)
    assert plain == ["plain", "2", "narrow + blind 1, cross 1", "0", "", "0", "1"]
    assert good == ["good", "2", "narrow + blind 1, cross 1", "0", "", "0", "1"]
    other_way = changes_table(composed)
    assert other_way is not None
    assert [cell.text for cell in other_way.rows[1]][3:5] == ["2", "narrow + blind 1, cross 1"]


def test_stages_of_one_role_are_told_apart_in_the_costs(composed: Comparison) -> None:
    for table in (offline_table(composed), online_table(composed)):
        named = [row[2].text for row in table.rows if row[0].text == "good" and row[2].text]
        assert named == [
            *("keywords", "overlap (wide)", "overlap (narrow)", "overlap (blind)", "rrf (both)"),
            *("overlap (late)", "overlap (cross)", "first_word"),
        ]
    marks = {
        row[2].text: row[-1].text for row in online_table(composed).rows if row[0].text == "drops"
    }
    assert marks["overlap (wide)"] == "shared with plain"
    assert marks["overlap (late)"] == ""
