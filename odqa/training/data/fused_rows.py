"""Token rows of several questions' passages, as Fusion-in-Decoder joins them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from odqa.encoders.batches import padded


class FusedRows:
    """Passages of several questions: encoded as rows of their own, joined for the decoder.

    Args:
        rows: question -> passage -> token ids, one marker at either end.
        padding: token to pad with.
    """

    def __init__(self, rows: Sequence[Sequence[Sequence[int]]], padding: int) -> None:
        self._rows, self._padding = rows, padding

    def tensors(self) -> dict[str, Any]:
        """``ids``, ``mask`` int64 [passages, tokens], and ``counts``, the passages of each
        question."""
        ids, mask = padded([row for part in self._rows for row in part], self._padding)
        return {
            "ids": torch.from_numpy(ids),
            "mask": torch.from_numpy(mask),
            "counts": [len(part) for part in self._rows],
        }

    def sources(self, targets: Sequence[Sequence[int]], gold: Sequence[int]) -> Tensor:
        """Where in the joined passages each token of a target can be copied from.

        Args:
            targets: of each question: an answer's tokens and the end marker.
            gold: position of the gold passage among each question's.

        Returns:
            bool [questions, target tokens, joined tokens]: every place of the answer in the gold
            passage, token by token, then that passage's end. Nothing where the answer is not there.
        """
        joined = max(sum(map(len, part)) for part in self._rows)
        longest = max(map(len, targets))
        out = torch.zeros(len(targets), longest, joined, dtype=torch.bool)
        for number, (part, target, at) in enumerate(zip(self._rows, targets, gold, strict=True)):
            first = sum(len(row) for row in part[:at])
            row, answer = list(part[at]), list(target[:-1])
            last = len(row) - len(answer)
            starts = [i for i in range(last) if row[i : i + len(answer)] == answer]
            for start in starts if answer else ():
                for step in range(len(answer)):
                    out[number, step, first + start + step] = True
            if answer and starts:
                out[number, len(answer), first + len(row) - 1] = True
        return out
