"""Pairs and overlap as text."""

from __future__ import annotations

from odqa.report.terminal.pairs import overlap_lines, pair_lines
from odqa.testing.synthetic import synthetic_comparison


def test_a_line_a_pair_of_each_tested_metric() -> None:
    comparison = synthetic_comparison(30, 4)
    lines = pair_lines(comparison)
    assert lines[0].startswith("em, every pair")
    assert (
        sum(
            "every pair (*: p < 0.05, Holm; with 80 % power, needed: questions" in line
            for line in lines
        )
        == 2
    )
    pairs = comparison.pairs("em").frame()
    first = pairs.iloc[0]
    assert lines[2].split()[:2] == [first["better"], first["worse"]]
    assert f"{first['difference']:+.3f} [" in lines[2]
    assert f"{first['detectable']:.3f}" in lines[2].split()
    assert len(lines) == 2 * (2 + 6) + 1


def test_overlap_and_agreement() -> None:
    comparison = synthetic_comparison(30, 3)
    overlap = comparison.overlap()
    lines = overlap_lines(comparison)
    assert lines[0] == str(overlap)
    name = next(iter(comparison.pipelines))
    assert lines[2].split() == [
        name,
        f"{overlap.frame().loc[name, 'em']:.3f}",
        str(len(overlap.only(name))),
        str(overlap.frame().loc[name, "all but this"]),
    ]
    assert lines[6].split()[:2] == ["agreement", "(kappa)"] and "1.00" in lines[7]
