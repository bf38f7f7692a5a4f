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
    from odqa.indexes.chunk_database import ChunkDatabase

#: Targets with this id have no loss: the filling behind a shorter document.
IGNORED = -100
# Documents sorted by length together, in batches: the larger, the less padding and chance.
_POOL = 16


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
        chance = random.Random(seed)
        self._plan: list[tuple[int, bool]] = []
        while len(self._plan) < length:
            for numbers in _round([len(d.tokens) for d in documents], batch, chance):
                off = chance.random() < off_share
                self._plan += [(number, off) for number in numbers]
        del self._plan[length:]

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> Document:
        number, off = self._plan[index]
        found = self._documents[number]
        return found.without() if off else found


def _round(lengths: Sequence[int], batch: int, chance: random.Random) -> list[list[int]]:
    """Every document once, in full batches; the few that fill none wait for the next round."""
    order = chance.sample(range(len(lengths)), len(lengths))
    batches: list[list[int]] = []
    for start in range(0, len(order), _POOL * batch):
        pool = sorted(order[start : start + _POOL * batch], key=lambda i: lengths[i])
        batches += [pool[at : at + batch] for at in range(0, len(pool), batch)]
    full = [each for each in batches if len(each) == batch] or batches
    chance.shuffle(full)
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
    k = documents[0].rows.shape[1]
    wide = (len(documents), time // m, k)
    rows, real = np.zeros(wide, np.int64), np.zeros(wide, np.bool_)
    for at, document in enumerate(documents):
        length = len(document.tokens) - 1
        ids[at, :length] = document.tokens[:-1]
        targets[at, :length] = document.tokens[1:]
        chunks = complete_chunks(document.tokens, m)
        rows[at, :chunks], real[at, :chunks] = document.rows, document.real
    batch = {"ids": torch.from_numpy(ids), "targets": torch.from_numpy(targets)}
    if real.any():
        tokens, mask = database.read(rows)
        batch["neighbours"] = torch.from_numpy(tokens.astype(np.int64))
        batch["neighbour_mask"] = torch.from_numpy(mask & real[..., None])
    return batch
