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
    from odqa.retro.offline.chunk_database import ChunkDatabase

#: In place of a number of a title: nothing is left out.
NONE_EXCLUDED = -1


@dataclass(frozen=True, slots=True)
class Split:
    """Passages in corpus order; none is in two parts.

    Attributes:
        train: the model is trained on.
        validation: its checkpoint is chosen by.
        test: it is judged by, once.
    """

    train: list[Passage]
    validation: list[Passage]
    test: list[Passage]


def split_passages(
    passages: Sequence[Passage],
    *,
    validation: int,
    test: int,
    per_title: int,
    seed: int,
    where: str,
) -> Split:
    """Draw the parts from the passages whose title at least ``per_title`` of them have.

    Args:
        passages: in corpus order.
        validation, test: passages in these parts.
        per_title: how many passages have to share a title.
        seed: decides which.
        where: they come from, for the error line.

    Raises:
        DataError: nothing would be left to train on.
    """
    titles = Counter(passage.title for passage in passages)
    usable = [passage for passage in passages if titles[passage.title] >= per_title]
    if len(usable) <= validation + test:
        raise DataError(
            f"{len(usable)} passages with {per_title} or more of their title, "
            f"{validation} + {test} to be set apart",
            where=where,
            cure="set fewer apart, or lower settings.per_title",
        )
    order = random.Random(seed).sample(range(len(usable)), len(usable))
    parts = dict.fromkeys(order[:test], "test") | dict.fromkeys(
        order[test : test + validation], "validation"
    )

    def part(name: str) -> list[Passage]:
        return [passage for i, passage in enumerate(usable) if parts.get(i, "train") == name]

    return Split(part("train"), part("validation"), part("test"))


@dataclass(frozen=True, slots=True)
class Document:
    """One passage as the model sees it.

    Attributes:
        tokens: they begin with the start token.
        neighbours: [l, k], chunks of the database that each complete chunk retrieved, by row.
        neighbour_mask: [l, k], which of them are there.
    """

    tokens: list[int]
    neighbours: NDArray[np.int64]
    neighbour_mask: NDArray[np.bool_]

    def without_retrieval(self) -> Document:
        """The same with retrieval off."""
        return Document(self.tokens, self.neighbours, np.zeros_like(self.neighbour_mask))


def complete_chunks(tokens: Sequence[int], chunk_length: int) -> int:
    """Chunks that may retrieve: complete, and with a token behind them to predict."""
    return (len(tokens) - 1) // chunk_length


def number_titles(train: Sequence[Passage]) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Number of each title, and the number of every passage's title."""
    numbers: dict[str, int] = {}
    of_passages = [numbers.setdefault(passage.title, len(numbers)) for passage in train]
    return numbers, np.array(of_passages, np.int64)


def training_documents(database: ChunkDatabase, k: int) -> list[Document]:
    """The database's own passages, each chunk with neighbours from other passages."""
    neighbours, mask = database.own_neighbours(k)
    documents = []
    for start, stop in zip(database.starts[:-1], database.starts[1:], strict=True):
        flat = database.tokens[start:stop].ravel()
        tokens = flat[flat >= 0].tolist()
        chunk = slice(start, start + complete_chunks(tokens, database.chunk_length))
        documents.append(Document(tokens, neighbours[chunk], mask[chunk]))
    return documents


def unseen_documents(
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
    excluded, titles = np.full(len(passages), NONE_EXCLUDED), None
    if other_titles:
        numbers, titles = number_titles(other_titles)
        excluded = np.array([numbers.get(passage.title, NONE_EXCLUDED) for passage in passages])
    keys = database.keys(chunks, "keys of held-out chunks")
    neighbours, mask = database.nearest(keys, np.repeat(excluded, counts), k, titles)
    ends = np.cumsum(counts)[:-1]
    parts = zip(texts, np.split(neighbours, ends), np.split(mask, ends), strict=True)
    return [Document(*part) for part in parts]


def random_neighbours(
    database: ChunkDatabase, documents: Sequence[Document], seed: int
) -> list[Document]:
    """As many neighbours as each chunk has, drawn from the whole database instead.

    The documents are none of the database's, so that whatever is drawn is of another one.
    """
    rng = np.random.default_rng(seed)
    return [
        Document(d.tokens, rng.integers(len(database), size=d.neighbours.shape), d.neighbour_mask)
        for d in documents
    ]
