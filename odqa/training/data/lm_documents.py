"""Passages a language model is trained, chosen and judged on, and what each of them retrieves."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from odqa.errors import DataError
from odqa.types import Passage

if TYPE_CHECKING:
    from odqa.indexes.chunk_database import ChunkDatabase

#: No group of the database.
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Split:
    """Passages in corpus order; none is in two parts."""

    train: list[Passage]
    dev: list[Passage]
    held_out: list[Passage]


def split_passages(
    passages: Sequence[Passage], *, dev: int, held_out: int, per_title: int, seed: int, where: str
) -> Split:
    """Draw the parts from the passages whose title at least ``per_title`` of them have.

    Raises:
        DataError: nothing would be left to train on.
    """
    titles = Counter(passage.title for passage in passages)
    used = [passage for passage in passages if titles[passage.title] >= per_title]
    if len(used) <= dev + held_out:
        raise DataError(
            f"{len(used)} passages with {per_title} or more of their title, "
            f"{dev} + {held_out} to be set apart",
            where=where,
            cure="set fewer apart, or lower settings.per_title",
        )
    order = random.Random(seed).sample(range(len(used)), len(used))
    part = dict.fromkeys(order[:held_out], "held-out") | dict.fromkeys(
        order[held_out : held_out + dev], "dev"
    )

    def take(name: str) -> list[Passage]:
        return [passage for i, passage in enumerate(used) if part.get(i, "train") == name]

    return Split(take("train"), take("dev"), take("held-out"))


@dataclass(frozen=True, slots=True)
class Document:
    """One passage as the model sees it.

    ``tokens`` begin with the start token. ``rows`` [l, k] are the chunks of the database that each
    complete chunk retrieved, ``real`` [l, k] tells which of them are there.
    """

    tokens: list[int]
    rows: NDArray[np.int64]
    real: NDArray[np.bool_]

    def without(self) -> Document:
        """The same with retrieval off."""
        return Document(self.tokens, self.rows, np.zeros_like(self.real))


def complete_chunks(tokens: Sequence[int], chunk_length: int) -> int:
    """Chunks that may retrieve: complete, and with a token behind them to predict."""
    return (len(tokens) - 1) // chunk_length


def title_groups(train: Sequence[Passage]) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Number of each title, and the number of every passage's title."""
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(passage.title, len(numbers)) for passage in train]
    return numbers, np.array(groups, np.int64)


def trained_documents(database: ChunkDatabase, k: int) -> list[Document]:
    """The database's own passages, each chunk with neighbours from other passages."""
    rows, real = database.own_neighbours(k)
    documents = []
    for start, stop in zip(database.starts[:-1], database.starts[1:], strict=True):
        flat = database.tokens[start:stop].ravel()
        tokens = flat[flat >= 0].tolist()
        chunk = slice(start, start + complete_chunks(tokens, database.chunk_length))
        documents.append(Document(tokens, rows[chunk], real[chunk]))
    return documents


def new_documents(
    database: ChunkDatabase,
    passages: Sequence[Passage],
    k: int,
    *,
    other_titles: Sequence[Passage] = (),
) -> list[Document]:
    """Passages outside the database with their neighbours in it.

    Args:
        database: prepared.
        passages: none of them is in it.
        k: neighbours per chunk.
        other_titles: the database's passages, where neighbours of the same title are left out.
    """
    m = database.chunk_length
    texts = database.tokenizer.encode([passage.text for passage in passages])
    counts = [complete_chunks(tokens, m) for tokens in texts]
    chunks = [
        tokens[u * m : (u + 1) * m]
        for tokens, n in zip(texts, counts, strict=True)
        for u in range(n)
    ]
    own, groups = np.full(len(passages), NOWHERE), None
    if other_titles:
        numbers, groups = title_groups(other_titles)
        own = np.array([numbers.get(passage.title, NOWHERE) for passage in passages])
    keys = database.keys(chunks, "keys of held-out chunks")
    rows, real = database.nearest(keys, np.repeat(own, counts), k, groups)
    ends = np.cumsum(counts)[:-1]
    return [
        Document(tokens, found, mask)
        for tokens, found, mask in zip(
            texts, np.split(rows, ends), np.split(real, ends), strict=True
        )
    ]


def random_neighbours(
    database: ChunkDatabase, documents: Sequence[Document], seed: int
) -> list[Document]:
    """As many neighbours as each chunk has, drawn from the whole database instead.

    The documents are none of the database's, so that whatever is drawn is of another one.
    """
    chance = np.random.default_rng(seed)
    return [
        Document(d.tokens, chance.integers(len(database), size=d.rows.shape), d.real)
        for d in documents
    ]
