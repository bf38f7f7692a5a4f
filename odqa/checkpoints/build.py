"""Builds checkpoint folders of base weights plus a change, in the format of their home library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.delta import Delta, merge
from odqa.checkpoints.grown import TOKENIZER_FILES
from odqa.checkpoints.word_models import KINDS as WORD_MODELS
from odqa.checkpoints.word_models import build_word_model
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from odqa.cache import Cache


def materialise_delta(delta: Delta, identity: Mapping[str, Any], cache: Cache | None) -> Path:
    """The checkpoint of a change, from the cache or built into it.

    Args:
        delta: the change.
        identity: key of the checkpoint in the cache.
        cache: default: the user's cache.

    Raises:
        CheckpointError: the change does not fit the base model.
        CacheError: the cache cannot be written.
    """
    from odqa.cache import Cache as DefaultCache

    return (cache or DefaultCache()).artifact(
        "checkpoint", identity, lambda work: build_checkpoint(base_model_dir(), delta, work)
    )


def build_checkpoint(base: Path, delta: Delta, folder: Path) -> None:
    """Write the checkpoint of one embedded model.

    On one machine with one torch version, equal inputs give equal bytes.

    Args:
        base: folder of the base model.
        delta: the change.
        folder: an existing folder.

    Raises:
        CheckpointError: a change names a tensor that the base model does not have.
    """
    from safetensors.torch import load_file, save_file

    kind = delta.config["kind"]
    if kind == "retro":
        from odqa.checkpoints.retro import build_retro

        build_retro(base, delta, folder)
        return
    if kind == "causal":
        from odqa.checkpoints.causal import build_causal

        build_causal(base, delta, folder)
        return
    if kind == "bart":
        from odqa.checkpoints.bart import build_bart

        build_bart(base, delta, folder)
        return
    if kind in WORD_MODELS:
        build_word_model(base, delta, folder)
        return
    if kind not in _WRITERS:
        raise CheckpointError(f"kind '{kind}' is unknown to this version", cure="upgrade odqa")
    prefix = delta.config["prefix"]
    base_weights = load_file(base / "model.safetensors")
    weights = {f"{prefix}{name}": tensor for name, tensor in base_weights.items()}
    if kind in ("colbert", "question-answering", "dpr-reader", "splade"):
        weights = {name: w for name, w in weights.items() if ".pooler." not in name}
    # A buffer of old checkpoints; transformers creates it itself.
    weights.pop(f"{prefix}embeddings.position_ids", None)
    lora = delta.config["lora"]
    merged = merge(weights, delta.tensors, lora["alpha"] / lora["r"])
    save_file(
        {name: merged[name] for name in sorted(merged)},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    for name in TOKENIZER_FILES:
        shutil.copyfile(base / name, folder / name)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    _write(folder / "config.json", {**config, **_WRITERS[kind](delta.config, base, folder)})


def _bert(delta: Mapping[str, Any], base: Path, folder: Path) -> dict[str, Any]:
    """A sentence-transformers folder, like the base model: mean of the tokens, unit length."""
    for name in ("modules.json", "config_sentence_transformers.json"):
        shutil.copyfile(base / name, folder / name)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    shutil.copyfile(base / "1_Pooling/config.json", folder / "1_Pooling/config.json")
    _write(
        folder / "sentence_bert_config.json",
        {"max_seq_length": delta["max_length"], "do_lower_case": False},
    )
    return {"architectures": ["BertModel"]}


def _colbert(delta: Mapping[str, Any], _base: Path, folder: Path) -> dict[str, Any]:
    _write(
        folder / "artifact.metadata",
        {
            "dim": delta["dim"],
            "query_maxlen": delta["query_maxlen"],
            "doc_maxlen": delta["doc_maxlen"],
            "similarity": "cosine",
            "mask_punctuation": True,
            "attend_to_mask_tokens": False,
            "query_token_id": "[unused0]",
            "doc_token_id": "[unused1]",
            "query_token": "[Q]",
            "doc_token": "[D]",
        },
    )
    return {"architectures": ["HF_ColBERT"]}


def _classifier(_delta: Mapping[str, Any], _base: Path, _folder: Path) -> dict[str, Any]:
    return {
        "architectures": ["BertForSequenceClassification"],
        "num_labels": 1,
        "id2label": {"0": "relevant"},
        "label2id": {"relevant": 0},
        # sentence-transformers' CrossEncoder: the logit itself, without sigmoid.
        "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
    }


def _splade(delta: Mapping[str, Any], _base: Path, folder: Path) -> dict[str, Any]:
    """A folder of sentence-transformers' SparseEncoder; the decoder is the word embeddings."""
    (folder / "1_SpladePooling").mkdir(exist_ok=True)
    _write(
        folder / "1_SpladePooling/config.json",
        {"pooling_strategy": "max", "activation_function": "relu"},
    )
    modules = {
        "": "sentence_transformers.base.modules.transformer.Transformer",
        "1_SpladePooling": "sentence_transformers.sparse_encoder.modules.SpladePooling",
    }
    _write(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": kind}
            for i, (path, kind) in enumerate(modules.items())
        ],
    )
    _write(
        folder / "sentence_bert_config.json",
        {"max_seq_length": delta["max_length"], "transformer_task": "fill-mask"},
    )
    _write(
        folder / "config_sentence_transformers.json",
        {"model_type": "SparseEncoder", "similarity_fn_name": "dot", "prompts": {}},
    )
    return {"architectures": ["BertForMaskedLM"], "tie_word_embeddings": True}


def _reader(_delta: Mapping[str, Any], _base: Path, _folder: Path) -> dict[str, Any]:
    return {"architectures": ["BertForQuestionAnswering"]}


def _dpr_reader(_delta: Mapping[str, Any], _base: Path, _folder: Path) -> dict[str, Any]:
    return {"architectures": ["DPRReader"], "model_type": "dpr", "projection_dim": 0}


_WRITERS = {
    "dpr": _bert,
    "sentence": _bert,
    "colbert": _colbert,
    "sequence-classification": _classifier,
    "question-answering": _reader,
    "dpr-reader": _dpr_reader,
    "splade": _splade,
}


def _write(path: Path, content: Mapping[str, Any] | list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
