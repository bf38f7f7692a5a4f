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
    assert "A and B -0.50 [" in text and "macro average" in text
    assert table.conclusion() == (
        f"The order changes between sets: {two} is better than {one} on B and worse on A, both "
        "significantly."
    )
    assert text.endswith(table.conclusion())


def test_how_sure_the_first_place_is(comparison: Comparison) -> None:
    one, two, three = comparison.pipelines
    table = comparison.by_set()
    for shares in table.first.values():
        assert sum(shares.values()) == pytest.approx(1)
    # 16 of 20 against 4 of 20; 9 of 10 against 2 of 10.
    assert table.first["A"][one] > 0.99 and table.first["B"][two] > 0.99
    assert table.best == {"A": (one,), "B": (two,)}
    low, high = table.rank_intervals["A", "B"]
    assert -1 <= low - 1e-9 <= table.rank_correlation["A", "B"] <= high + 1e-9 <= 1 + 2e-9
    frame = table.frame().set_index(["pipeline", "set"])
    assert frame.loc[(one, "A"), "first"] == table.first["A"][one]
    assert frame.loc[(three, "macro"), "first"] == table.first["macro"][three]
    assert f"first in resamples: A {one} 1.00; B {two} 1.00; macro average " in "\n".join(
        set_lines(comparison)
    )


def changed(comparison: Comparison, right: dict[str, tuple[int, int]]) -> Comparison:
    """The same with other numbers of right answers by set."""
    rows = [
        MetricRow(name, question.id, "em", float(n < a if n < 20 else n - 20 < b))
        for name, (a, b) in zip(comparison.pipelines, right.values(), strict=True)
        for n, question in enumerate(comparison.questions)
    ]
    return replace(comparison, rows=tuple(rows))


def test_what_follows_for_the_order(comparison: Comparison) -> None:
    one, two, _ = comparison.pipelines
    same = changed(comparison, {"a": (16, 9), "b": (8, 4), "c": (4, 2)}).by_set()
    assert same.rank_correlation["A", "B"] == 1
    assert same.conclusion().startswith(f"{one} is the best on every set (first in ")
    assert same.conclusion().endswith("and no two pipelines change places significantly.")
    unsure = changed(comparison, {"a": (9, 5), "b": (8, 6), "c": (8, 4)}).by_set()
    assert unsure.conclusion() == (
        f"The best differs between sets ({one} on A, {two} on B), but no two pipelines change "
        "places significantly."
    )
    tied = changed(comparison, {"a": (9, 5), "b": (9, 6), "c": (8, 4)}).by_set()
    assert tied.best["A"] == (one, two)
    assert tied.conclusion().startswith(f"{two} is the best on every set")
    shared = changed(comparison, {"a": (9, 6), "b": (9, 6), "c": (8, 4)}).by_set()
    assert shared.conclusion().startswith(f"{one} and {two} share the best mean on every set, and")
    nothing = changed(comparison, {"a": (9, 5), "b": (9, 6), "c": (9, 4)}).by_set()
    assert nothing.rank_correlation["A", "B"] != nothing.rank_correlation["A", "B"]  # NaN


def test_mlflow_gets_sets_and_orders(comparison: Comparison) -> None:
    from odqa.tracking.sets import rank_metrics, set_metrics, set_tags

    one, *_ = comparison.pipelines
    metrics = set_metrics(comparison, one)
    assert metrics["set/A/em"] == 16 / 20
    assert metrics["set/macro/em"] == pytest.approx(0.5)
    assert metrics["set/A/em_first"] > 0.99
    assert rank_metrics(comparison) == {"tau/em/A vs B": pytest.approx(-0.5)}
    assert set_tags(comparison)["odqa.sets.em"] == comparison.by_set().conclusion()
    plain = synthetic_comparison(3, 2)
    assert set_metrics(plain, next(iter(plain.pipelines))) == set_tags(plain) == {}


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
