"""A causal language model checkpoint that scores texts given others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.checkpoints.load import (
    check_length,
    load_model,
    load_tokenizer,
    parameter_count,
    position_limit,
)
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_and_dtype
from odqa.encoders.batches import padded
from odqa.encoders.generator_flops import causal_gflop
from odqa.encoders.loaded_model import LoadedModel
from odqa.encoders.read_out import read_out_from
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, Device, Precision

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache


@dataclass(frozen=True, slots=True)
class CausalScorer(LoadedModel):
    """A model on its device, and its tokenizer; made by `load_causal`."""

    def log_probabilities(
        self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """Log-probability [tokens] of every token of each target behind its prompt, float32.

        Args:
            prompts: token ids, at least one each.
            targets: token ids that follow each prompt.
        """
        import torch

        rows = [[*prompt, *target] for prompt, target in zip(prompts, targets, strict=True)]
        # Padding stands behind: no token sees what comes after it.
        ids, mask = padded(rows, self.padding)
        first = min(map(len, prompts)) - 1
        with torch.inference_mode(), read_out_from(self.model, first):
            logits = self.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(mask).to(self.device),
                use_cache=False,
                return_dict=True,
            ).logits
        # Positions that were not read out.
        skipped = ids.shape[1] - logits.shape[1]
        out = []
        for row, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            start = len(prompt) - 1 - skipped
            scores = logits[row, start : start + len(target)].float().log_softmax(-1)
            out.append(scores.gather(1, torch.tensor(target, device=self.device)[:, None])[:, 0])
        return out

    @property
    def padding(self) -> int:
        """A token to pad with; no real token sees it, so any will do."""
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id or 0) if pad is None else int(pad)

    def cost(self, lengths: Sequence[tuple[int, int]]) -> Cost:
        """Cost of texts of these token counts: all, and how many of them are read out."""
        parts = [causal_gflop(self.config, tokens, read) for tokens, read in lengths]
        return Cost.of_parts(self.parameters, parts)


def load_causal(
    checkpoint: str, cache: Cache, *, length: int, key: str, device: Device, precision: Precision
) -> CausalScorer:
    """Load a causal language model.

    Args:
        length: tokens that it must accept; a longer text than it takes is refused.
        key: the parameter that asks for them, for the message.

    Raises:
        CheckpointError: another kind of checkpoint, an incomplete one, or one for shorter texts.
        EnvironmentProblem: a hub checkpoint cannot be reached, or there is no GPU.
    """
    folder = resolve_checkpoint(checkpoint, cache)
    tokenizer = load_tokenizer(folder, checkpoint)
    model = load_model("AutoModelForCausalLM", folder, checkpoint)
    if tokenizer.eos_token_id is None:
        raise CheckpointError(
            "its tokenizer names no token that ends a text",
            where=checkpoint,
            cure="name eos_token in its tokenizer_config.json",
        )
    check_length(key, length, position_limit(model.config), checkpoint)
    torch_device, dtype = device_and_dtype(device, precision)
    model = model.to(torch_device, dtype)
    return CausalScorer(model, tokenizer, torch_device, dtype, parameter_count(model))
