"""A pre-trained stack under this package's names, and the checkpoint folder it is read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.retro.model.config import StackConfig


@dataclass(frozen=True)
class Base:
    """A stack and its weights, named as `Decoder` and `NeighbourEncoder` name theirs."""

    stack: StackConfig
    vocab_size: int
    pad_id: int
    weights: dict[str, Tensor]
    readout: Tensor | None = None
    """Read-out matrix [V, d] where it is not the embedding."""


class SourceCheckpoint:
    """Tensors and settings of another family's folder; what is missing is a CheckpointError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = read_settings(folder)
        self.tensors = read_tensors(folder)

    def setting(self, name: str, default: object = None) -> Any:
        """A setting; where it is missing ``default``, without one a CheckpointError."""
        if name in self.settings and self.settings[name] is not None:
            return self.settings[name]
        if default is None:
            raise CheckpointError(f"config.json has no {name!r}", where=str(self.folder))
        return default

    def demand(self, name: str, *allowed: object) -> None:
        """Refuse a model with a setting that `StackConfig` cannot express."""
        value = self.settings.get(name)
        if value is not None and value not in allowed:
            raise CheckpointError(
                f"{name} {value!r} is not supported", where=str(self.folder), cure="pick another"
            )

    def without_prefix(self, *prefixes: str) -> Mapping[str, Tensor]:
        """Tensor lookup after stripping the first prefix that occurs."""
        names = list(self.tensors)
        prefix = next((p for p in prefixes if any(n.startswith(p) for n in names)), "")
        stripped = {n.removeprefix(prefix): t for n, t in self.tensors.items()}
        return _CheckedTensors(stripped, self.folder)


class _CheckedTensors(dict[str, Tensor]):
    def __init__(self, tensors: Mapping[str, Tensor], folder: Path) -> None:
        super().__init__(tensors)
        self.folder = folder

    def __missing__(self, name: str) -> Tensor:
        raise CheckpointError(f"the weights lack {name!r}", where=str(self.folder))


def read_settings(folder: Path) -> dict[str, Any]:
    """config.json of a Hugging Face model folder."""
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError("no config.json", where=str(folder)) from None
    except json.JSONDecodeError as error:
        raise CheckpointError(f"not JSON ({error})", where=str(path)) from None
    if not isinstance(settings, dict):
        raise CheckpointError("not a JSON object", where=str(path))
    return settings


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All weights of a folder: safetensors, whole or sharded, or a tensor-only torch file."""
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").exists():
        return dict(load_file(str(folder / "model.safetensors")))
    if index.exists():
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        return {n: t for s in shards for n, t in load_file(str(folder / s)).items()}
    if (folder / "pytorch_model.bin").exists():
        state: dict[str, Tensor] = torch.load(
            folder / "pytorch_model.bin", map_location="cpu", weights_only=True
        )
        return state
    raise CheckpointError("no model.safetensors", where=str(folder))


def copy_linear(
    weights: dict[str, Tensor], to: str, source: Mapping[str, Tensor], name: str
) -> None:
    """Copy weight and, where there is one, bias."""
    weights[f"{to}.weight"] = source[f"{name}.weight"]
    if f"{name}.bias" in source:
        weights[f"{to}.bias"] = source[f"{name}.bias"]
