"""Whole small checkpoints that odqa ships, in float16, as checkpoints in float32."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odqa.cache import Cache

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


def is_whole(folder: Path) -> bool:
    """Whether a folder holds all weights of a model, not a change of the base model."""
    return (folder / WEIGHTS).is_file()


def materialise_whole(folder: Path, identity: Mapping[str, Any], cache: Cache | None) -> Path:
    """The checkpoint with float32 weights, from the cache or built into it.

    Args:
        folder: configuration, tokenizer files and ``model.safetensors``.
        identity: key of the checkpoint in the cache.
        cache: default: the user's cache.

    Raises:
        CacheError: the cache cannot be written.
    """
    from odqa.cache import Cache as DefaultCache

    return (cache or DefaultCache()).artifact(
        "checkpoint", identity, lambda work: build_whole(folder, work)
    )


def build_whole(folder: Path, work: Path) -> None:
    """Write the checkpoint: the same files, with all weights in float32.

    Home libraries take the number format of the weights or of the configuration for that of the
    model, and float16 is slow or missing on a CPU.
    """
    from safetensors.torch import load_file, save_file

    weights = {name: w.float() for name, w in sorted(load_file(folder / WEIGHTS).items())}
    save_file(weights, work / WEIGHTS, {"format": "pt"})
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    # transformers 5 has another name for it.
    config |= {key: "float32" for key in ("dtype", "torch_dtype") if key in config}
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (work / CONFIG).write_text(text, encoding="utf-8")
    for file in sorted(folder.glob("*.json")):
        if file.name != CONFIG:
            shutil.copyfile(file, work / file.name)
