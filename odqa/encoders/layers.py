"""The small layers after an encoder, with their weights (`odqa.checkpoints.layers`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from odqa.checkpoints.layers import LayerSettings
from odqa.checkpoints.weights import read_tensor
from odqa.errors import CheckpointError
from odqa.threads import BUILDING_MODELS

if TYPE_CHECKING:
    import torch


class Dense(nn.Module):
    """A matrix, with what the checkpoint adds to it: bias, activation, residual connection."""

    def __init__(self, settings: LayerSettings) -> None:
        super().__init__()
        self.linear = nn.Linear(settings.n_in, settings.n_out, bias=settings.bias)
        self.activation = getattr(nn, settings.activation)()
        self.residual: nn.Module | None = None
        if settings.residual:
            same = settings.n_in == settings.n_out
            self.residual = (
                nn.Identity() if same else nn.Linear(settings.n_in, settings.n_out, bias=False)
            )

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [..., n_in] to [..., n_out]."""
        out: Tensor = self.activation(self.linear(vectors))
        return out if self.residual is None else out + self.residual(vectors)


class LayerNorm(nn.Module):
    """torch's layer norm, under the name that the checkpoint's weights have."""

    def __init__(self, settings: LayerSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.n_in)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [..., n_in], of mean 0 and variance 1 before weight and bias."""
        out: Tensor = self.norm(vectors)
        return out


class UnitLength(nn.Module):
    """Vectors to length 1."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [..., d] of the same direction."""
        return nn.functional.normalize(vectors, dim=-1)


def load_layers(settings: Sequence[LayerSettings], device: torch.device) -> nn.Sequential:
    """Layers in their order, float32, in evaluation mode.

    Raises:
        CheckpointError: a weight is missing, or of another shape than the settings say.
    """
    with BUILDING_MODELS:
        return nn.Sequential(*map(_load, settings)).to(device).eval()


def _load(settings: LayerSettings) -> nn.Module:
    if settings.kind == "normalize":
        return UnitLength()
    layer = Dense(settings) if settings.kind == "dense" else LayerNorm(settings)
    weights = {}
    for key, parameter in layer.state_dict().items():
        tensor = read_tensor(settings.folder, key)
        if tensor is None or tensor.shape != parameter.shape:
            found = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
            raise CheckpointError(
                f"{key} is {found}, its config.json asks for {list(parameter.shape)}",
                where=str(settings.folder),
                cure="fetch the checkpoint again",
            )
        weights[key] = tensor.float()
    if not settings.bias and read_tensor(settings.folder, "linear.bias") is not None:
        raise CheckpointError(
            "has a linear.bias, its config.json says that it has none",
            where=str(settings.folder),
            cure="fetch the checkpoint again",
        )
    layer.load_state_dict(weights)
    return layer
