"""Several question sets in one comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.questions import QuestionSet, put_together
from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.report.terminal.sets import set_lines
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.testing.toys import QUESTIONS, toy_components, toy_dataset

with toy_components():
    SPEC = parse_pipeline(
        "{name: one, retriever: {type: overlap, k: 3}, reader: {type: first_word}}"
    )

#: Right answers of the first pipelines: of 20 questions of one set, then of 10 of another.
RIGHT = {"one": (16, 2), "two": (4, 9), "three": (4, 2)}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    whole = synthetic_comparison(30, 3)
    manifest = {
        **whole.manifest,
        "dataset": {**whole.manifest["dataset"], "sets": {"A": 20, "B": 10}},
    }
    rows = [
        MetricRow(name, question.id, "em", float(n < a if n < 20 else n - 20 < b))
        for name, (a, b) in zip(whole.pipelines, RIGHT.values(), strict=True)
        for n, question in enumerate(whole.questions)
    ]
    return replace(whole, rows=tuple(rows), manifest=manifest)


def test_means_by_set_and_their_average(comparison: Comparison) -> None:
    one, two, three = comparison.pipelines
    table = comparison.by_set()
    frame = table.frame().set_index(["pipeline", "set"])
    assert frame.loc[(one, "A"), "em"] == 16 / 20
    assert frame.loc[(one, "B"), "em"] == 2 / 10
    assert frame.loc[(one, "macro"), "em"] == pytest.approx((16 / 20 + 2 / 10) / 2)
    assert frame.loc[(two, "macro"), "em"] == pytest.approx((4 / 20 + 9 / 10) / 2)
    assert set(table.macro_p) == {one} and set(table.macro_p[one]) == {two, three}
    assert frame.loc[(three, "macro"), "low"] < table.macro[three][0]


def test_whether_the_order_holds(comparison: Comparison) -> None:
    one, two, _ = comparison.pipelines
    table = comparison.by_set()
    # A: one > two = three. B: two > one = three. Of three pairs one is opposed, two are tied once.
    assert table.rank_correlation["A", "B"] == pytest.approx(-1 / 2)
    assert set(table.reversals) == {(two, one, "B", "A")}
    text = "\n".join(set_lines(comparison))
    assert f"{two} is better than {one} on B and worse on A, both significantly" in text
    assert "A and B -0.50" in text and "macro average" in text


def test_a_single_set_has_none() -> None:
    assert set_lines(synthetic_comparison(3, 2)) == []
    with pytest.raises(RunError, match="has one question set"):
        synthetic_comparison(3, 2).by_set()


@pytest.mark.usefixtures("toys")
def test_from_data_to_run_folder_and_back(tmp_path: Path) -> None:
    sets = {"x": QuestionSet("x", QUESTIONS[:1]), "y": QuestionSet("y", QUESTIONS[1:])}
    data = replace(toy_dataset(), questions=put_together(sets))
    save(run_comparison([SPEC], data, Cache(enabled=False)), tmp_path / "run")
    again = Comparison.load(tmp_path / "run")
    ids = [question.id for question in QUESTIONS]
    assert dict(again.sets) == {"x": (ids[0],), "y": tuple(ids[1:])}
    assert again.by_set("em").values["one"]["y"] == (1.0, 0.0)
