from __future__ import annotations

from collections import Counter

import pytest

from odqa.comparison.result import Comparison
from odqa.metrics.attribution import differences
from odqa.report.sections.costs import offline_table, online_table
from odqa.report.sections.losses import changes_table
from odqa.report.sections.quality import metrics_table, quality_table
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
