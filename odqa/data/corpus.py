"""A corpus of passages, in memory or memory-mapped (21 million on disk), in one class.

Passages live in Arrow record batches. On disk they are memory-mapped, so that opening Wikipedia
costs neither time nor memory; ids are found through sorted hashes, not Python strings.
"""

from __future__ import annotations

import hashlib
import json
import logging
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.cache.blocks import Blocks
from odqa.data.id_index import IdIndex, id_hash
from odqa.data.ids import check_id, encodable
from odqa.errors import DataError
from odqa.html_view import html_table, shortened
from odqa.types import Passage

if TYPE_CHECKING:
    import pyarrow as pa

_LOG = logging.getLogger(__name__)

#: Characters of one passage, title included: a whole library of books is no passage, and so much
#: still fits into memory several times.
LONGEST_TEXT = 2**26
_BATCH, _BATCH_CHARACTERS = 4096, LONGEST_TEXT
_TABLE, _FACTS = "passages.arrow", "corpus.json"

#: Describes the place of two rows (from 0) in their file, for an error message.
WhereRows = Callable[[int, int], str]


class Corpus:
    """Passages in a fixed order, by row (their position) and by id.

    ``fingerprint`` is the SHA-256 (hex) over ids, titles and texts in order; it does not depend
    on how the corpus is stored. Created by `from_passages` or `open`.
    """

    def __init__(
        self,
        name: str,
        batches: Sequence[pa.RecordBatch],
        index: IdIndex,
        fingerprint: str,
        check: Callable[[int], None] | None = None,
    ) -> None:
        # Called with the number of a batch before it is read; raises where it is damaged.
        self._check = check
        self.name = name
        self.fingerprint = fingerprint
        self._batches = batches
        rows: list[int] = [batch.num_rows for batch in batches]
        self._starts = list(accumulate(rows, initial=0))
        self._index = index

    @classmethod
    def from_passages(cls, passages: Iterable[Passage], name: str = "memory") -> Corpus:
        """A corpus in memory.

        A passage that is repeated word for word counts once, and a warning says how many are.

        Raises:
            DataError: no passages, an id of two passages, an id that is empty or has white space,
                or a passage of more than `LONGEST_TEXT` characters.
        """
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        hashes, fingerprint = _stream(passages, sink, name)
        batches = _open_batches(pa.BufferReader(sink.getvalue()))
        corpus = cls(name, batches, IdIndex.build(hashes), fingerprint)
        if repeats := corpus._repeats():
            _warn_of_repeats(name, len(repeats))
            return cls.from_passages(corpus._without(repeats), name)
        return corpus

    @classmethod
    def empty(cls) -> Corpus:
        """No passages: for pipelines without a retriever."""
        return cls("no corpus", [], IdIndex.build(array("Q")), hashlib.sha256().hexdigest())

    @classmethod
    def write(
        cls,
        passages: Iterable[Passage],
        folder: Path,
        name: str,
        where_rows: WhereRows | None = None,
        *,
        repeated: int = 0,
    ) -> None:
        """Stream passages into a folder that `open` reads.

        Memory: one batch of passages, and 36 bytes a passage while the ids are sorted. Passages
        that are repeated word for word are written once; `open` then warns of them, ``repeated``
        of which were dropped before.

        Raises:
            DataError: as `from_passages`.
        """
        import pyarrow as pa

        with pa.OSFile(str(folder / _TABLE), "wb") as sink:
            hashes, fingerprint = _stream(passages, sink, name)
        index = IdIndex.build(hashes)
        corpus = cls(name, _open_batches(pa.memory_map(str(folder / _TABLE))), index, fingerprint)
        if repeats := corpus._repeats(where_rows):
            # Only now are they known: ids are compared through their sorted hashes.
            unique = folder / "unique"
            unique.mkdir(exist_ok=True)
            cls.write(corpus._without(repeats), unique, name, repeated=len(repeats))
            for file in unique.iterdir():
                file.replace(folder / file.name)
            unique.rmdir()
            return
        index.save(folder)
        facts = {"fingerprint": fingerprint, "passages": len(hashes), "repeated": repeated}
        (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path, name: str) -> Corpus:
        """Memory-map the files of `write`."""
        import pyarrow as pa

        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if repeated := facts.get("repeated"):
            _warn_of_repeats(name, repeated)
        source = pa.memory_map(str(folder / _TABLE))
        batches = _open_batches(source)
        check = _batch_check(folder / _TABLE, source, batches)
        return cls(name, batches, IdIndex.open(folder), facts["fingerprint"], check)

    def __len__(self) -> int:
        return self._starts[-1]

    def __str__(self) -> str:
        return f"{self.name} ({len(self):,} passages)"

    def __repr__(self) -> str:
        return f"<Corpus {self}>"

    def _repr_html_(self) -> str:
        rows = [(p.id, p.title, shortened(p.text, 120)) for p in self.slice(0, 5)]
        return html_table(("id", "title", "text"), rows, str(self))

    def __iter__(self) -> Iterator[Passage]:
        for number in range(len(self._batches)):
            yield from _passages(self._batch(number))

    def __getitem__(self, row: int) -> Passage:
        batch, offset = self._place(row)
        ids, titles, texts = batch.columns
        return Passage(ids[offset].as_py(), texts[offset].as_py(), titles[offset].as_py())

    def slice(self, start: int, stop: int) -> list[Passage]:
        """Passages of rows ``start`` to ``stop`` (exclusive), cut at the end of the corpus."""
        passages: list[Passage] = []
        while start < min(stop, len(self)):
            batch, offset = self._place(start)
            part = batch.slice(offset, stop - start)
            passages += _passages(part)
            start += part.num_rows
        return passages

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
        rows = []
        for passage_id, row in zip(ids, self.find(ids), strict=True):
            if row is None:
                raise DataError(
                    f"no passage '{passage_id}'",
                    where=f"corpus {self.name}",
                    cure="check that runs, qrels and corpus belong together",
                )
            rows.append(row)
        return rows

    def find(self, ids: Sequence[str]) -> list[int | None]:
        """Rows of ids, in order; `None` for an id that the corpus does not have."""
        return [
            next((row for row in rows if self._id(row) == passage_id), None)
            for passage_id, rows in zip(ids, self._index.candidates(ids), strict=True)
        ]

    def ids(self, rows: Sequence[int]) -> list[str]:
        """Ids of rows, in order."""
        return [self._id(row) for row in rows]

    def _id(self, row: int) -> str:
        batch, offset = self._place(row)
        return str(batch.column(0)[offset].as_py())

    def _place(self, row: int) -> tuple[pa.RecordBatch, int]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a corpus of {len(self)} passages")
        batch_number = bisect_right(self._starts, row) - 1
        return self._batch(batch_number), int(row) - self._starts[batch_number]

    def _batch(self, number: int) -> pa.RecordBatch:
        if self._check is not None:
            self._check(number)
        return self._batches[number]

    def _without(self, rows: frozenset[int]) -> Iterator[Passage]:
        return (passage for row, passage in enumerate(self) if row not in rows)

    def _repeats(self, where_rows: WhereRows | None = None) -> frozenset[int]:
        """Rows of passages that an earlier row has word for word.

        Raises:
            DataError: an id of two different passages.
        """
        repeats: set[int] = set()
        for rows in self._index.shared():
            # Different ids may share a hash.
            first_rows: dict[str, int] = {}
            for row in rows:
                passage_id = self._id(row)
                first_row = first_rows.setdefault(passage_id, row)
                if first_row == row:
                    continue
                if self[first_row] != self[row]:
                    place = f"{self.name}, passages {first_row + 1} and {row + 1}"
                    raise DataError(
                        f"the passage id '{passage_id}' is given twice, with different texts",
                        where=where_rows(first_row, row) if where_rows else place,
                        cure="give every passage an id of its own",
                    )
                repeats.add(row)
        return frozenset(repeats)


