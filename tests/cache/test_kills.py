"""A build killed at every one of its writes, and gone on with: the short form of
``eval/reliability/kills.py``."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.cache.manifest import check, files_of
from odqa.encoders.sharded import Shard, encode_shards
from odqa.execution.record import Batch, read_batch, write_batch
from odqa.meters.meter import Spent
from odqa.types import Hit

ROWS = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


def build_vectors(work: Path) -> None:
    def encode(start: int, stop: int) -> Shard:
        counts = np.array([2, 1] * 5)[start:stop]
        return Shard(np.repeat(ROWS[start:stop], counts, axis=0), counts, start)

    encode_shards(work, 10, 3, encode, shard=4)


def build_stage(work: Path) -> None:
    for number in range(3):
        if read_batch(work, number, of_unfinished=True) is None:
            write_batch(work, number, Batch(Spent(1.0), {f"q{number}": [Hit("p", 0.5)]}))
    (work / "stage.json").write_text("{}")


def work(root: Path) -> list[Path]:
    """Two artifacts, the second read after it is built, as its finished batches would be."""
    cache = Cache(root)
    vectors = cache.artifact("vectors", {"rows": 10}, build_vectors)
    return [vectors, cache.artifact("stages", {"batches": 3}, build_stage)]


def content(folders: list[Path]) -> list[tuple[str, str]]:
    return [
        (name, hashlib.sha256(path.read_bytes()).hexdigest())
        for folder in folders
        for name, path in files_of(folder)
    ]


def killed_at(root: Path, at: int) -> bool:
    """Do the work in a child that kills itself at its n-th write; whether it came so far."""
    pid = os.fork()
    if not pid:
        try:
            _kill_at(str(root), at)
            work(root)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def _kill_at(root: str, at: int) -> None:
    writes = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal writes
        if event == "open":
            is_write = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        else:
            is_write = event in EVENTS
        if is_write and str(args[0]).startswith(root):
            writes += 1
            if writes == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_killed_at_any_write_it_ends_as_if_left_alone(tmp_path: Path) -> None:
    expected = content(work(tmp_path / "alone"))
    at = 0
    while killed_at(root := tmp_path / f"killed-{at}", at := at + 1):
        finished = {p: p.stat().st_ino for p in root.glob("*/*") if len(p.name) == 24}
        folders = work(root)
        assert content(folders) == expected, at
        for folder in folders:
            check(folder, thoroughly=True)
        # What was finished was not built again.
        assert all(path.stat().st_ino == inode for path, inode in finished.items())
        # The next use tidies up what a kill after the end left.
        work(root)
        names = (".partial", ".damaged", ".tmp", ".resume")
        assert not [path for path in root.rglob("*") if path.name.endswith(names)], at
    # Folders, locks, shards with records, batches, manifests: all of them were tried.
    assert at > 25
