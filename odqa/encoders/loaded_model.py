"""A checkpoint of transformers that is on its device, whatever it is called for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.devices import device_facts

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model and its tokenizer; ``parameters`` is how many weights it has."""

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    parameters: int

    @property
    def config(self) -> Any:
        """The model's Hugging Face configuration."""
        return self.model.config

    def facts(self) -> dict[str, str]:
        """Device and number format, for reports."""
        return device_facts(self.device, self.dtype)
