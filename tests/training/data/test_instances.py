from __future__ import annotations

from collections import Counter

import pytest

from odqa.errors import DataError
from odqa.training.data.hard_negatives import filter_false_negatives
from odqa.training.data.instances import InstanceSchedule, make_instance, sampling_order
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import NegativePart
from odqa.types import Question


def test_a_passage_that_holds_an_accepted_answer_is_no_negative(
    data: TrainingData,
) -> None:
    labelled = data.train["nq"][0]
    negatives = filter_false_negatives(data, labelled, data.candidates["q0"])
    # p0 is the gold passage, c0 says "red" too.
    assert negatives == ["p1", "p2", "p3", "p4", "p5"]
    keeping_answers = filter_false_negatives(
        data, labelled, data.candidates["q0"], with_answers=True
    )
    assert set(keeping_answers) == {*negatives, "c0"}
    negatives = NegativePart(count=6, depth=7, with_answers=True)
    drawn = InstanceSchedule(data, {"nq": 1.0}, negatives, 20, seed=1)
    asked_items = [item for item in drawn if item.question.id == "q0"]
    assert asked_items
    assert all("c0" in [passage.id for passage in item.passages[1:]] for item in asked_items)


def test_gold_passages_of_other_questions_come_on_top(data: TrainingData) -> None:
    negatives = NegativePart(count=2, depth=7, others=1)
    schedule = InstanceSchedule(data, {"nq": 1.0}, negatives, 20, seed=1)
    for item in (schedule[i] for i in range(20)):
        ids = [passage.id for passage in item.passages]
        assert len(set(ids)) == 4
        other_gold_ids = {e.gold_id for e in data.train["nq"] if e.question.id != item.question.id}
        assert ids[3] in other_gold_ids


def test_too_few_questions_for_the_negatives_is_one_line(data: TrainingData) -> None:
    negatives = NegativePart(count=2, depth=7, others=3)
    schedule = InstanceSchedule(data, {"nq": 1.0}, negatives, 1, seed=1)
    with pytest.raises(DataError, match="too few questions to draw 5 negatives"):
        schedule[0]


def test_items_do_not_depend_on_what_was_drawn_before(data: TrainingData) -> None:
    def schedule() -> InstanceSchedule:
        return InstanceSchedule(data, {"nq": 1.0}, NegativePart(count=2, depth=7), 12, seed=5)

    first, second = schedule(), schedule()
    forwards = [first[i] for i in range(12)]
    backwards = [second[i] for i in reversed(range(12))]
    assert forwards == backwards[::-1]
    reseeded = InstanceSchedule(data, {"nq": 1.0}, NegativePart(count=2, depth=7), 12, seed=6)
    assert [reseeded[i] for i in range(12)] != forwards


def test_every_instance_starts_with_the_gold_passage_and_has_true_negatives(
    data: TrainingData,
) -> None:
    schedule = InstanceSchedule(data, {"nq": 1.0}, NegativePart(count=3, depth=7), 8, seed=1)
    gold = {row.question.id: row.gold_id for row in data.train["nq"]}
    for i in range(len(schedule)):
        item = schedule[i]
        ids = [passage.id for passage in item.passages]
        assert ids[0] == gold[item.question.id]
        assert len(set(ids)) == 4
        assert not (item.question.id == "q0" and "c0" in ids)


def test_missing_negatives_are_filled_with_other_gold_passages(data: TrainingData) -> None:
    data.candidates.clear()
    schedule = InstanceSchedule(data, {"nq": 1.0}, NegativePart(count=3, depth=7), 4, seed=1)
    for i in range(4):
        ids = [passage.id for passage in schedule[i].passages]
        assert sorted(ids) == ["p0", "p1", "p2", "p3"]


def test_a_gold_passage_without_title_takes_the_titles_of_its_negatives(
    data: TrainingData,
) -> None:
    bare = LabelledQuestion(Question("x", "which colour has the barn", ("red",)), "c0", "reading")
    assert all(not passage.title for passage in make_instance(data, bare, ["p1", "p2"], 9).passages)


def test_teacher_scores_come_with_an_instance_only_when_all_are_known(
    data: TrainingData,
) -> None:
    labelled = data.train["nq"][1]
    data.teacher_scores = {"q1": {"p1": 4.0, "p2": -1.0}}
    assert make_instance(data, labelled, ["p2"], 9).teacher_scores == (4.0, -1.0)
    assert make_instance(data, labelled, ["p3"], 9).teacher_scores == ()


def test_the_retrievers_scores_come_with_an_instance(data: TrainingData) -> None:
    labelled = data.train["nq"][1]
    # Candidates are c0 p0 p1 p2 … with 1.0, 0.9, 0.8, 0.7 …
    assert make_instance(data, labelled, ["p0", "p2"], 9).retriever_scores == pytest.approx(
        (0.8, 0.9, 0.7)
    )
    # Beyond the third, all have the score of the third.
    assert make_instance(data, labelled, ["p0", "p2"], 3).retriever_scores == pytest.approx(
        (0.8, 0.9, 0.8)
    )
    data.candidates.clear()
    assert make_instance(data, labelled, ["p0"], 3).retriever_scores == (0.0, 0.0)


def test_sources_are_drawn_by_weight_and_gone_through_in_rounds(
    data: TrainingData,
) -> None:
    more = [LabelledQuestion(Question(f"r{i}", "?", ("a",)), "p0", "reading") for i in range(5)]
    drawn = sampling_order(
        {"nq": data.train["nq"], "reading": more}, {"nq": 3, "reading": 1}, 4000, 2
    )
    counts = Counter(row.source for row in drawn)
    assert 0.70 < counts["nq"] / 4000 < 0.80
    by_question = Counter(e.question.id for e in drawn if e.source == "nq")
    assert max(by_question.values()) - min(by_question.values()) <= 1
