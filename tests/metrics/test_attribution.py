from __future__ import annotations

import pytest

from odqa.errors import RunError
from odqa.metrics.attribution import (
    Difference,
    differences,
    loss_table,
    lost_by,
    outcomes,
)
from odqa.metrics.rows import MetricRow

# (em, an answer was retrieved, an answer was left after ranking) per question.
BASELINE = {"a": (0, 0, 0), "b": (0, 1, 0), "c": (0, 1, 1), "d": (1, 1, 1), "e": (1, 0, 0)}
CANDIDATE = {"a": (1, 1, 1), "b": (0, 1, 1), "c": (1, 1, 1), "d": (0, 1, 0), "e": (1, 1, 1)}


def rows() -> list[MetricRow]:
    names = ("em", "retrieved_oracle", "ranked_oracle")
    return [
        MetricRow(pipeline, question, name, float(value))
        for pipeline, table in (("old", BASELINE), ("new", CANDIDATE))
        for question, values in table.items()
        for name, value in zip(names, values, strict=True)
    ]


def test_outcomes() -> None:
    assert outcomes(rows())["old"] == {
        "a": "retriever miss",
        "b": "ranker drop",
        "c": "reader miss",
        "d": "answered",
        "e": "answered",
    }


def test_loss_table_sums_to_all_questions() -> None:
    table = loss_table(rows())
    assert table["new"] == {"retriever miss": 0, "ranker drop": 1, "reader miss": 1, "answered": 3}
    assert sum(table["old"].values()) == len(BASELINE)


def test_differences_name_the_stage_that_lost_the_question() -> None:
    question_differences = differences(rows(), "old", "new")
    assert question_differences == [
        Difference("a", "fixed", "retriever", "retriever miss", "answered"),
        Difference("b", "both wrong", "reader", "ranker drop", "reader miss"),
        Difference("c", "fixed", "reader", "reader miss", "answered"),
        Difference("d", "broken", "ranker", "answered", "ranker drop"),
        Difference("e", "both right", "", "answered", "answered"),
    ]


def test_incomplete_questions_are_left_out_and_strange_pipelines_refused() -> None:
    partial = [MetricRow("old", "z", "em", 1.0), *rows()]
    assert "z" not in outcomes(partial)["old"]
    with pytest.raises(RunError, match="'retriever-only'"):
        differences(rows(), "old", "retriever-only")


#: Two retrievers, one with a ranker behind it, fused and ranked.
INPUTS = {"a": (), "b": (), "ranked": ("a",), "both": ("ranked", "b"), "last": ("both",)}


@pytest.mark.parametrize(
    ("held", "stages"),
    [
        ("a ranked b both last", ()),
        ("last", ()),
        ("a ranked b both", ("last",)),
        ("b both", ("last",)),
        ("a ranked b", ("both",)),
        ("ranked", ("both",)),
        ("b", ("both",)),
        ("a", ("ranked", "b")),
        ("", ("a", "b")),
    ],
)
def test_lost_by_the_last_that_got_it_and_gave_none(held: str, stages: tuple[str, ...]) -> None:
    assert lost_by(dict.fromkeys(held.split(), 1.0), INPUTS, "last") == stages


def test_a_stage_that_feeds_two_is_named_once() -> None:
    inputs = {"a": (), "x": ("a",), "y": ("a",), "last": ("x", "y")}
    assert lost_by({}, inputs, "last") == ("a",)
    assert lost_by({"a": 1.0}, inputs, "last") == ("x", "y")


def test_a_reader_alone_is_what_loses() -> None:
    alone = [MetricRow("alone", question, "em", em) for question, em in (("a", 0.0), ("b", 1.0))]
    assert outcomes([*rows(), *alone])["alone"] == {"a": "reader miss", "b": "answered"}
    found = differences([*rows(), *alone], "alone", "new")
    assert [(each.question_id, each.change, each.stage) for each in found] == [
        ("a", "fixed", "reader"),
        ("b", "broken", "reader"),
    ]
