from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("BertForQuestionAnswering", "an extractive reader"),
        ("BertForSequenceClassification", "a classifier or cross-encoder"),
    ],
)
def test_a_head_for_another_task_is_named(tmp_path: Path, head: str, kind: str) -> None:
    folder = tiny_bert(tmp_path / "bert", head)
    with pytest.raises(CheckpointError, match=f"is {kind}.*not a text encoder; name a sentence"):
        TextEncoder(str(folder)).load()


def test_colbert_is_not_a_sentence_encoder(tmp_path: Path) -> None:
    folder = tiny_colbert(tmp_path / "colbert")
    with pytest.raises(CheckpointError, match="is a ColBERT checkpoint"):
        TextEncoder(str(folder)).load()
    # Its projection gives it away also without colbert-ai's own file.
    (folder / "artifact.metadata").unlink()
    with pytest.raises(CheckpointError, match="is a ColBERT checkpoint"):
        TextEncoder(str(folder)).load()


def test_t5_is_an_encoder_decoder(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "t5")
    config = {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="is an encoder-decoder"):
        TextEncoder(str(folder)).load()


def test_a_masked_language_model_is_a_plain_encoder(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "mlm", "BertForMaskedLM")
    assert TextEncoder(str(folder)).encode(["the river"]).shape == (1, 32)


def test_a_pooler_that_was_not_saved_is_not_invented(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "mlm", "BertForMaskedLM")
    with pytest.raises(CheckpointError, match="has no pooler weights"):
        TextEncoder(str(folder), pooling="pooler").load()
