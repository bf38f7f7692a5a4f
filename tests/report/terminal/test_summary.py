"""One row a pipeline, as many columns as fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.comparison.result import Comparison
from odqa.report.terminal.render import render, render_summary
from odqa.report.terminal.summary import summary_lines
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(30, 5)


def nine(comparison: Comparison) -> Comparison:
    """Nine pipelines with long names."""
    names = [f"{name}-{n}-sentence-cross-encoder" for name in comparison.pipelines for n in "ab"][
        :9
    ]
    sources = {name: name.split("-a-")[0].split("-b-")[0] for name in names}
    return replace(
        comparison,
        pipelines={
            name: replace(result, spec=replace(result.spec, name=name))
            for name in names
            for result in [comparison.pipelines[sources[name]]]
        },
        rows=tuple(
            replace(row, pipeline=name)
            for name in names
            for row in comparison.rows
            if row.pipeline == sources[name]
        ),
        baseline=names[0],
    )


@pytest.mark.parametrize("width", [80, 120])
def test_nine_pipelines_fit(comparison: Comparison, width: int) -> None:
    lines = summary_lines(nine(comparison), width=width)
    assert max(map(len, lines)) <= width
    head = lines[1]
    assert head.startswith("pipeline") and "EM" in head and "F1" in head
    assert len(lines[2:11]) == 9 and all("…" in line.split()[0] for line in lines[2:11])


def test_what_does_not_fit_is_named(comparison: Comparison) -> None:
    narrow = summary_lines(comparison, width=60)
    (left_out,) = [line for line in narrow if line.startswith("not shown: ")]
    assert "cost GFLOP" in left_out
    assert not any(line.startswith("not shown") for line in summary_lines(comparison))


def test_figures_stand_below_their_heads(comparison: Comparison) -> None:
    _, head, *rows = summary_lines(comparison, ["f1"], width=200)
    for line in rows[:5]:
        assert line[head.index("GFLOP") : head.index("GFLOP") + 5].strip()
    cell = comparison.summaries["bm25", "f1"]
    expected = f"{cell.mean:.3f} [{cell.interval.low:.3f}, {cell.interval.high:.3f}]"
    assert expected in rows[0]


def test_the_best_is_set_apart(comparison: Comparison) -> None:
    best = max(comparison.pipelines, key=lambda name: comparison.summaries[name, "em"].mean)
    lines = summary_lines(comparison, ["em"], bold=lambda text: f"<{text}>")
    (marked,) = [line for line in lines if "<" in line and ">" in line and "= " not in line]
    assert marked.startswith(best)


def test_texts_of_others_do_not_steer_the_terminal(comparison: Comparison) -> None:
    nasty = replace(
        comparison.pipelines["bm25"],
        spec=replace(comparison.pipelines["bm25"].spec, notices=("\x1b[31mred\nnext",)),
    )
    text = render_summary(replace(comparison, pipelines={**comparison.pipelines, "bm25": nasty}))
    assert "\x1b" not in text and "\\x1b[31mred next" in text


def test_all_of_it_has_tests_stages_and_specs(comparison: Comparison) -> None:
    text = render(comparison)
    for part in ("against bm25 (", "stages (", "specs, where they differ", "note: "):
        assert part in text


def test_a_single_pipeline_has_a_line_a_figure() -> None:
    comparison = synthetic_comparison(30, 1)
    lines = summary_lines(comparison)
    assert lines[0].split() == ["bm25"]
    cell = comparison.summaries["bm25", "ranked_mrr@10"]
    expected = f"{cell.mean:.3f} [{cell.interval.low:.3f}, {cell.interval.high:.3f}]"
    (line,) = [line for line in lines if line.startswith("ranked_mrr@10")]
    assert line.endswith(expected)
    assert any(line.startswith("offline s") for line in lines)
