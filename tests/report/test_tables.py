from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.report.tables import to_latex, to_markdown
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(6)


def test_markdown_has_a_row_a_pipeline_and_even_columns(comparison: Comparison) -> None:
    lines = to_markdown(comparison).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert len({row.count("|") for row in rows}) == 1
    assert rows[0].startswith("| pipeline | answer EM | answer F1 |")
    assert rows[2].startswith("| bm25 | ")
    assert "> some/q and some/p are CC BY-NC 4.0" in lines


def test_latex_is_a_table_with_even_columns(comparison: Comparison) -> None:
    text = to_latex(comparison)
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
    assert len(body) == 4
    assert all(line.rstrip().endswith("\\\\") for line in body)
    columns = text.split("\\begin{tabular}{")[1].split("}")[0]
    assert {line.replace("\\&", "").count("&") for line in body} == {len(columns) - 1}
    cell = comparison.summaries["bm25", "em"]
    low, high = cell.interval.low, cell.interval.high
    assert f"{cell.mean:.3f} {{\\scriptsize [{low:.3f}, {high:.3f}]}}" in text
    assert "\\caption{synthetic, 6 questions" in text
    assert "\\label{tab:synthetic}" in text


def test_chosen_columns_best_in_bold_and_no_costs(comparison: Comparison) -> None:
    best = max(comparison.pipelines, key=lambda name: comparison.summaries[name, "f1"].mean)
    mean = f"{comparison.summaries[best, 'f1'].mean:.3f}"
    markdown, latex = to_markdown(comparison, ["f1"]), to_latex(comparison, ["f1"])
    assert "| pipeline | answer F1 |" in markdown
    assert f"**{mean}**" in markdown and f"\\textbf{{{mean}}}" in latex
    assert markdown.count("**") == 2 and latex.count("\\textbf") == 1
    assert "ms" not in latex.split("\\midrule\n")[1].split("\\bottomrule")[0]
    with pytest.raises(RunError, match="no metric 'f2'"):
        to_latex(comparison, ["f2"])


def test_pipelines_share_letters_where_they_cannot_be_told_apart(comparison: Comparison) -> None:
    # Six questions tell nobody apart.
    assert to_latex(comparison, ["em"]).count("\\textsuperscript{a}") == 4
    assert "Pipelines that share a letter" in to_markdown(comparison, ["em"])
    two = replace(
        comparison,
        pipelines=dict(list(comparison.pipelines.items())[:2]),
        rows=tuple(r for r in comparison.rows if r.pipeline in list(comparison.pipelines)[:2]),
    )
    assert "textsuperscript" not in to_latex(two, ["em"])


def test_columns_empty_everywhere_are_left_out(comparison: Comparison) -> None:
    assert "nDCG" not in to_markdown(comparison)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("preamble", ["", "\\usepackage{booktabs}"])
def test_latex_compiles(comparison: Comparison, tmp_path: Path, preamble: str) -> None:
    (tmp_path / "table.tex").write_text(to_latex(comparison), encoding="utf-8")
    document = (
        f"\\documentclass{{article}}{preamble}\\begin{{document}}\\input{{table}}\\end{{document}}"
    )
    (tmp_path / "paper.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
