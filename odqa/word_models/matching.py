"""A loaded model of word matches: word ids of a question and of passages -> scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from odqa.checkpoints.load import load_tokenizer
from odqa.encoders.flops import linear_gflop
from odqa.errors import CheckpointError
from odqa.word_models.vectors import VectorTable, cosines, padded_ids
from odqa.word_models.words import Words

if TYPE_CHECKING:
    from torch import nn


class MatchingModel(ABC):
    """Words, their vectors, and what scores the matches between them.

    Args:
        words: of the checkpoint.
        table: float32 [words, dim].
        layers: what scores.
        device: where it runs.
    """

    def __init__(
        self, words: Words, table: Tensor, layers: nn.Module, device: torch.device
    ) -> None:
        self.words = words
        self.device = device
        self.dim = int(table.shape[1])
        self.parameters = table.numel() + sum(p.numel() for p in layers.parameters())
        self._vectors = VectorTable(table).to(device).eval()
        self._layers = layers.to(device).eval()

    @abstractmethod
    def _score(
        self, question: Tensor, passages: Tensor, matrix: Tensor, passage_mask: Tensor
    ) -> Tensor:
        """Scores [n] of word ids [1, q] and [n, p], with their cosines [n, q, p]."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """Settings of its layers, for the report."""

    @abstractmethod
    def match_gflop(self, question: int, passage: int) -> float:
        """GFLOP of scoring one passage once the cosines are known, by numbers of words."""

    def gflop(self, question: int, passage: int) -> float:
        """GFLOP of one passage of so many words: its cosines, and what scores them."""
        return linear_gflop(question, self.dim, passage) + self.match_gflop(question, passage)

    def scores(self, question: Sequence[int], passages: Sequence[Sequence[int]]) -> list[float]:
        """One score per passage, of word ids."""
        if not passages:
            return []
        ids, mask = (part.to(self.device) for part in padded_ids(passages))
        # A question without words has no row: nothing of it can match.
        rows = torch.tensor([list(question)], dtype=torch.long, device=self.device)
        with torch.inference_mode():
            matrix = cosines(self._vectors(rows), self._vectors(ids))
            scores: list[float] = self._score(rows, ids, matrix, mask).tolist()
        return scores

    def similarity(self, question: Sequence[int], passage: Sequence[int]) -> np.ndarray:
        """Cosines, float32 [q, p]."""
        with torch.inference_mode():
            rows = [
                self._vectors(torch.tensor(list(ids), dtype=torch.long, device=self.device))
                for ids in (question, passage)
            ]
            return cosines(*rows).cpu().numpy()


def load_words(folder: Path, name: str, stop_words: Sequence[str], rows: int) -> Words:
    """The words of a checkpoint.

    Args:
        folder: the checkpoint, with its tokenizer.
        name: the user's name for it, for messages.
        stop_words: left out.
        rows: of its table of vectors.

    Raises:
        CheckpointError: no usable tokenizer, or one of another number of words.
    """
    words = Words(load_tokenizer(folder, name), stop_words, name)
    if words.size != rows:
        raise CheckpointError(
            f"has vectors of {rows} words, its tokenizer {words.size}",
            where=name,
            cure="check that tokenizer and weights belong together",
        )
    return words
