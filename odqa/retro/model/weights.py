"""Saving and loading in the manner of Hugging Face: config.json and model.safetensors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

import torch
from torch import nn

from odqa.errors import CheckpointError
from odqa.retro.model.config import RetroConfig
from odqa.threads import BUILDING_MODELS

WEIGHTS_FILE = "model.safetensors"


class Pretrained(nn.Module):
    """`save_pretrained` and `from_pretrained` for a module built from a `RetroConfig`."""

    def __init__(self, config: RetroConfig) -> None:
        super().__init__()
        self.config = config

    def save_pretrained(self, folder: Path | str) -> None:
        """Write config and weights; each file appears whole or not at all."""
        from safetensors.torch import save_file

        self.config.save_pretrained(folder)
        path = Path(folder) / WEIGHTS_FILE
        work = path.with_suffix(".safetensors.partial")
        tensors = {name: t.detach().contiguous() for name, t in self.state_dict().items()}
        save_file(tensors, str(work), metadata={"format": "pt"})
        os.replace(work, path)

    @classmethod
    def from_pretrained(
        cls,
        folder: Path | str,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Read what `save_pretrained` wrote, in evaluation mode.

        Raises:
            CheckpointError: files missing, or weights that do not fit the configuration.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        config = RetroConfig.from_pretrained(folder)
        path = Path(folder) / WEIGHTS_FILE
        try:
            tensors = load_file(str(path), device=str(device))
        except FileNotFoundError:
            raise CheckpointError("no model.safetensors", where=str(folder)) from None
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"not safetensors ({error})", where=str(path)) from None
        if dtype is not None:
            tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
        try:
            with BUILDING_MODELS:
                with torch.device("meta"):
                    model = cls(config)
                model.load_state_dict(tensors, assign=True)
        except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
            raise CheckpointError(
                f"weights do not fit the configuration ({error})", where=str(path)
            ) from None
        return model.eval()
