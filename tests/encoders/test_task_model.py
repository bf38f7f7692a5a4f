"""Inputs of models with a task head: where they are padded, and what of them the model takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from odqa.cache import Cache
from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert

LONG, SHORT = ("who built the bridge", "a king of the old city"), ("who", "king")


def reader(folder: Path, **tokenizer: Any) -> TaskModel:
    """A reader whose tokenizer has these settings."""
    tiny_bert(folder, "BertForQuestionAnswering")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **tokenizer}))
    return load_task_model(
        "AutoModelForQuestionAnswering",
        str(folder),
        Cache(enabled=False),
        max_length=48,
        device="cpu",
        precision="auto",
    )


def test_padding_is_on_the_right_whatever_the_tokenizer_says(tmp_path: Path) -> None:
    """Answers are looked up by the place of a token, and BERT's positions count from the left."""
    model = reader(tmp_path / "bert", padding_side="left")
    features = [dict(model.tokenizer(*pair)) for pair in (LONG, SHORT)]
    together = model.forward(features).start_logits[1]
    alone = model.forward(features[1:]).start_logits[0]
    torch.testing.assert_close(together[: len(alone)], alone, atol=1e-5, rtol=0)


def test_inputs_that_the_model_does_not_take_are_left_out(tmp_path: Path) -> None:
    names = ["input_ids", "token_type_ids", "attention_mask", "special_tokens_mask"]
    model = reader(tmp_path / "bert", model_input_names=names)
    features = [dict(model.tokenizer(*SHORT))]
    assert model.forward(features).start_logits.shape[0] == 1


def test_a_tokenizer_without_padding_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no padding token"):
        reader(tmp_path / "bert", pad_token=None)


def test_outputs_have_names_whatever_the_configuration_says(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "bert", "BertForQuestionAnswering", return_dict=False)
    assert json.loads((folder / "config.json").read_text("utf-8"))["return_dict"] is False
    model = reader(folder)
    assert model.forward([dict(model.tokenizer(*SHORT))]).start_logits.shape[0] == 1
