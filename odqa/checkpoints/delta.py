"""Reading and writing a change of the base model: the weights that odqa ships or trains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.base_model import BASE_NAME, BASE_SHA256, check_sha256, file_sha256
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "delta.safetensors"
CONFIG = "config.json"
_A, _B = ".lora_A", ".lora_B"


@dataclass(frozen=True, slots=True)
class Delta:
    """Low-rank changes ``X.lora_A`` [r, in] and ``X.lora_B`` [out, r], and full new tensors.

    ``config["kind"]`` is the kind of the resulting model; ``sha256`` is that of the weight file.
    """

    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any]
    sha256: str


def read_delta(folder: Path) -> Delta:
    """Read a shipped or newly trained change.

    Raises:
        CheckpointError: a file is missing or damaged, or it changes another base model.
    """
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        base, expected = config["base"]["sha256"], config["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "not the config.json of a model made by odqa",
            where=str(folder),
            cure="train it again, or reinstall odqa",
        ) from error
    if base != BASE_SHA256:
        raise CheckpointError(
            f"changes another base model ({base[:12]}…)", where=str(folder), cure="train it again"
        )
    check_sha256(folder / WEIGHTS, expected, "train it again, or reinstall odqa")
    return Delta(load_file(folder / WEIGHTS), config, expected)


def write_delta(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write tensors in float16 and a ``config.json`` with their checksum."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: tensors[name].to(torch.float16).contiguous() for name in sorted(tensors)}
    save_file(halves, folder / WEIGHTS, {"format": "pt"})
    complete = {
        **config,
        "base": {"name": BASE_NAME, "sha256": BASE_SHA256},
        "sha256": file_sha256(folder / WEIGHTS),
    }
    (folder / CONFIG).write_text(json.dumps(complete, indent=2, sort_keys=True) + "\n", "utf-8")


def merge(
    weights: Mapping[str, Tensor], change: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """Add ``scale * B A`` to each changed weight, in float32; other tensors replace or are added.

    Args:
        weights: name -> tensor; ``X.weight`` is [out, in].
        change: ``X.lora_A`` [r, in] with ``X.lora_B`` [out, r], and full tensors.
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
