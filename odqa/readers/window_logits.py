"""What an extractive model says of some windows: logits of start and end for every token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from odqa.encoders.task_model import TaskModel
from odqa.readers.windows import Window


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """Of windows padded to the longest, on the CPU.

    Attributes:
        start, end: float32 [windows, tokens].
        allowed: bool [windows, tokens], where an answer may start or end; padding is not.
        null: int64 [windows], position of [CLS].
    """

    start: Tensor
    end: Tensor
    allowed: Tensor
    null: Tensor


def window_logits(model: TaskModel, windows: Sequence[Window]) -> WindowLogits:
    """One forward pass over some windows, one or more.

    Args:
        model: with a head for extractive question answering.
        windows: of its tokenizer.
    """
    output = model.forward([window.features for window in windows])
    start, end = output.start_logits.float().cpu(), output.end_logits.float().cpu()
    allowed = torch.zeros(start.shape, dtype=torch.bool)
    for row, window in enumerate(windows):
        allowed[row, : len(window.allowed)] = torch.from_numpy(window.allowed)
    return WindowLogits(start, end, allowed, torch.tensor([window.null for window in windows]))
