"""Whether a file is still the one that was written: its state in the file system, its digests.

Two digests, for two questions. SHA-256 (1.3 GB/s here) says what a file is, on any machine. XXH3
(10 GB/s) says, many times a day, that it did not change: no help against malice, but against every
accident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import xxhash

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file system says of a file.

    Whoever writes into a file through the file system changes ``ctime_ns``, which no program can
    set; a copy has another inode.
    """

    bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """The state now.

        Raises:
            OSError: there is no such file.
        """
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def both_digests(path: Path) -> tuple[str, str]:
    """SHA-256 and XXH3 (128 bits) of a file, hex, in one reading."""
    sha256, xxh3 = hashlib.sha256(), xxhash.xxh3_128()
    for chunk in _chunks(path):
        sha256.update(chunk)
        xxh3.update(chunk)
    return sha256.hexdigest(), xxh3.hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def xxh3_of(path: Path, state: FileState) -> str:
    """XXH3 of a file, hex; computed once in a process while the state of the file stays."""
    del state  # part of the memoised key
    digest = xxhash.xxh3_128()
    for chunk in _chunks(path):
        digest.update(chunk)
    return str(digest.hexdigest())


def _chunks(path: Path) -> Iterator[memoryview]:
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as stream:
        while size := stream.readinto(buffer):
            yield view[:size]
