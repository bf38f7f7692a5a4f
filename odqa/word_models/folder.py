"""Reading a word model's checkpoint folder strictly: ``config.json`` and ``model.safetensors``.

Nothing is filled in: a key or tensor that is missing, unknown or of another shape is refused by
its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from odqa.checkpoints.settings_file import SettingsFile
from odqa.checkpoints.weights import first_line
from odqa.errors import CheckpointError

CONFIG, WEIGHTS = "config.json", "model.safetensors"

#: What a folder says of its kind, in the key ``model_type``.
PREFIX = "odqa-"


def read_settings(folder: Path, name: str, kind: str, keys: Iterable[str]) -> SettingsFile:
    """The settings of a checkpoint, once it is of the right kind and has all and only these keys.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.
        kind: ``knrm``, ``drmm``, ``dssm`` or ``snrm``.
        keys: besides ``model_type``.

    Raises:
        CheckpointError: another kind of model, or a key is missing or unknown.
    """
    settings = SettingsFile.read(folder / CONFIG)
    if (model_type := settings.values.get("model_type")) != PREFIX + kind:
        raise CheckpointError(
            f"its model_type is {model_type!r}, not '{PREFIX}{kind}'",
            where=name,
            cure=f"name a checkpoint that `odqa train` made with task: {kind}, or embedded:{kind}",
        )
    expected = {"model_type", *keys}
    settings.only(expected)
    for key in sorted(expected - settings.values.keys()):
        raise CheckpointError(
            f"has no setting '{key}'", where=str(settings.path), cure="train it again"
        )
    return settings


def read_weights(
    folder: Path, name: str, shapes: Mapping[str, tuple[int | None, ...]]
) -> dict[str, Tensor]:
    """All tensors of a checkpoint in float32.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.
        shapes: name -> shape; `None` stands for any size.

    Raises:
        CheckpointError: damaged, a tensor is missing, unknown, of another shape, or has a value
            that is no finite number.
    """
    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors raises kinds of its own
        raise CheckpointError(
            f"weights not readable ({first_line(error)})", where=str(path), cure="train it again"
        ) from error
    for key in sorted(shapes.keys() ^ tensors.keys()):
        what = f"has no tensor '{key}'" if key in shapes else f"has an unknown tensor '{key}'"
        raise CheckpointError(what, where=str(path), cure="name a checkpoint of this kind")
    for key, shape in shapes.items():
        stored = tuple(tensors[key].shape)
        if len(stored) != len(shape) or any(
            size not in (None, has) for size, has in zip(shape, stored, strict=True)
        ):
            wanted = " × ".join("any" if size is None else str(size) for size in shape)
            raise CheckpointError(
                f"tensor '{key}' is {' × '.join(map(str, stored))}, expected {wanted}",
                where=str(path),
                cure="check that config.json and weights belong together",
            )
        if not tensors[key].is_floating_point() or not torch.isfinite(tensors[key]).all():
            raise CheckpointError(
                f"tensor '{key}' has values that are no finite numbers",
                where=name,
                cure="train it again",
            )
    return {key: tensor.float() for key, tensor in tensors.items()}
