"""A Hugging Face encoder with a task head, which reads question and passage together."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.load import (
    AutoClass,
    check_length,
    load_model,
    load_tokenizer,
    parameter_count,
    position_limit,
)
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_and_dtype
from odqa.encoders.flops import encoder_gflop
from odqa.encoders.loaded_model import LoadedModel
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, Device, Precision

if TYPE_CHECKING:
    from odqa.cache import Cache


@dataclass(frozen=True, slots=True)
class TaskModel(LoadedModel):
    """A model on its device, and its tokenizer; made by `load_task_model`."""

    def forward(self, features: Sequence[Mapping[str, Any]]) -> Any:
        """The model's output for tokenised inputs, padded to the longest."""
        import torch

        inputs = self.tokenizer.pad(list(features), return_tensors="pt").to(self.device)
        with torch.inference_mode():
            return self.model(**inputs, return_dict=True)

    def cost(self, lengths: Iterable[int]) -> Cost:
        """Cost of one forward pass over inputs of these token counts; without GFLOP where no
        formula is known."""
        parts = [encoder_gflop(self.config, tokens) for tokens in lengths]
        return Cost.of_parts(self.parameters, parts)


def load_task_model(
    auto_class: AutoClass,
    checkpoint: str,
    cache: Cache,
    *,
    max_length: int,
    device: Device,
    precision: Precision,
    lower_case: bool = False,
) -> TaskModel:
    """Load a checkpoint with the head that ``auto_class`` has.

    Args:
        max_length: tokens per input that the model must accept.
        lower_case: make texts lower case first.

    Raises:
        CheckpointError: another kind of checkpoint, an incomplete one, or one for shorter inputs.
        EnvironmentProblem: a hub checkpoint cannot be reached, or there is no GPU.
    """
    folder = resolve_checkpoint(checkpoint, cache)
    tokenizer = load_tokenizer(folder, checkpoint, lower_case=lower_case)
    model = load_model(auto_class, folder, checkpoint)
    _settle_inputs(tokenizer, model, checkpoint)
    check_length("max_length", max_length, position_limit(model.config), checkpoint)
    torch_device, dtype = device_and_dtype(device, precision)
    return TaskModel(
        model.to(torch_device, dtype), tokenizer, torch_device, dtype, parameter_count(model)
    )


def _settle_inputs(tokenizer: Any, model: Any, checkpoint: str) -> None:
    """Pad so that neither the place of a token nor its result depends on the rest of a batch."""
    if tokenizer.pad_token_id is None:
        raise CheckpointError(
            "its tokenizer has no padding token",
            where=checkpoint,
            cure="name it in special_tokens_map.json",
        )
    # XLNet's classifier reads the last token; its positions are relative.
    left = str(model.config.model_type) == "xlnet" and not hasattr(model, "qa_outputs")
    tokenizer.padding_side = "left" if left else "right"
    # A tokenizer may make more than its model takes, such as token types for DistilBERT.
    taken = inspect.signature(model.forward).parameters
    tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name in taken]
