from __future__ import annotations

from odqa.training.data.hard_negatives import filter_false_negatives
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.types import Hit, Question


def test_gold_passages_answers_and_unknown_passages_are_left_out(data: TrainingData) -> None:
    labelled = data.train["nq"][0]
    hits = [*data.candidates["q0"], Hit("elsewhere", 0.0)]
    # p0 is the gold passage, c0 says "red" too.
    assert filter_false_negatives(data, labelled, hits) == ["p1", "p2", "p3", "p4", "p5"]
    negatives = filter_false_negatives(data, labelled, hits, with_answers=True)
    assert negatives == ["c0", "p1", "p2", "p3", "p4", "p5"]


def test_an_answer_in_the_title_counts_too(data: TrainingData) -> None:
    labelled = LabelledQuestion(Question("q", "which house is green", ("House 1",)), "p9", "nq")
    negatives = filter_false_negatives(data, labelled, data.candidates["q0"])
    assert "p1" not in negatives
    assert "p2" in negatives


def test_what_is_gold_for_the_same_question_elsewhere_is_no_negative(
    data: TrainingData,
) -> None:
    labelled = data.train["nq"][0]
    again = Question("s0", labelled.question.text.upper() + "?", ("violet",))
    twice = TrainingData(
        data.passages,
        {**data.train, "swap": [LabelledQuestion(again, "p2", "swap")]},
        data.validation,
        data.candidates,
    )
    assert filter_false_negatives(twice, labelled, data.candidates["q0"]) == [
        "p1",
        "p3",
        "p4",
        "p5",
    ]
