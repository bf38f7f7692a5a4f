"""The token store: vectors round-trip, and a killed build resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.encoders.sharded import Shard
from odqa.errors import CacheError
from odqa.indexes.token_store import TokenStore, build_token_store

LENGTHS = np.array([3, 1, 4, 1, 5, 2, 6])
DIM = 8


def vectors_of(row: int) -> np.ndarray:
    return np.random.default_rng(row).standard_normal((LENGTHS[row], DIM)).astype(np.float32)


class Encoder:
    """Records its calls, and is interrupted at a row."""

    def __init__(self, interrupted_at: int = 99) -> None:
        self.calls: list[tuple[int, int]] = []
        self.interrupted_at = interrupted_at

    def __call__(self, start: int, stop: int) -> Shard:
        if stop > self.interrupted_at:
            raise KeyboardInterrupt
        self.calls.append((start, stop))
        rows = [vectors_of(row) for row in range(start, stop)]
        return Shard(np.concatenate(rows), LENGTHS[start:stop], truncated=stop - start)


def test_gather_gives_back_what_was_encoded(tmp_path: Path) -> None:
    build_token_store(tmp_path, 7, DIM, Encoder(), shard=3)
    store = TokenStore(tmp_path)
    assert (len(store), store.dim, store.vectors.shape) == (7, DIM, (22, DIM))
    assert store.offsets.tolist() == [0, 3, 4, 8, 9, 14, 16, 22]
    packed, lengths = store.gather([6, 1, 1])
    assert packed.dtype == np.float16
    assert lengths.tolist() == [6, 1, 1]
    expected = np.concatenate([vectors_of(6), vectors_of(1), vectors_of(1)])
    np.testing.assert_allclose(packed, expected, atol=2e-3)


def test_vectors_are_mapped_not_read(tmp_path: Path) -> None:
    build_token_store(tmp_path, 7, DIM, Encoder())
    assert isinstance(TokenStore(tmp_path).vectors, np.memmap)


def test_bytes_count_the_files(tmp_path: Path) -> None:
    build_token_store(tmp_path, 7, DIM, Encoder())
    store = TokenStore(tmp_path)
    # 22 tokens of 8 float16 and 8 offsets of int64, each behind a header of 128 bytes.
    info = (tmp_path / "info.json").stat().st_size
    assert store.bytes == 128 + 22 * 8 * 2 + 128 + 8 * 8 + info
    assert store.truncated == 7


def test_one_token_a_passage(tmp_path: Path) -> None:
    def encode(start: int, stop: int) -> Shard:
        return Shard(np.eye(DIM)[start:stop], np.ones(stop - start, dtype=np.int64))

    build_token_store(tmp_path, 4, DIM, encode)
    packed, lengths = TokenStore(tmp_path).gather([2, 0])
    assert lengths.tolist() == [1, 1]
    assert packed.argmax(axis=1).tolist() == [2, 0]


@pytest.mark.parametrize("interrupted_at", [1, 4, 7])
def test_a_killed_build_goes_on_where_it_stood(tmp_path: Path, interrupted_at: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_token_store(tmp_path / "killed", 7, DIM, Encoder(interrupted_at - 1), shard=2)
    again = Encoder()
    build_token_store(tmp_path / "killed", 7, DIM, again, shard=2)
    build_token_store(tmp_path / "uninterrupted", 7, DIM, Encoder(), shard=2)
    finished = 2 * ((interrupted_at - 1) // 2)
    assert again.calls[0][0] == finished
    for name in ("vectors.npy", "offsets.npy"):
        expected = (tmp_path / "uninterrupted" / name).read_bytes()
        assert (tmp_path / "killed" / name).read_bytes() == expected


def test_half_a_shard_on_disk_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_token_store(tmp_path / "killed", 7, DIM, Encoder(4), shard=3)
    with (tmp_path / "killed" / "vectors.npy").open("ab") as out:
        out.write(b"x" * 50)
    build_token_store(tmp_path / "killed", 7, DIM, Encoder(), shard=3)
    build_token_store(tmp_path / "uninterrupted", 7, DIM, Encoder(), shard=3)
    expected = (tmp_path / "uninterrupted" / "vectors.npy").read_bytes()
    assert (tmp_path / "killed" / "vectors.npy").read_bytes() == expected


def test_incomplete_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="no readable vectors") as caught:
        TokenStore(tmp_path)
    assert "\n" not in str(caught.value)
