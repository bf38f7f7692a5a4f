from __future__ import annotations

import pytest

from odqa.comparison.result import Comparison
from odqa.report.tables import latex, to_latex, to_markdown
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(6)


def test_markdown_has_a_row_a_pipeline_and_even_columns(comparison: Comparison) -> None:
    lines = to_markdown(comparison).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert len({row.count("|") for row in rows}) == 1
    assert rows[0].startswith("| pipeline | em |")
    assert rows[2].startswith("| bm25 | ")
    assert "> some/q and some/p are CC BY-NC 4.0" in lines


def test_latex_is_a_booktabs_table_with_even_columns(comparison: Comparison) -> None:
    text = to_latex(comparison)
    body = text.split("\\midrule")[1].split("\\bottomrule")[0].strip().splitlines()
    assert len(body) == 4
    assert all(line.rstrip().endswith("\\\\") for line in body)
    columns = text.split("\\begin{tabular}{")[1].split("}")[0]
    assert {line.replace("\\&", "").count("&") for line in body} == {len(columns) - 1}
    cell = comparison.summaries["bm25", "em"]
    low, high = cell.interval.low, cell.interval.high
    assert f"{cell.mean:.3f} {{\\scriptsize [{low:.3f}, {high:.3f}]}}" in text
    assert text.index("\\toprule") < text.index("\\midrule") < text.index("\\bottomrule")


def test_columns_empty_everywhere_are_left_out(comparison: Comparison) -> None:
    assert "ranked_ndcg@10" not in to_markdown(comparison)


@pytest.mark.parametrize(
    ("plain", "escaped"),
    [
        ("a_b & 5 % of $1 #2", r"a\_b \& 5 \% of \$1 \#2"),
        ("{x}~^", r"\{x\}\textasciitilde{}\textasciicircum{}"),
        ("\\", r"\textbackslash{}"),
    ],
)
def test_special_characters_are_escaped(plain: str, escaped: str) -> None:
    assert latex(plain) == escaped
