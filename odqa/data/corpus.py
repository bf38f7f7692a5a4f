"""A corpus of passages: 150 in memory or 21 million on disk, behind one class.

Passages live in an Arrow table. On disk it is memory-mapped, so that opening Wikipedia costs
neither time nor memory; ids are found through sorted 64-bit hashes, not Python strings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import DataError
from odqa.types import Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows that travel together while a corpus is written or read through.
BLOCK = 8192
_TABLE, _FACTS = "passages.arrow", "corpus.json"
_HASHES, _ROWS = "id-hashes.npy", "id-rows.npy"


class Corpus:
    """Random access to passages by row (their position) and by id.

    ``fingerprint`` is the SHA-256 over ids, titles and texts in order; it does not depend on how
    the corpus is stored.
    """

    def __init__(
        self,
        name: str,
        table: Any,
        hashes: NDArray[np.uint64],
        rows: NDArray[np.int64],
        print_: str,
    ) -> None:
        self.name = name
        self.fingerprint = print_
        self._table = table
        self._hashes = hashes
        self._rows = rows

    @classmethod
    def from_passages(cls, passages: Iterable[Passage], name: str = "memory") -> Corpus:
        """A corpus in memory.

        Raises:
            DataError: no passages, or one id twice.
        """
        import pyarrow as pa

        digest = _Digest()
        blocks = [_record_batch(block, digest) for block in _blocked(passages)]
        if not blocks:
            raise DataError("no passages", where=name, cure="pass at least one")
        table = pa.Table.from_batches(blocks)
        hashes, rows = _id_index(table, name)
        return cls(name, table, hashes, rows, digest.hexdigest())

    @classmethod
    def write(cls, passages: Iterable[Passage], folder: Path, name: str) -> None:
        """Stream passages into a folder that `open` reads; memory stays bounded.

        Raises:
            DataError: no passages, or one id twice.
        """
        import pyarrow as pa

        digest, count = _Digest(), 0
        with pa.OSFile(str(folder / _TABLE), "wb") as sink:
            with pa.ipc.new_file(sink, _schema()) as writer:
                for block in _blocked(passages):
                    writer.write_batch(_record_batch(block, digest))
                    count += len(block)
        if not count:
            raise DataError("no passages", where=name, cure="pass a file that holds some")
        table = _mapped(folder)
        hashes, rows = _id_index(table, name)
        np.save(folder / _HASHES, hashes)
        np.save(folder / _ROWS, rows)
        facts = {"fingerprint": digest.hexdigest(), "passages": count}
        (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path, name: str) -> Corpus:
        """Memory-map what `write` made."""
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        hashes = np.load(folder / _HASHES, mmap_mode="r")
        rows = np.load(folder / _ROWS, mmap_mode="r")
        return cls(name, _mapped(folder), hashes, rows, facts["fingerprint"])

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[Passage]:
        for start in range(0, len(self), BLOCK):
            yield from self.slice(start, start + BLOCK)

    def __getitem__(self, row: int) -> Passage:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self.slice(row, row + 1)[0]

    def slice(self, start: int, stop: int) -> list[Passage]:
        """Passages of rows ``start`` to ``stop`` (exclusive), cut at the end of the corpus."""
        part = self._table.slice(start, max(0, stop - start))
        columns = (part.column(name).to_pylist() for name in ("id", "text", "title"))
        return [Passage(*row) for row in zip(*columns, strict=True)]

    def get(self, passage_id: str) -> Passage:
        """The passage with this id.

        Raises:
            DataError: there is none.
        """
        return self[self.rows([passage_id])[0]]

    def rows(self, ids: Sequence[str]) -> list[int]:
        """Rows of ids, in order.

        Raises:
            DataError: an id that the corpus does not have.
        """
        found = self.find(ids)
        for passage_id, row in zip(ids, found, strict=True):
            if row is None:
                raise DataError(
                    f"no passage '{passage_id}'",
                    where=f"corpus {self.name}",
                    cure="check that runs, qrels and corpus belong together",
                )
        return [row for row in found if row is not None]

    def find(self, ids: Sequence[str]) -> list[int | None]:
        """Rows of ids, in order; `None` for an id that the corpus does not have."""
        wanted = np.fromiter((_hash(i) for i in ids), dtype=np.uint64, count=len(ids))
        starts = np.searchsorted(self._hashes, wanted)
        return [
            self._row_from(int(start), value, passage_id)
            for start, value, passage_id in zip(starts, wanted, ids, strict=True)
        ]

    def ids(self, rows: Sequence[int]) -> list[str]:
        """Ids of rows, in order."""
        column = self._table.column("id")
        return [column[int(row)].as_py() for row in rows]

    def _row_from(self, start: int, value: np.uint64, passage_id: str) -> int | None:
        # Different ids may share a hash: look at every row that has it.
        while start < len(self._hashes) and self._hashes[start] == value:
            row = int(self._rows[start])
            if self.ids([row])[0] == passage_id:
                return row
            start += 1
        return None


class _Digest:
    """SHA-256 over rows; lengths go in too, so that moved borders change it."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, passage: Passage) -> None:
        for part in (passage.id, passage.title, passage.text):
            data = part.encode()
            self._sha.update(len(data).to_bytes(8, "little") + data)

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([("id", pa.string()), ("text", pa.large_string()), ("title", pa.string())])


def _blocked(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    block: list[Passage] = []
    for passage in passages:
        block.append(passage)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block


def _record_batch(block: Sequence[Passage], digest: _Digest) -> Any:
    import pyarrow as pa

    for passage in block:
        digest.add(passage)
    columns = [[p.id for p in block], [p.text for p in block], [p.title for p in block]]
    return pa.record_batch(columns, schema=_schema())


def _mapped(folder: Path) -> Any:
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(folder / _TABLE))).read_all()


def _hash(passage_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(passage_id.encode(), digest_size=8).digest(), "little")


def _id_index(table: Any, name: str) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    column = table.column("id")
    hashes = np.empty(table.num_rows, dtype=np.uint64)
    position = 0
    for chunk in column.chunks:
        for value in chunk.to_pylist():
            hashes[position] = _hash(value)
            position += 1
    rows = np.argsort(hashes, kind="stable").astype(np.int64)
    ordered = hashes[rows]
    for place in np.flatnonzero(ordered[1:] == ordered[:-1]):
        first, second = int(rows[place]), int(rows[place + 1])
        if column[first].as_py() == column[second].as_py():
            raise DataError(
                f"id '{column[first].as_py()}' is given twice (passages {first + 1} and {second + 1})",
                where=name,
                cure="give every passage an id of its own",
            )
    return ordered, rows
