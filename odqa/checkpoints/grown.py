"""Checkpoint folders of models that grow from the base model by more than a head."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.delta import Delta, merge
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from torch.nn import Module

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)


def write_grown(model: Module, base: Path, delta: Delta, folder: Path) -> None:
    """Write the checkpoint folder of a grown model with its change, and the base's tokenizer.

    Args:
        model: as it has grown; changed in place. It has ``save_pretrained``.
        base: folder of the base model.
        delta: its ``config`` has ``lora`` (r, alpha).
        folder: an existing folder.

    Raises:
        CheckpointError: the change does not fit the grown model.
    """
    scale = float(delta.config["lora"]["alpha"]) / int(delta.config["lora"]["r"])
    state = model.state_dict()
    # A tied tensor has several names in the state; it is changed, and loaded, by its first.
    first = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    changed = {
        name: tensor
        for name, tensor in merge(state, delta.tensors, scale).items()
        if name in first or name not in state
    }
    try:
        unknown = model.load_state_dict(changed, strict=False).unexpected_keys
    except RuntimeError as error:
        raise _misfit(str(error)) from error
    if unknown:
        raise _misfit(f"it has no '{unknown[0]}'")
    saved: Any = model
    saved.save_pretrained(folder)
    for file in TOKENIZER_FILES:
        if (base / file).is_file():
            shutil.copyfile(base / file, folder / file)


def _misfit(what: str) -> CheckpointError:
    return CheckpointError(
        f"the change does not fit the grown model ({what})",
        cure="train it again, or reinstall odqa",
    )
