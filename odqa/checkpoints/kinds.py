"""The kind of model that a checkpoint holds, so that an error can name a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.settings_file import SettingsFile
from odqa.errors import CheckpointError

_HEADS = {
    "ForQuestionAnswering": "an extractive reader (question answering head)",
    "ForSequenceClassification": "a classifier or cross-encoder (sequence classification head)",
    "ForTokenClassification": "a token classifier",
    "ForCausalLM": "a causal language model",
    "LMHeadModel": "a causal language model",
    "ForConditionalGeneration": "an encoder-decoder",
    "DPRReader": "a DPR reader",
    "HF_ColBERT": "a ColBERT checkpoint (one vector per token)",
}
_CURE = "name a sentence-transformers, BERT-like or DPR encoder"


def model_type(folder: Path) -> str:
    """``model_type`` of a checkpoint's configuration; empty when there is none."""
    return SettingsFile.read(transformer_folder(folder) / "config.json").text("model_type", "")


def check_text_encoder(folder: Path, name: str) -> None:
    """Refuse a checkpoint that does not give one vector per text.

    Args:
        folder: a complete checkpoint folder.
        name: the user's name for it, for the message.

    Raises:
        CheckpointError: names the kind that it is.
    """
    config = SettingsFile.read(transformer_folder(folder) / "config.json").values
    if (kind := _other_kind(folder, config)) is not None:
        raise CheckpointError(f"is {kind}, not a text encoder", where=name, cure=_CURE)


def _other_kind(folder: Path, config: Mapping[str, Any]) -> str | None:
    from odqa.checkpoints.weights import read_tensor

    if config.get("is_encoder_decoder") or config.get("model_type") in ("t5", "mt5"):
        return "an encoder-decoder"
    architectures = config.get("architectures")
    for architecture in architectures if isinstance(architectures, list) else []:
        for ending, kind in _HEADS.items():
            if str(architecture).endswith(ending):
                return kind
    # colbert-ai writes neither an architecture of its own nor a model type.
    is_colbert = (folder / "artifact.metadata").is_file()
    if is_colbert or read_tensor(transformer_folder(folder), "linear.weight") is not None:
        return _HEADS["HF_ColBERT"]
    return None


def load_text_model(folder: Path, name: str) -> Any:
    """The encoder of a checkpoint folder, in eval mode, fp32, on the CPU.

    Raises:
        CheckpointError: weights are missing or of another shape.
    """
    from odqa.checkpoints.load import AutoClass, load_model
    from odqa.checkpoints.weights import read_tensor

    model_folder = transformer_folder(folder)
    auto_class: AutoClass = "AutoModel"
    if model_type(folder) == "dpr":
        # AutoModel would load every DPR checkpoint as a question encoder.
        passage_key = "ctx_encoder.bert_model.embeddings.word_embeddings.weight"
        is_passage = read_tensor(model_folder, passage_key) is not None
        auto_class = "DPRContextEncoder" if is_passage else "DPRQuestionEncoder"
    return load_model(auto_class, model_folder, name)


def check_pooler(folder: Path, kind: str, name: str) -> None:
    """Refuse ``pooling: pooler`` for a checkpoint that was saved without a pooler.

    Raises:
        CheckpointError: transformers would fill it with random weights.
    """
    from odqa.checkpoints.weights import read_tensor

    model_folder = transformer_folder(folder)
    keys = ("pooler.dense.weight", f"{kind}.pooler.dense.weight")
    if kind != "dpr" and all(read_tensor(model_folder, key) is None for key in keys):
        raise CheckpointError(
            "has no pooler weights", where=name, cure="set pooling to mean or cls"
        )
