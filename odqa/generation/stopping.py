"""What transformers calls after every generated token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor


class StopTexts:
    """Ends a row when what it generated contains one of some texts."""

    def __init__(self, tokenizer: Any, start: int, texts: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._start = start
        self._texts = tuple(texts)

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        """One truth value per row: [rows]."""
        import torch

        texts = self._tokenizer.batch_decode(
            input_ids[:, self._start :],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        ended = [any(mark in text for mark in self._texts) for text in texts]
        return torch.tensor(ended, device=input_ids.device)


class FiniteScores:
    """Refuses scores that are NaN: the likeliest token would be an arbitrary one."""

    def __init__(self, name: str, cure: str) -> None:
        self._name = name
        self._cure = cure

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        # Minus infinity rules a token out, and is meant.
        if bool(scores.isnan().any()) or bool((scores == float("inf")).any()):
            raise CheckpointError(
                "scores tokens with no finite number (NaN or infinity)",
                where=self._name,
                cure=self._cure,
            )
        return scores
