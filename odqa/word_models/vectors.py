"""Word vectors: a table, or the base model's table through a matrix while that is learnt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.encoders.batches import padded


def padded_ids(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Word ids [n, longest], 0 where there is none, and a float32 mask: 1 for words.

    The longest is at least 1, so that a text without words is a row of padding.
    """
    rows, mask = padded([list(row) for row in ids], 0)
    if not rows.shape[1]:
        return torch.zeros(len(ids), 1, dtype=torch.long), torch.zeros(len(ids), 1)
    return torch.from_numpy(rows), torch.from_numpy(mask).float()


class VectorTable(nn.Module):
    """A vector for every word: float32 [size, dim]."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors [..., dim] of words."""
        return F.embedding(ids, self.table)  # type: ignore[arg-type]


class ProjectedVectors(nn.Module):
    """A frozen table through a learnt matrix: ``W e + b``.

    It starts as the centred table's principal components, scaled to equal mean length: the mean of
    all vectors, which they have in common, is taken away (Mu and Viswanath 2018).

    Args:
        table: float32 [size, n].
        dim: width of the vectors, at most n.
    """

    def __init__(self, table: Tensor, dim: int) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)
        self.projection = nn.Linear(table.shape[1], dim)
        mean = table.mean(0)
        centred = (table - mean).double()
        _, vectors = torch.linalg.eigh(centred.T @ centred)
        # Ascending order; the sign of an eigenvector is arbitrary, so it is fixed.
        components = vectors.flip(1)[:, :dim].T.float()
        largest = components.gather(1, components.abs().argmax(1, keepdim=True))
        components = components * largest.sign()
        with torch.no_grad():
            self.projection.weight.copy_(components)
            self.projection.bias.copy_(-(components @ mean))

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors [..., dim] of words; each word of a batch is multiplied once."""
        words, places = torch.unique(ids, return_inverse=True)
        vectors: Tensor = self.projection(F.embedding(words, self.table))  # type: ignore[arg-type]
        return F.embedding(places, vectors)


def cosines(question: Tensor, passage: Tensor) -> Tensor:
    """The matrix [..., q, p] of word vectors [..., q, dim] and [..., p, dim]."""
    first, second = F.normalize(question, dim=-1), F.normalize(passage, dim=-1)
    return first @ second.transpose(-1, -2)
