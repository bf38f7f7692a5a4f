from __future__ import annotations

import random

import pytest

from odqa.training.data.lm_prompts import PromptedText, answer_in, answered, asked, cropped
from odqa.types import Passage, Question

LONG = Passage("p", " ".join(f"word{i}" for i in range(200)) + " the End, of it", "Title")


def test_prompts() -> None:
    passage = Passage("p", "Berlin is big.", "Berlin")
    assert answered("what", "x") == PromptedText("question: what\nanswer:", "x")
    assert answered("what", "x", [passage, passage]).prompt == (
        "question: what\ncontext: Berlin Berlin is big.\ncontext: Berlin Berlin is big.\nanswer:"
    )
    assert asked("what", passage) == PromptedText(
        "Passage: Berlin Berlin is big.. Please write a question based on this passage.", "what"
    )


@pytest.mark.parametrize("answer", ["word0", "word100", "word199", "End", "word17 word18"])
def test_a_cropped_passage_keeps_its_answer(answer: str) -> None:
    starts = set()
    for seed in range(30):
        short = cropped(LONG, answer, 20, random.Random(seed))
        assert len(short.text.split()) == 20
        assert short.text in LONG.text
        assert answer in short.text
        starts.add(short.text.index(answer))
    assert len(starts) > 3 or answer in ("word0", "End")


def test_a_short_passage_stays() -> None:
    passage = Passage("p", "a b c")
    assert cropped(passage, "b", 3, random.Random(0)) is passage


def test_the_answer_is_spelled_as_in_the_passage() -> None:
    passage = Passage("p", "It was Tbilisi, in 2017.")
    assert answer_in(passage, Question("q", "?", ("Georgia", "tbilisi"))) == "Tbilisi"
    assert answer_in(passage, Question("q", "?", ("Georgia",))) == "Georgia"
