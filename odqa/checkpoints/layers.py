"""Small layers that a checkpoint puts after its encoder: their settings, without weights.

Formats: sentence-transformers' modules ``Dense``, ``LayerNorm`` and ``Normalize``, and PyLate's
``Dense``, which works on token vectors and may have a residual connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from odqa.checkpoints.settings_file import SettingsFile
from odqa.errors import CheckpointError

LayerKind = Literal["dense", "layer norm", "normalize"]

#: Activations by name: classes of torch.nn that need no arguments and work on each number alone.
ACTIVATIONS = (
    "CELU", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU",
    "LogSigmoid", "Mish", "ReLU", "ReLU6", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign",
    "Tanh", "Tanhshrink",
)  # fmt: skip

_DENSE = (
    "in_features",
    "out_features",
    "bias",
    "activation_function",
    "module_input_name",
    "module_output_name",
)


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """One layer. ``folder`` holds its weights; widths are numbers per vector, 0 for any.

    ``residual`` adds the input, through a matrix of its own where the widths differ.
    """

    kind: LayerKind
    folder: Path
    n_in: int = 0
    n_out: int = 0
    bias: bool = False
    activation: str = "Identity"
    residual: bool = False


def read_dense(folder: Path, *, tokens: bool) -> LayerSettings:
    """The settings of a ``Dense`` module.

    Args:
        folder: of the module.
        tokens: of a late-interaction checkpoint, where it works on token vectors.

    Raises:
        CheckpointError: a setting is missing, unknown, or not one that odqa computes.
    """
    file = SettingsFile.read(folder / "config.json")
    file.only((*_DENSE, "use_residual") if tokens else _DENSE)
    names = ("token_embeddings", "sentence_embedding") if tokens else ("sentence_embedding",)
    file.refuse("module_input_name", *names)
    file.refuse("module_output_name", *names)
    n_in, n_out = (_width(file, key) for key in ("in_features", "out_features"))
    # sentence-transformers applies tanh where the file says nothing, PyLate nothing.
    default = "torch.nn.Identity" if tokens else "torch.nn.Tanh"
    return LayerSettings(
        "dense",
        folder,
        n_in,
        n_out,
        file.flag("bias", True),
        activation_name(file, "activation_function", default),
        file.flag("use_residual", False),
    )


def read_layer_norm(folder: Path) -> LayerSettings:
    """The settings of a ``LayerNorm`` module.

    Raises:
        CheckpointError: as `read_dense`.
    """
    file = SettingsFile.read(folder / "config.json")
    file.only(("dimension",))
    width = _width(file, "dimension")
    return LayerSettings("layer norm", folder, width, width, bias=True)


def activation_name(file: SettingsFile, key: str, default: str) -> str:
    """The class of torch.nn that a path such as ``torch.nn.modules.activation.Tanh`` names.

    Nothing is imported by a path: it has to be one of `ACTIVATIONS`.

    Raises:
        CheckpointError: it is not.
    """
    path = file.text(key, default)
    name = path.rsplit(".", 1)[-1]
    modules = {f"torch.nn.{name}", f"torch.nn.modules.activation.{name}"}
    if name == "Identity":
        modules.add("torch.nn.modules.linear.Identity")
    if name not in ACTIVATIONS or path not in modules:
        raise file.wrong(key, f"one of torch.nn: {', '.join(ACTIVATIONS)}")
    return name


def _width(file: SettingsFile, key: str) -> int:
    width = file.whole(key)
    if width is None:
        raise file.wrong(key, "a whole number from 1 up")
    return width


def widths(layers: tuple[LayerSettings, ...], n_in: int, name: str) -> int:
    """The width that vectors of width ``n_in`` have after all layers.

    Raises:
        CheckpointError: a layer takes vectors of another width.
    """
    for layer in layers:
        if layer.n_in and layer.n_in != n_in:
            raise CheckpointError(
                f"its layer {layer.folder.name} takes vectors of width {layer.n_in}, "
                f"gets {n_in} wide ones",
                where=name,
                cure="name a checkpoint whose files belong together",
            )
        n_in = layer.n_out or n_in
    return n_in
