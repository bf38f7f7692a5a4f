"""A corpus of a few passages with mined candidates, and a model that trains in a second."""

from __future__ import annotations

import pytest

from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.types import Hit, Passage, Question


@pytest.fixture
def data() -> TrainingData:
    """Six questions about colours; each has its own passage ``p0`` … ``p5``."""
    colours = ["red", "green", "blue", "black", "white", "brown"]
    passages = {
        f"p{i}": Passage(f"p{i}", f"The house number {i} is painted {colour}.", f"House {i}")
        for i, colour in enumerate(colours)
    }
    passages["c0"] = Passage("c0", "A barn nearby is red as well.")
    train = [
        LabelledQuestion(Question(f"q{i}", f"which colour has house {i}", (colour,)), f"p{i}", "nq")
        for i, colour in enumerate(colours)
    ]
    candidates = {
        example.question.id: [
            Hit(pid, 1.0 - rank / 10)
            for rank, pid in enumerate(["c0", *sorted(passages.keys() - {"c0"})])
        ]
        for example in train
    }
    return TrainingData(passages, {"nq": train[:4]}, train[4:], candidates)
