"""Documents with neighbours -> the batches a RETRO language model is trained and judged on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from odqa.training.data.lm_documents import Document, complete_chunks

if TYPE_CHECKING:
    from odqa.retro.offline.chunk_database import ChunkDatabase

#: Targets with this id have no loss: the filling behind a shorter document.
IGNORED = -100
# Batches that are sorted by length together: the more, the less padding, and the less shuffled.
_BATCHES_PER_POOL = 16


class DocumentSchedule:
    """Every document of a training in the order of use; item i is the same on every run.

    Documents are gone through in shuffled rounds. Those of a batch have like lengths, and all of
    them retrieve or none does: then nothing is encoded in vain.

    Args:
        documents: of the training part.
        length: items.
        batch: items that are used together.
        off_share: of the batches, those with retrieval off, so that off is a trained mode.
        seed: decides everything.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        length: int,
        *,
        batch: int,
        off_share: float,
        seed: int,
    ) -> None:
        self._documents = documents
        rng = random.Random(seed)
        lengths = [len(document.tokens) for document in documents]
        self._order: list[tuple[int, bool]] = []
        while len(self._order) < length:
            for numbers in _shuffled_batches(lengths, batch, rng):
                off = rng.random() < off_share
                self._order += [(number, off) for number in numbers]
        del self._order[length:]

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Document:
        number, off = self._order[index]
        document = self._documents[number]
        return document.without_retrieval() if off else document


def _shuffled_batches(lengths: Sequence[int], batch: int, rng: random.Random) -> list[list[int]]:
    """Every document once, in full batches; the few that fill none wait for the next round."""
    order = rng.sample(range(len(lengths)), len(lengths))
    batches: list[list[int]] = []
    pool_size = _BATCHES_PER_POOL * batch
    for start in range(0, len(order), pool_size):
        pool = sorted(order[start : start + pool_size], key=lambda i: lengths[i])
        batches += [pool[at : at + batch] for at in range(0, len(pool), batch)]
    full = [numbers for numbers in batches if len(numbers) == batch] or batches
    rng.shuffle(full)
    return full


def collate_documents(database: ChunkDatabase, documents: Sequence[Document]) -> dict[str, Tensor]:
    """Tensors of B documents, T the longest less one token.

    Returns:
        ``ids`` and ``targets`` int64 [B, T]: the target of a token is the next one, `IGNORED`
        behind the end; and unless none of the documents has a neighbour, ``neighbours`` int64 and
        ``neighbour_mask`` bool [B, T // m, k, 2m].
    """
    m = database.chunk_length
    time = max(len(document.tokens) for document in documents) - 1
    shape = (len(documents), time)
    ids, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    k = documents[0].neighbours.shape[1]
    per_chunk = (len(documents), time // m, k)
    neighbours, retrieved = np.zeros(per_chunk, np.int64), np.zeros(per_chunk, np.bool_)
    for row, document in enumerate(documents):
        length = len(document.tokens) - 1
        ids[row, :length] = document.tokens[:-1]
        targets[row, :length] = document.tokens[1:]
        chunks = complete_chunks(document.tokens, m)
        neighbours[row, :chunks] = document.neighbours
        retrieved[row, :chunks] = document.neighbour_mask
    batch = {"ids": torch.from_numpy(ids), "targets": torch.from_numpy(targets)}
    if retrieved.any():
        tokens, mask = database.read(neighbours)
        batch["neighbours"] = torch.from_numpy(tokens.astype(np.int64))
        batch["neighbour_mask"] = torch.from_numpy(mask & retrieved[..., None])
    return batch
