from __future__ import annotations

from collections import Counter

import pytest

from odqa.errors import DataError
from odqa.training.data.instances import GroupSchedule, group, plan, true_negatives
from odqa.training.data.training_data import Example, Examples
from odqa.training.recipes import NegativePart
from odqa.types import Question


def test_a_passage_that_holds_an_accepted_answer_is_no_negative(examples: Examples) -> None:
    asked = examples.train["nq"][0]
    found = true_negatives(examples, asked, examples.candidates["q0"])
    # p0 is the gold passage, c0 says "red" too.
    assert found == ["p1", "p2", "p3", "p4", "p5"]
    every = true_negatives(examples, asked, examples.candidates["q0"], with_answers=True)
    assert set(every) == {*found, "c0"}
    negatives = NegativePart(count=6, depth=7, with_answers=True)
    drawn = GroupSchedule(examples, {"nq": 1.0}, negatives, 20, seed=1)
    asked_items = [item for item in drawn if item.question.id == "q0"]
    assert asked_items
    assert all("c0" in [passage.id for passage in item.passages[1:]] for item in asked_items)


def test_gold_passages_of_other_questions_come_on_top(examples: Examples) -> None:
    negatives = NegativePart(count=2, depth=7, others=1)
    schedule = GroupSchedule(examples, {"nq": 1.0}, negatives, 20, seed=1)
    for item in (schedule[i] for i in range(20)):
        ids = [passage.id for passage in item.passages]
        assert len(set(ids)) == 4
        others = {e.gold for e in examples.train["nq"] if e.question.id != item.question.id}
        assert ids[3] in others


def test_too_few_questions_for_the_negatives_is_one_line(examples: Examples) -> None:
    negatives = NegativePart(count=2, depth=7, others=3)
    schedule = GroupSchedule(examples, {"nq": 1.0}, negatives, 1, seed=1)
    with pytest.raises(DataError, match="too few questions to draw 5 negatives"):
        schedule[0]


def test_an_answer_in_the_title_counts_too(examples: Examples) -> None:
    asked = Example(Question("q", "which house is green", ("House 1",)), "p9", "nq")
    found = true_negatives(examples, asked, examples.candidates["q0"])
    assert "p1" not in found
    assert "p2" in found


def test_what_is_gold_for_the_same_question_elsewhere_is_no_negative(examples: Examples) -> None:
    asked = examples.train["nq"][0]
    again = Question("s0", asked.question.text.upper() + "?", ("violet",))
    twice = Examples(
        examples.passages,
        {**examples.train, "swap": [Example(again, "p2", "swap")]},
        examples.held_out,
        examples.candidates,
    )
    assert true_negatives(twice, asked, examples.candidates["q0"]) == ["p1", "p3", "p4", "p5"]


def test_items_do_not_depend_on_what_was_drawn_before(examples: Examples) -> None:
    def schedule() -> GroupSchedule:
        return GroupSchedule(examples, {"nq": 1.0}, NegativePart(count=2, depth=7), 12, seed=5)

    one, two = schedule(), schedule()
    forwards = [one[i] for i in range(12)]
    backwards = [two[i] for i in reversed(range(12))]
    assert forwards == backwards[::-1]
    other = GroupSchedule(examples, {"nq": 1.0}, NegativePart(count=2, depth=7), 12, seed=6)
    assert [other[i] for i in range(12)] != forwards


def test_every_group_starts_with_the_gold_passage_and_has_true_negatives(
    examples: Examples,
) -> None:
    schedule = GroupSchedule(examples, {"nq": 1.0}, NegativePart(count=3, depth=7), 8, seed=1)
    gold = {example.question.id: example.gold for example in examples.train["nq"]}
    for i in range(len(schedule)):
        item = schedule[i]
        ids = [passage.id for passage in item.passages]
        assert ids[0] == gold[item.question.id]
        assert len(set(ids)) == 4
        assert not (item.question.id == "q0" and "c0" in ids)


def test_missing_negatives_are_filled_with_other_gold_passages(examples: Examples) -> None:
    examples.candidates.clear()
    schedule = GroupSchedule(examples, {"nq": 1.0}, NegativePart(count=3, depth=7), 4, seed=1)
    for i in range(4):
        ids = [passage.id for passage in schedule[i].passages]
        assert sorted(ids) == ["p0", "p1", "p2", "p3"]


def test_a_gold_passage_without_title_takes_the_titles_of_its_negatives(
    examples: Examples,
) -> None:
    bare = Example(Question("x", "which colour has the barn", ("red",)), "c0", "reading")
    assert all(not passage.title for passage in group(examples, bare, ["p1", "p2"], 9).passages)


def test_teacher_scores_come_with_a_group_only_when_all_are_known(examples: Examples) -> None:
    asked = examples.train["nq"][1]
    examples.teacher = {"q1": {"p1": 4.0, "p2": -1.0}}
    assert group(examples, asked, ["p2"], 9).teacher == (4.0, -1.0)
    assert group(examples, asked, ["p3"], 9).teacher == ()


def test_the_retrievers_scores_come_with_a_group(examples: Examples) -> None:
    asked = examples.train["nq"][1]
    # Candidates are c0 p0 p1 p2 … with 1.0, 0.9, 0.8, 0.7 …
    assert group(examples, asked, ["p0", "p2"], 9).came == pytest.approx((0.8, 0.9, 0.7))
    # Beyond the third, all have the score of the third.
    assert group(examples, asked, ["p0", "p2"], 3).came == pytest.approx((0.8, 0.9, 0.8))
    examples.candidates.clear()
    assert group(examples, asked, ["p0"], 3).came == (0.0, 0.0)


def test_sources_are_drawn_by_weight_and_gone_through_in_rounds(examples: Examples) -> None:
    more = [Example(Question(f"r{i}", "?", ("a",)), "p0", "reading") for i in range(5)]
    drawn = plan({"nq": examples.train["nq"], "reading": more}, {"nq": 3, "reading": 1}, 4000, 2)
    counts = Counter(example.source for example in drawn)
    assert 0.70 < counts["nq"] / 4000 < 0.80
    by_question = Counter(e.question.id for e in drawn if e.source == "nq")
    assert max(by_question.values()) - min(by_question.values()) <= 1
