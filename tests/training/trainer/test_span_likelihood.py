"""Likelihoods of an extractive reader, against transformers and by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from odqa.cache import Cache
from odqa.encoders.task_model import TaskModel
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.testing.tiny_generators import tiny_generator
from odqa.training.trainer.span_likelihood import LOWEST, load_span_reader, span_scores
from odqa.types import Passage, Question

QUESTION = Question("q", "when did it open", ("1889", "march 1889"))
PASSAGES = [
    Passage("a", "The tower opened in march 1889, and in 1889 alone many came.", "Tower"),
    Passage("b", "The tower is tall.", "1889"),  # only its title has the answer
    Passage("c", "It opened in 1889.", "Tower"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "reader"
    return tiny_bert(folder, "BertForQuestionAnswering", spread=0.5)


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TaskModel:
    return load_span_reader(str(folder), Cache(tmp_path_factory.mktemp("cache")))


def test_they_are_those_of_transformers(model: TaskModel, folder: Path) -> None:
    """By words: every span of text tokens and [CLS] is enumerated, and compared as text."""
    network = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = []
    for passage in PASSAGES:
        title = len(passage.title) + 1
        context = f"{passage.title} {passage.text}"
        encoded = tokenizer(
            QUESTION.text, context, return_tensors="pt", return_offsets_mapping=True
        )
        offsets = encoded.pop("offset_mapping")[0].tolist()
        of_context = [part == 1 for part in encoded.sequence_ids(0)]
        with torch.no_grad():
            output = network(**encoded)
        start, end = (x[0].double() for x in (output.start_logits, output.end_logits))
        places = [0, *(i for i, o in enumerate(offsets) if of_context[i] and o[0] >= title)]
        first, last = start[places].softmax(0), end[places].softmax(0)
        total = sum(
            float(first[i] * last[j])
            for i, a in enumerate(places)
            for j, b in enumerate(places)
            if a and b and context[offsets[a][0] : offsets[b][1]].lower() in QUESTION.answers
        )
        expected.append(max(LOWEST, float(torch.tensor(total).double().log())))
    found = span_scores(model, QUESTION, PASSAGES)
    assert found == pytest.approx(expected, abs=1e-4)
    assert found[0] > LOWEST < found[2]
    assert found[1] == LOWEST


def with_logits(model: TaskModel, start: Any, end: Any) -> TaskModel:
    """The model with logits of ours, a function of the token's place."""

    def forward(features: Any) -> Any:
        longest = max(len(one["input_ids"]) for one in features)
        rows = [
            torch.tensor([[float(side(i)) for i in range(longest)] for _ in features])
            for side in (start, end)
        ]
        return SimpleNamespace(start_logits=rows[0], end_logits=rows[1])

    return cast(TaskModel, SimpleNamespace(tokenizer=model.tokenizer, forward=forward))


def test_all_equal_logits_by_hand(model: TaskModel) -> None:
    """n tokens and [CLS] for start and for end: each span has 1 / (n + 1)^2."""
    flat = with_logits(model, lambda i: 0.0, lambda i: 0.0)
    text = "opened in 1889 or in 1889"
    tokens = len(model.tokenizer(text, add_special_tokens=False)["input_ids"])
    question = Question("q", "when", ("1889",))
    (score,) = span_scores(flat, question, [Passage("a", text, "")])
    assert score == pytest.approx(float(torch.tensor(2 / (tokens + 1) ** 2).log()), abs=1e-5)


def test_a_long_passage_counts_by_its_likeliest_window(model: TaskModel) -> None:
    short = Passage("s", "it opened in 1889", "")
    long = Passage("l", f"{short.text} {'and it is tall ' * 300}", "")
    question = Question("q", "when", ("1889",))
    flat = with_logits(model, lambda i: 0.0, lambda i: 0.0)
    low, high = span_scores(flat, question, [long, short])
    assert LOWEST < low < high


@pytest.mark.parametrize("slope", [0.02, -0.02])
def test_the_likeliest_window_may_be_the_first_or_the_last(model: TaskModel, slope: float) -> None:
    """One answer stands in the first, the other in the last: where the logits rise decides."""
    passage = Passage("p", f"in 1889 {'and it is tall ' * 120} in 1911", "")
    rising = with_logits(model, lambda i: slope * i, lambda i: slope * i)

    def score(*answers: str) -> float:
        return span_scores(rising, Question("q", "when", answers), [passage])[0]

    first, last = score("1889"), score("1911")
    assert (last > first) == (slope > 0)
    assert score("1889", "1911") == pytest.approx(max(first, last), abs=1e-5)


def test_scores_that_are_no_numbers_stay(model: TaskModel) -> None:
    broken = with_logits(model, lambda i: float("nan"), lambda i: 0.0)
    scores = span_scores(broken, QUESTION, PASSAGES)
    assert [score != score for score in scores] == [True, False, True]


def test_another_kind_of_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = tiny_generator(tmp_path / "t5", "t5", seed=1, spread=1.0)
    with pytest.raises(CheckpointError):
        load_span_reader(str(folder), Cache(tmp_path / "cache"))
