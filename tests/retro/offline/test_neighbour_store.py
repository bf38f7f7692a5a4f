from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.encoders.sharded import Shard
from odqa.indexes.token_store import build_token_store
from odqa.retro.offline.neighbour_store import NeighbourStore

LENGTHS = [2, 1, 4, 3, 2]
ROWS = [np.full((n, 3), 10.0 * i) + np.arange(n)[:, None] for i, n in enumerate(LENGTHS)]


def encode(start: int, stop: int) -> Shard:
    return Shard(np.concatenate(ROWS[start:stop]), np.array(LENGTHS[start:stop]), truncated=1)


def test_padded_rows_come_in_the_order_of_the_request(tmp_path: Path) -> None:
    build_token_store(tmp_path, 5, 3, encode, shard=2)
    store = NeighbourStore(tmp_path)
    rows, mask = store.padded([3, 1])
    assert rows.dtype == np.float16
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    np.testing.assert_array_equal(rows[0], ROWS[3])
    np.testing.assert_array_equal(rows[1], [[10.0] * 3, [0.0] * 3, [0.0] * 3])
    assert store.truncated == 3


def test_a_killed_build_goes_on(tmp_path: Path) -> None:
    starts: list[int] = []

    def killed(start: int, stop: int) -> Shard:
        starts.append(start)
        if start == 4 and len(starts) == 3:
            raise KeyboardInterrupt
        return encode(start, stop)

    with pytest.raises(KeyboardInterrupt):
        build_token_store(tmp_path, 5, 3, killed, shard=2)
    build_token_store(tmp_path, 5, 3, killed, shard=2)
    assert starts == [0, 2, 4, 4]
    rows, mask = NeighbourStore(tmp_path).padded(range(5))
    np.testing.assert_array_equal(rows[mask], np.concatenate(ROWS))


def test_no_rows(tmp_path: Path) -> None:
    build_token_store(tmp_path, 5, 3, encode)
    rows, mask = NeighbourStore(tmp_path).padded([])
    assert rows.shape == (0, 0, 3)
    assert mask.shape == (0, 0)
