"""The matrix of all pairs for papers and pages."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.report.pair_tables import pairs_to_latex, pairs_to_markdown
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """Three pipelines over 40 questions: a has 30 right, b 28 of them, c 10 of those."""
    whole = synthetic_comparison(40, 3)
    right = dict(zip(whole.pipelines, (30, 28, 10), strict=True))
    rows = tuple(
        MetricRow(name, question.id, "em", float(position < n))
        for name, n in right.items()
        for position, question in enumerate(whole.questions)
    )
    return replace(whole, rows=rows)


def test_latex_by_hand(comparison: Comparison) -> None:
    text = pairs_to_latex(comparison)
    assert text.count("\\begin{table}") == text.count("\\end{table}") == 1
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
    # Three rows, of which two have intervals below.
    assert len(body) == 5
    columns = text.split("\\begin{tabular}{")[1].split("}")[0]
    assert columns == "lccc"
    assert {line.count(" & ") for line in body} == {3}
    a, b, c = comparison.pipelines
    first = body[0].strip().split(" & ")
    assert first[0].startswith("(1) ") and first[0].endswith("\\textsuperscript{a}")
    # a and b cannot be told apart; a and c can.
    assert first[1:] == [
        "0.750",
        "$+0.050$",
        "\\textbf{\\boldmath $+0.500$} \\\\",
    ]
    assert body[1].strip().startswith("& ") or body[1].strip().startswith(" & ")
    pairs = comparison.pairs("em")
    test, sign = pairs.test(a, b)
    low, high = sorted(sign * end + 0.0 for end in test.interval)
    assert f"[${low:+.3f}$, ${high:+.3f}$]" in body[1]
    assert body[4].strip().split(" & ")[1:] == ["", "", "0.250 \\\\"]
    assert "\\label{tab:synthetic-em-pairs}" in text
    assert c in pairs.means


def test_markdown_by_hand(comparison: Comparison) -> None:
    rows = [line for line in pairs_to_markdown(comparison).splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {6}
    assert "**+0.500** [" in rows[2] and "**-0.500** [" in rows[4]
    assert "+0.050 [" in rows[2] and "**+0.050" not in rows[2]


def test_no_difference_has_no_sign(comparison: Comparison) -> None:
    first, second, _ = comparison.pipelines
    same = {row.question_id: row.value for row in comparison.rows if row.pipeline == first}
    rows = tuple(
        replace(row, value=same[row.question_id]) if row.pipeline == second else row
        for row in comparison.rows
    )
    equal = replace(comparison, rows=rows)
    for text in (pairs_to_latex(equal), pairs_to_markdown(equal)):
        assert "+0.000" in text and "-0.000" not in text


def test_a_table_a_metric_and_none_without_a_pair() -> None:
    comparison = synthetic_comparison(6, 4)
    assert pairs_to_latex(comparison).count("\\begin{table}") == 2
    first = next(iter(comparison.pipelines))
    alone = replace(comparison, rows=tuple(r for r in comparison.rows if r.pipeline == first))
    with pytest.raises(RunError, match="no metric was measured of two pipelines"):
        pairs_to_latex(alone)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("preamble", ["", "\\usepackage{booktabs}"])
def test_latex_compiles(comparison: Comparison, tmp_path: Path, preamble: str) -> None:
    (tmp_path / "pairs.tex").write_text(pairs_to_latex(comparison), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        f"\\documentclass{{article}}{preamble}\\begin{{document}}\\input{{pairs}}\\end{{document}}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
