"""SHA-256 of data files, remembered for large ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from odqa.cache.digest import FileState, sha256_of

if TYPE_CHECKING:
    from odqa.cache import Cache

#: Larger files are hashed again only when their state or one of their samples changed.
_HUGE = 2**28
#: Pieces of a large file that are read at every start, evenly spaced, and bytes of each.
_SAMPLES, _SAMPLE = 64, 2**16


def file_sha256(path: Path, cache: Cache) -> str:
    """SHA-256 of a file; that of a large one is remembered while it seems to be the same file.

    An edit in place changes at least the ctime, even where size and mtime are set back; where a
    file system has no ctime (some network shares), samples of the content may show it.
    """
    state = FileState.of(path)
    if state.bytes < _HUGE:
        return sha256_of(path)

    def build(work: Path) -> None:
        (work / "sha256").write_text(sha256_of(path), encoding="utf-8")

    identity = {"path": str(path.resolve()), **asdict(state), "samples": _sample(path, state.bytes)}
    return (cache.artifact("digests", identity, build) / "sha256").read_text(encoding="utf-8")


def _sample(path: Path, size: int) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        for start in np.linspace(0, max(0, size - _SAMPLE), _SAMPLES).astype(int).tolist():
            stream.seek(start)
            digest.update(stream.read(_SAMPLE))
    return str(digest.hexdigest())
