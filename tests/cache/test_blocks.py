from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache, blocks, manifest
from odqa.cache.blocks import Blocks
from odqa.errors import CacheError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """1,000 bytes in blocks of 64, in an artifact."""
    monkeypatch.setattr(manifest, "HASHED_AT_ONCE", 500)
    monkeypatch.setattr(blocks, "BLOCK", 64)
    folder = Cache(tmp_path).artifact(
        "kind", {}, lambda work: (work / "a").write_bytes(bytes(1000)) and None
    )
    return folder / "a"


def read(checked: Blocks, start: int, stop: int) -> None:
    checked.check_bytes(np.array([start]), np.array([stop]))


def test_only_the_blocks_that_are_read_are_checked(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[640] = 1
    file.write_bytes(bytes(data))
    checked = Blocks(file)
    # The byte is the first of block 10.
    read(checked, 0, 640)
    read(checked, 704, 1000)
    for start, stop in ((640, 641), (703, 704), (0, 1000), (600, 650)):
        with pytest.raises(CacheError, match="this file of the cache is damaged"):
            read(Blocks(file), start, stop)
    with pytest.raises(CacheError, match="damaged"):
        Blocks(file).check_all()


def test_a_block_is_hashed_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Blocks(file)
    checked.check_all()
    monkeypatch.setattr("xxhash.xxh3_64_intdigest", lambda data: pytest.fail("hashed again"))
    checked.check_all()
    read(checked, 0, 1000)


def test_a_small_file_has_no_digests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    checked = Blocks(tmp_path / "a")
    assert not checked.are_there
    checked.check_all()
    read(checked, 0, 1)


def test_digests_of_a_longer_file(file: Path) -> None:
    digests = file.with_name("a.xxh3")
    digests.write_bytes(digests.read_bytes()[:-8])
    with pytest.raises(CacheError, match="damaged"):
        Blocks(file)
