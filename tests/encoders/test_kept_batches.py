from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from odqa.encoders import kept_batches
from odqa.encoders.kept_batches import KeptBatches, keeping_batches
from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.encoders.sharded import Shard, VectorFile, encode_shards
from odqa.encoders.text import TextEncoder
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert, tiny_colbert

BATCHES = [[2, 0], [1], [3, 4]]
#: Text i has i + 1 vectors of width 2.
VECTORS = [np.full((i + 1, 2), i, np.float32) for i in range(5)]


@pytest.fixture(autouse=True)
def store_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_batches, "SECONDS", 0.0)


def vectors_of(batch: list[int]) -> list[np.ndarray]:
    return [VECTORS[i] for i in batch]


def started(folder: Path, batches: Sequence[list[int]] = BATCHES, number: int = 0) -> KeptBatches:
    with keeping_batches(folder, number):
        return KeptBatches(batches, vectors_of)


def test_finished_batches_come_back(tmp_path: Path) -> None:
    first = started(tmp_path)
    assert (first.finished, first.remaining) == ([], BATCHES)
    for batch in BATCHES[:2]:
        first.done(batch)
    second = started(tmp_path)
    assert second.remaining == [[3, 4]]
    assert [batch for batch, _ in second.finished] == BATCHES[:2]
    for batch, vectors in second.finished:
        for i, rows in zip(batch, vectors, strict=True):
            np.testing.assert_array_equal(rows, VECTORS[i])
    second.done([3, 4])
    assert started(tmp_path).remaining == []


def test_only_of_the_same_shard_call_and_batches(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.done(BATCHES[0])
    assert started(tmp_path, number=1).remaining == BATCHES
    assert started(tmp_path, [[0, 2], [1], [3, 4]]).finished == []
    with keeping_batches(tmp_path, 0):
        assert KeptBatches(BATCHES, vectors_of).remaining == BATCHES[1:]
        assert KeptBatches(BATCHES, vectors_of).remaining == BATCHES


@pytest.mark.parametrize("position", range(0, 900, 45))
def test_a_flipped_byte_is_never_taken_up(tmp_path: Path, position: int) -> None:
    first = started(tmp_path)
    for batch in BATCHES:
        first.done(batch)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    data = bytearray(files[1].read_bytes())
    data[position % len(data)] ^= 4
    files[1].write_bytes(bytes(data))
    again = started(tmp_path)
    for batch, vectors in again.finished:
        for i, rows in zip(batch, vectors, strict=True):
            np.testing.assert_array_equal(rows, VECTORS[i])
    assert len(again.finished) in (1, 3)


def test_nothing_is_kept_outside_of_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = KeptBatches(BATCHES, vectors_of)
    for batch in BATCHES:
        kept.done(batch)
    assert (kept.finished, list(tmp_path.iterdir())) == ([], [])


RNG = np.random.default_rng(3)
TEXTS = [" ".join(RNG.choice(WORDS.split(), int(RNG.integers(1, 40)))) for _ in range(60)]


def text_encoder(folder: Path) -> tuple[Any, Callable[[Any, int, int], Shard]]:
    encoder = TextEncoder(str(tiny_bert(folder)), batch_size=1)
    return encoder, lambda e, a, b: Shard(e.encode(TEXTS[a:b]), np.ones(b - a, np.int64))


def colbert(folder: Path) -> tuple[Any, Callable[[Any, int, int], Shard]]:
    encoder = LateInteractionEncoder(str(tiny_colbert(folder)), batch_size=1)
    return encoder, lambda e, a, b: e.encode_passages(TEXTS[a:b])


@pytest.mark.parametrize("make", [text_encoder, colbert])
def test_a_resumed_encoding_equals_one_without_interruption_bit_for_bit(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shards of 40 and 20; killed in each, after batches that are stored."""
    encoder, encode = make(tmp_path / "checkpoint")
    encoder.load()
    forward, calls = type(encoder)._forward, [0]
    kill_at: set[int] = set()

    def counted(self: Any, *args: Any) -> Any:
        calls[0] += 1
        if calls[0] in kill_at:
            raise KeyboardInterrupt
        return forward(self, *args)

    monkeypatch.setattr(type(encoder), "_forward", counted)

    def run(folder: Path) -> VectorFile:
        folder.mkdir(exist_ok=True)
        encode_shards(folder, 60, encoder.dim, lambda a, b: encode(encoder, a, b), shard=40)
        return VectorFile(folder)

    alone = run(tmp_path / "alone")
    batches = calls[0]
    assert batches > 6
    calls[0] = 0
    kill_at.update({3, batches - 1})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed")
    resumed = run(tmp_path / "killed")
    # The two batches that were killed, and no others, were begun twice.
    assert calls[0] == batches + 2
    np.testing.assert_array_equal(resumed.vectors, alone.vectors)
    if alone.offsets is not None:
        np.testing.assert_array_equal(resumed.offsets, alone.offsets)
    assert not list((tmp_path / "killed" / ".resume").glob("*-*"))
