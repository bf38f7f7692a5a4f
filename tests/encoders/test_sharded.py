from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from odqa.encoders.sharded import Shard, VectorFile, encode_shards
from odqa.errors import CacheError

ROWS = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)


def one_each(start: int, stop: int) -> Shard:
    return Shard(ROWS[start:stop], np.ones(stop - start, np.int64), truncated=stop - start - 1)


def recorded(
    encode: Callable[[int, int], Shard], calls: list[int], fail_at: int | None = None
) -> Callable[[int, int], Shard]:
    def wrapped(start: int, stop: int) -> Shard:
        if start == fail_at:
            raise KeyboardInterrupt
        calls.append(start)
        return encode(start, stop)

    return wrapped


def test_shards_make_one_mapped_file(tmp_path: Path) -> None:
    encode_shards(tmp_path, 10, 3, one_each, shard=4)
    file = VectorFile(tmp_path)
    assert isinstance(file.vectors, np.memmap)
    np.testing.assert_array_equal(file.vectors, ROWS)
    # Shards of 4, 4 and 2 items: 3 + 3 + 1 cut off.
    assert (file.items, file.dim, file.truncated, file.offsets) == (10, 3, 7, None)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".resume", "info.json", "vectors.npy"]


def test_a_killed_run_goes_on_after_the_last_finished_shard(tmp_path: Path) -> None:
    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        encode_shards(tmp_path, 10, 3, recorded(one_each, calls, fail_at=4), shard=4)
    assert calls == [0]
    encode_shards(tmp_path, 10, 3, recorded(one_each, calls), shard=4)
    assert calls == [0, 4, 8]
    file = VectorFile(tmp_path)
    np.testing.assert_array_equal(file.vectors, ROWS)
    assert file.truncated == 7


def test_vectors_of_an_unfinished_shard_are_cut_off(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        encode_shards(tmp_path, 10, 3, recorded(one_each, [], fail_at=4), shard=4)
    # Killed between the vectors of the second shard and its record.
    with (tmp_path / "vectors.npy").open("ab") as out:
        out.write(b"\xff" * 40)
    encode_shards(tmp_path, 10, 3, one_each, shard=4)
    np.testing.assert_array_equal(VectorFile(tmp_path).vectors, ROWS)


def test_a_torn_file_without_records_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "vectors.npy").write_bytes(b"torn")
    encode_shards(tmp_path, 10, 3, one_each, shard=4)
    np.testing.assert_array_equal(VectorFile(tmp_path).vectors, ROWS)


def test_several_vectors_per_item(tmp_path: Path) -> None:
    counts = np.array([2, 1, 3, 4])
    starts = np.array([0, 2, 3, 6, 10])

    def encode(start: int, stop: int) -> Shard:
        return Shard(ROWS[starts[start] : starts[stop]], counts[start:stop])

    encode_shards(tmp_path, 4, 3, encode, shard=3)
    file = VectorFile(tmp_path)
    np.testing.assert_array_equal(file.vectors, ROWS)
    assert file.offsets is not None
    assert file.offsets.tolist() == starts.tolist()
    assert file.items_of(np.array([[0, 1], [2, 3], [5, 6]])).tolist() == [[0, 0], [1, 2], [2, 3]]


def test_an_encoder_that_loses_vectors_is_caught(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shard of 4 items"):
        encode_shards(tmp_path, 10, 3, lambda a, b: Shard(ROWS[:1], np.ones(4, np.int64)), shard=4)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="no readable vectors"):
        VectorFile(tmp_path)
