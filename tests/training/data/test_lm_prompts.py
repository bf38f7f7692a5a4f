from __future__ import annotations

import random

import pytest

from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.lm_items import LmBlocks, tokenised
from odqa.training.data.lm_prompts import PromptedText, answer_in, answered, asked, cropped
from odqa.training.data.training_data import TrainingData
from odqa.training.model.whole_model import train_byte_tokenizer
from odqa.types import Passage, Question

LONG = Passage("p", " ".join(f"word{i}" for i in range(200)) + " the End, of it", "Title")


def test_prompts() -> None:
    passage = Passage("p", "Berlin is big.", "Berlin")
    assert answered("what", "x") == PromptedText("question: what\nanswer:", " x")
    assert answered("what", "x", [passage, passage]).prompt == (
        "context: Berlin Berlin is big.\ncontext: Berlin Berlin is big.\nquestion: what\nanswer:"
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


def test_blocks_are_full_and_the_same_again() -> None:
    passages = {f"p{i}": Passage(f"p{i}", f"Town {i} is in land {i}.", f"T{i}") for i in range(9)}
    rows = [
        LabelledQuestion(Question(f"q{i}", f"where is town {i}", (f"land {i}",)), f"p{i}", "nq")
        for i in range(9)
    ]
    tokenizer = train_byte_tokenizer((p.full_text for p in passages.values()), 300)
    blocks, again = (
        LmBlocks(
            TrainingData(passages, {"nq": rows}, []),
            tokenizer,
            length=20,
            tokens=128,
            shares=(1, 1, 1, 1),
            sources={"nq": 1.0},
            words=20,
            emphasis=3.0,
            seed=5,
        )
        for _ in range(2)
    )
    assert len(blocks) == 20
    for index in (7, 3, 19):
        block = blocks[index]
        assert block == again[index]
        assert len(block.ids) == len(block.weights) == 128
    texts = "".join(tokenizer.decode(blocks[i].ids) for i in range(20))
    for kind in ("context: T", "\nanswer: land", "based on this passage.where is"):
        assert kind in texts
    assert {w for i in range(20) for w in blocks[i].weights} == {1.0, 3.0}


def test_only_what_follows_a_prompt_counts_more() -> None:
    tokenizer = train_byte_tokenizer(["a b c"], 300)
    prompt, target = tokenised(tokenizer, PromptedText("a b", " c"))
    assert tokenizer.decode(prompt) == "a b"
    assert tokenizer.decode(target) == " c<|endoftext|>"
    assert tokenised(tokenizer, PromptedText("", "a"))[0] == []
