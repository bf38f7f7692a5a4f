"""Several baselines: every other pipeline against each, two baselines against each other once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.merge import merge
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.mcnemar import mcnemar_mid_p
from odqa.report.page import render_page
from odqa.report.terminal.lines import paired_lines
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.testing.toys import toy_components, toy_dataset
from odqa.tracking.payload import comparison_payload
from odqa.tracking.values import pipeline_metrics

#: Questions that each has right, the first ones.
RIGHT = (20, 28, 30, 10)


def several(*baselines: int, right: tuple[int, ...] = RIGHT) -> Comparison:
    """Four pipelines over 40 questions; the baselines by their numbers."""
    whole = synthetic_comparison(40, 4)
    names = list(whole.pipelines)
    rows = tuple(
        MetricRow(name, question.id, "em", float(position < n))
        for name, n in zip(names, right, strict=True)
        for position, question in enumerate(whole.questions)
    )
    settings = {"baselines": [names[n] for n in baselines]}
    manifest = {**whole.manifest, "settings": settings}
    return replace(whole, rows=rows, baseline=names[baselines[0]], manifest=manifest)


def test_every_pipeline_against_each_baseline() -> None:
    comparison = several(0, 1)
    a, b, c, d = comparison.pipelines
    assert comparison.baselines == (a, b)
    frame = comparison.tests()
    assert list(zip(frame["baseline"], frame["pipeline"], strict=True)) == [
        *((a, b), (a, c), (a, d)),
        *((b, c), (b, d)),
    ]
    # Nested sets of right questions: the differences are 8, 10, 10, 2 and 18 questions. Holm over
    # all five: the smallest p five times.
    raw = [mcnemar_mid_p(*each) for each in ((8, 0), (10, 0), (0, 10), (2, 0), (0, 18))]
    assert list(frame["p"]) == pytest.approx(raw)
    assert frame["p (Holm)"].iloc[4] == pytest.approx(5 * raw[4])
    assert frame["p (Holm)"].iloc[3] == pytest.approx(raw[3])


def test_the_table_has_a_column_a_baseline() -> None:
    comparison = several(0, 1)
    a, b, c, _ = comparison.pipelines
    table = comparison.table()
    assert table.loc[a, f"p(em, {a})"] == table.loc[b, f"p(em, {b})"] == "baseline"
    assert table.loc[b, f"p(em, {a})"] == table.loc[a, f"p(em, {b})"] != "baseline"
    tests = comparison.tests().set_index(["baseline", "pipeline"])
    assert table.loc[c, f"p(em, {b})"] == f"{tests.loc[(b, c), 'p (Holm)']:.3g}"
    alone = several(0).table()
    assert "p(em)" in alone.columns


def test_the_verdict_names_each_baseline() -> None:
    comparison = several(0, 1)
    a, b, c, _ = comparison.pipelines
    verdict = comparison.verdict("em")
    assert verdict.startswith(
        f"{c} has the highest em, 0.750, against 0.500 of the baseline {a}: difference +0.250 ["
    )
    assert f"; against 0.700 of the baseline {b}: difference +0.050 [" in verdict
    assert verdict.endswith(", which may be chance, on 40 questions.")


def test_a_baseline_that_is_the_best() -> None:
    # The second baseline, then the first.
    comparison = several(0, 2)
    a, b, c, _ = comparison.pipelines
    assert comparison.verdict("em").startswith(
        f"{c} has the highest em, 0.750, against 0.500 of the baseline {a}: difference +0.250 ["
    )
    first = several(2, 0).verdict("em")
    assert first.startswith(f"{c} has the highest em, 0.750; next is {b} with 0.700: difference -")


def test_ties_for_the_best() -> None:
    comparison = several(0, 3, right=(20, 30, 30, 10))
    a, b, c, d = comparison.pipelines
    verdict = comparison.verdict("em")
    assert verdict.startswith(
        f"{b} and {c} share the highest em, 0.750, against 0.500 of the baseline {a}: difference "
        "+0.250 ["
    )
    # d was a candidate against a only; against d it is the others that are tested.
    assert f"; against 0.250 of the baseline {d}: difference +0.500 [+" in verdict
    assert (
        several(1, 0, right=(20, 30, 30, 10))
        .verdict("em")
        .startswith(f"{b} and {c} have the same em, 0.750")
    )


def test_terminal_report_and_mlflow(tmp_path: Path) -> None:
    comparison = several(0, 1)
    a, b, c, d = comparison.pipelines
    lines = paired_lines(comparison)
    titles = [line for line in lines if line.startswith("against ")]
    assert [title.split()[1] for title in titles] == [a, b]
    page = render_page(comparison)
    assert f"Paired tests against the baselines {a}, {b}" in page
    assert f"Questions fixed and broken against the baselines {a}, {b}" in page or (
        "Questions fixed" not in page
    )
    metrics = pipeline_metrics(comparison, c)
    assert metrics[f"test/em vs {a}_difference"] == pytest.approx(0.25)
    assert metrics[f"test/em vs {b}_difference"] == pytest.approx(0.05)
    assert "test/em_difference" in pipeline_metrics(several(0), d)
    save(comparison, tmp_path / "run")
    payload = comparison_payload(comparison, tmp_path / "run", "sqlite:///x", "x", 0)
    assert payload.parent.params["baseline"] == f"{a}, {b}"


def test_run_folders_and_merges_keep_them(tmp_path: Path) -> None:
    comparison = several(0, 1)
    a, b, c, _ = comparison.pipelines
    save(comparison, tmp_path / "run")
    again = Comparison.load(tmp_path / "run")
    assert again.baselines == (a, b)
    assert merge([again]).baselines == (a, b)
    assert merge([again], [b, c]).baselines == (b, c)
    assert merge([again], b).baselines == (b,)
    with pytest.raises(RunError, match=f"baseline: '{b}' is named twice"):
        merge([again], [b, b])


with toy_components():
    SPECS: list[PipelineSpec] = [
        parse_pipeline(
            f"{{name: k{k}, retriever: {{type: overlap, k: {k}}}, reader: {{type: first_word}}}}"
        )
        for k in (1, 2, 3)
    ]


@pytest.mark.usefixtures("toys")
def test_of_a_run() -> None:
    def run(baseline: str | list[str] | None) -> Comparison:
        return run_comparison(SPECS, toy_dataset(), Cache(enabled=False), baseline=baseline)

    found = run(["k2", "k3"])
    assert (found.baseline, found.baselines) == ("k2", ("k2", "k3"))
    assert found.manifest["settings"]["baselines"] == ["k2", "k3"]
    assert set(found.tests()["baseline"]) == {"k2", "k3"}
    for one in ("k2", ["k2"]):
        assert run(one).baselines == ("k2",)
        assert "baselines" not in run(one).manifest["settings"]
    assert run(None).baselines == ("k1",)
    with pytest.raises(RunError, match="baseline: no pipeline 'k4'; known: k1, k2, k3"):
        run(["k2", "k4"])
