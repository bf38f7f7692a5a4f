"""Base weights + change = an ordinary checkpoint folder, in the format of its home library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import CheckpointError
from odqa.models.delta import Delta

if TYPE_CHECKING:
    from torch import Tensor

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_A, _B = ".lora_A", ".lora_B"


def build_checkpoint(base: Path, delta: Delta, folder: Path) -> None:
    """Write the checkpoint of one embedded model.

    The result depends on its inputs only, byte for byte, on one machine with one torch version.

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
        from odqa.models.retro import build_retro

        build_retro(base, delta, folder)
        return
    if kind not in _WRITERS:
        raise CheckpointError(f"kind '{kind}' is unknown to this version", cure="upgrade odqa")
    prefix = delta.config["prefix"]
    plain = load_file(base / "model.safetensors")
    weights = {f"{prefix}{name}": tensor for name, tensor in plain.items()}
    if kind in ("colbert", "question-answering"):
        weights = {name: w for name, w in weights.items() if ".pooler." not in name}
    # A buffer of old checkpoints; transformers makes it itself.
    weights.pop(f"{prefix}embeddings.position_ids", None)
    lora = delta.config["lora"]
    merged = merge(weights, delta.tensors, lora["alpha"] / lora["r"])
    save_file(
        {name: merged[name] for name in sorted(merged)},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    for name in _TOKENIZER:
        shutil.copyfile(base / name, folder / name)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    _write(folder / "config.json", {**config, **_WRITERS[kind](delta.config, base, folder)})


def merge(
    weights: Mapping[str, Tensor], change: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """Add ``scale * B A`` to each changed weight, in float32; other tensors replace or join.

    Args:
        weights: name -> tensor; ``X.weight`` is [out, in].
        change: ``X.lora_A`` [r, in] with ``X.lora_B`` [out, r], and whole tensors.
        scale: alpha / r.

    Raises:
        CheckpointError: ``X.weight`` is not there, or half of a pair is missing.
    """
    merged = {name: tensor.float().contiguous() for name, tensor in weights.items()}
    for name, tensor in change.items():
        if name.endswith(_B):
            continue
        if not name.endswith(_A):
            merged[name] = tensor.float().contiguous()
            continue
        layer = name.removesuffix(_A)
        target, other = f"{layer}.weight", change.get(layer + _B)
        if target not in merged or other is None:
            raise CheckpointError(
                f"the change of '{layer}' does not fit the base model",
                cure="train it again, or reinstall odqa",
            )
        merged[target] = merged[target] + scale * (other.float() @ tensor.float())
    return merged


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
        # sentence-transformers' CrossEncoder: the logit as it is, no sigmoid.
        "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
    }


def _reader(_delta: Mapping[str, Any], _base: Path, _folder: Path) -> dict[str, Any]:
    return {"architectures": ["BertForQuestionAnswering"]}


_WRITERS = {
    "dpr": _bert,
    "sentence": _bert,
    "colbert": _colbert,
    "sequence-classification": _classifier,
    "question-answering": _reader,
}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