def _warn_of_repeats(name: str, count: int) -> None:
    message = "corpus %s: %d passages are given again word for word; each counts once"
    _LOG.warning(message, name, count)


def _stream(passages: Iterable[Passage], sink: pa.NativeFile, name: str) -> tuple[array[int], str]:
    """Write passages in batches; returns the hashes of the ids in order, and the fingerprint."""
    import pyarrow as pa

    schema = pa.schema([(column, pa.string()) for column in ("id", "title", "text")])
    digest = hashlib.sha256()
    hashes = array("Q")
    with pa.ipc.new_file(sink, schema) as writer:
        for block in _blocks(passages):
            for passage in block:
                where = f"{name}, passage {len(hashes) + 1}"
                check_id(passage.id, "passage", where)
                _check_length(passage, where)
                _digest(passage, digest, where)
                hashes.append(id_hash(passage.id))
            columns = [[p.id for p in block], [p.title for p in block], [p.text for p in block]]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    if not hashes:
        raise DataError("the corpus has no passages", where=name, cure="pass one that has some")
    return hashes, digest.hexdigest()


def _blocks(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    """Passages in lists that fit into memory and into Arrow's 32-bit offsets."""
    block: list[Passage] = []
    size = 0
    for passage in passages:
        block.append(passage)
        size += len(passage.title) + len(passage.text)
        if len(block) == _BATCH or size > _BATCH_CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _check_length(passage: Passage, where: str) -> None:
    length = len(passage.title) + len(passage.text)
    if length > LONGEST_TEXT:
        raise too_long(f"passage '{passage.id}' has {length:,} characters", where)


def too_long(what: str, where: str) -> DataError:
    """The refusal of a passage of more than `LONGEST_TEXT` characters."""
    cure = f"split it into passages, of {LONGEST_TEXT:,} characters at most"
    return DataError(what, where=where, cure=cure)


def _digest(passage: Passage, digest: Any, where: str) -> None:
    for part in (passage.id, passage.title, passage.text):
        if not encodable(part):
            raise DataError("half of a surrogate pair, which is no character", where=where)
        data = part.encode()
        # Lengths are hashed too: otherwise "ab", "c" would equal "a", "bc".
        digest.update(len(data).to_bytes(8, "little") + data)


def _open_batches(source: pa.NativeFile) -> list[pa.RecordBatch]:
    import pyarrow as pa

    reader = pa.ipc.open_file(source)
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


def _batch_check(
    path: Path, source: pa.MemoryMappedFile, batches: Sequence[pa.RecordBatch]
) -> Callable[[int], None] | None:
    """What compares a batch of a large file with the file's digests (`odqa.cache.blocks`)."""
    blocks = Blocks(path)
    if not blocks.are_there:
        return None
    source.seek(0)
    start = source.read_buffer(1).address
    # A batch with the description before it begins where the one before ends.
    ends = [
        max(
            buffer.address + buffer.size
            for column in batch.columns
            for buffer in column.buffers()
            if buffer is not None
        )
        - start
        for batch in batches
    ]
    starts = [0, *ends[:-1]]
    blocks.check_bytes(np.array([ends[-1]]), np.array([path.stat().st_size]))
    return lambda number: blocks.check_bytes(np.array([starts[number]]), np.array([ends[number]]))


def _passages(batch: pa.RecordBatch) -> list[Passage]:
    ids, titles, texts = (column.to_pylist() for column in batch.columns)
    return [Passage(*row) for row in zip(ids, texts, titles, strict=True)]
