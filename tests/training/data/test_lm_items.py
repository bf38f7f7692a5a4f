from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.causal import prompt_tokenizer
from odqa.training.data.instances import InstanceSchedule
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.lm_items import LmItem, LmTexts, lm_batch, tokenised
from odqa.training.data.lm_prompts import PromptedText
from odqa.training.data.reader_instances import ReaderSchedule
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import NegativePart
from odqa.types import Passage, Question


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return prompt_tokenizer(base_model_dir())


def texts(tokenizer: Any, tokens: int) -> LmTexts:
    passages = {f"p{i}": Passage(f"p{i}", f"Town {i} is in land {i}.", f"T{i}") for i in range(9)}
    rows = [
        LabelledQuestion(Question(f"q{i}", f"where is town {i}", (f"land {i}",)), f"p{i}", "nq")
        for i in range(9)
    ]
    data = TrainingData(passages, {"nq": rows}, [])
    instances = InstanceSchedule(data, {"nq": 1.0}, NegativePart(count=2), 40, seed=5)
    return LmTexts(
        ReaderSchedule(instances, 0.0, 1.0, 5),
        list(passages.values()),
        tokenizer,
        tokens=tokens,
        shares=(1, 1, 1, 1),
        words=20,
        seed=5,
    )


def test_every_kind_is_drawn_and_drawn_again(tokenizer: Any) -> None:
    first, again = texts(tokenizer, 128), texts(tokenizer, 128)
    assert len(first) == 40
    kinds: Counter[str] = Counter()
    for index in range(40):
        item = first[index]
        assert item == again[index]
        assert item.target[-1] == tokenizer.eos_token_id
        prompt = tokenizer.decode(item.prompt, skip_special_tokens=True)
        kinds[f"{prompt.partition(' ')[0]} {prompt.count('context :')}"] += 1
        if prompt.count("context :"):
            # The token of the end is copied from the beginning, others from the gold passage.
            assert item.sources[-1] == [0]
            copied = [{item.prompt[at] for at in places} for places in item.sources[:-1]]
            assert copied == [{token} for token in item.target[:-1]]
    assert set(kinds) == {" 0", "question 3", "question 0", "passage 0"}


def test_negatives_give_way_where_there_is_no_room(tokenizer: Any) -> None:
    short = texts(tokenizer, 36)
    for index in range(40):
        item = short[index]
        assert item.length <= 36
        prompt = tokenizer.decode(item.prompt)
        assert "context" not in prompt or item.sources[-1] == [0]


def test_a_text_and_its_end(tokenizer: Any) -> None:
    item = tokenised(tokenizer, PromptedText("a b c a b", "a b"))
    assert tokenizer.decode(item.prompt) == "[CLS] a b c a b"
    assert tokenizer.decode(item.target) == "a b [SEP]"
    assert item.sources == [[1, 4], [2, 5], [0]]
    assert tokenised(tokenizer, PromptedText("x", "a")).sources == [[], []]


def test_a_batch_by_hand() -> None:
    items = [LmItem([1, 5, 6], [5, 2], [[1], [0]]), LmItem([1], [7, 2], [[], []])]
    batch = lm_batch(items, 0)
    assert batch["ids"].tolist() == [[1, 5, 6, 5, 2], [1, 7, 2, 0, 0]]
    assert batch["mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch["weights"].tolist() == [[0, 0, 0.5, 0.5], [0.5, 0.5, 0, 0]]
    assert torch.nonzero(batch["sources"]).tolist() == [[0, 2, 1], [0, 3, 0]]
