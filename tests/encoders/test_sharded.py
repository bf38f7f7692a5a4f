from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
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


def interrupted(folder: Path, fail_at: int = 8) -> None:
    with pytest.raises(KeyboardInterrupt):
        encode_shards(folder, 10, 3, recorded(one_each, [], fail_at=fail_at), shard=4)


@pytest.mark.parametrize("row", [0, 5])
def test_damaged_vectors_of_a_finished_shard_are_encoded_again(tmp_path: Path, row: int) -> None:
    interrupted(tmp_path)
    data = bytearray((tmp_path / "vectors.npy").read_bytes())
    data[128 + row * 12] ^= 1
    (tmp_path / "vectors.npy").write_bytes(bytes(data))
    calls: list[int] = []
    encode_shards(tmp_path, 10, 3, recorded(one_each, calls), shard=4)
    # From the damaged shard on: each has 4 rows of 12 bytes behind a header of 128.
    assert calls == [0, 4, 8][row // 4 :]
    np.testing.assert_array_equal(VectorFile(tmp_path).vectors, ROWS)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x00" * 300])
def test_a_damaged_record_is_none(tmp_path: Path, content: bytes) -> None:
    interrupted(tmp_path)
    (tmp_path / ".resume" / "000001.npz").write_bytes(content)
    calls: list[int] = []
    encode_shards(tmp_path, 10, 3, recorded(one_each, calls), shard=4)
    assert calls == [4, 8]


def test_shards_of_another_size_are_not_taken_up(tmp_path: Path) -> None:
    interrupted(tmp_path)
    calls: list[int] = []
    encode_shards(tmp_path, 10, 3, recorded(one_each, calls), shard=5)
    assert calls == [0, 5]
    np.testing.assert_array_equal(VectorFile(tmp_path).vectors, ROWS)


def test_shards_of_version_0_1_0_are_taken_up(tmp_path: Path) -> None:
    interrupted(tmp_path)
    (tmp_path / ".resume").rename(tmp_path / "shards")
    for path in (tmp_path / "shards").iterdir():
        with np.load(path) as record:
            counts, truncated = record["counts"], record["truncated"]
        np.savez(path, counts=counts, truncated=truncated)
    calls: list[int] = []
    encode_shards(tmp_path, 10, 3, recorded(one_each, calls), shard=4)
    assert calls == [8]
    assert not (tmp_path / "shards").exists()
    np.testing.assert_array_equal(VectorFile(tmp_path).vectors, ROWS)


def test_a_run_killed_after_the_last_shard_encodes_nothing_again(tmp_path: Path) -> None:
    """Such as while the cache hashes the files."""
    encode_shards(tmp_path, 10, 3, one_each, shard=4)
    calls: list[int] = []
    encode_shards(tmp_path, 10, 3, recorded(one_each, calls), shard=4)
    assert calls == []
    np.testing.assert_array_equal(VectorFile(tmp_path).vectors, ROWS)


def test_vectors_of_a_large_file_are_checked_as_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odqa.cache.manifest.HASHED_AT_ONCE", 100)
    monkeypatch.setattr("odqa.cache.blocks.BLOCK", 128)
    folder = Cache(tmp_path).artifact("v", {}, lambda work: encode_shards(work, 10, 3, one_each))
    data = bytearray((folder / "vectors.npy").read_bytes())
    data[-1] ^= 1
    (folder / "vectors.npy").write_bytes(bytes(data))
    file = VectorFile(folder)
    # 128 bytes of header and 120 of rows: all rows are in the second block.
    file.check(np.array([-1]))
    file.check(np.array([4]), np.array([0]))
    with pytest.raises(CacheError, match="damaged"):
        file.check(np.array([0]))
    with pytest.raises(CacheError, match="damaged"):
        VectorFile(folder).check()
