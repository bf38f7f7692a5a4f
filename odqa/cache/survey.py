"""What a cache holds: its artifacts and leftovers, their sizes, and whether they are sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from odqa.cache.disk import cache_failure, reason_of, unreadable
from odqa.cache.key import NAME_LENGTH
from odqa.cache.leftovers import DAMAGED, PARTIAL, leftovers, remove
from odqa.cache.lock import lock_if_free
from odqa.cache.manifest import Damaged, check

_KEY = re.compile(rf"[0-9a-f]{{{NAME_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Kind:
    """The artifacts of one kind: how many, and bytes on disk with those of leftovers."""

    name: str
    artifacts: int
    bytes: int
    leftovers: int
    leftover_bytes: int


def kinds(root: Path) -> list[Kind]:
    """Every kind of artifact in a cache, by name.

    Raises:
        CacheError: it cannot be read.
    """
    return [_kind(folder) for folder in _folders(root)]


def artifacts(root: Path) -> list[Path]:
    """Every finished artifact.

    Raises:
        CacheError: as `kinds`.
    """
    return [
        path for folder in _folders(root) for path in _sorted(folder) if _KEY.fullmatch(path.name)
    ]


def damage(artifact: Path) -> str | None:
    """What is wrong with an artifact after every byte was read; `None` where nothing is."""
    try:
        check(artifact, thoroughly=True)
    except Damaged as error:
        return str(error)
    return None


def remove_artifact(artifact: Path) -> bool:
    """Remove one, unless a process is making it at this moment; it is built again when needed.

    Raises:
        CacheError: it cannot be removed.
    """
    return _remove(artifact, [artifact])


def clean(root: Path) -> Iterator[tuple[Path, int]]:
    """Remove what killed processes left, with its bytes; what a process is at is left alone.

    Unfinished artifacts go too: whoever needs them starts anew.

    Raises:
        CacheError: something cannot be removed.
    """
    for folder in _folders(root):
        for path in _leftovers(folder):
            size = _bytes(path)
            # A draft is inside of its artifact.
            inside = path.parent.parent.parent == root
            final = path.parent if inside else path.with_suffix("")
            if _remove(final, [path]):
                yield path, size


def _kind(folder: Path) -> Kind:
    finished = [path for path in _sorted(folder) if _KEY.fullmatch(path.name)]
    left = _leftovers(folder)
    return Kind(
        folder.name,
        len(finished),
        sum(map(_bytes, finished)),
        len(left),
        sum(map(_bytes, left)),
    )


def _leftovers(folder: Path) -> list[Path]:
    outside = [path for path in _sorted(folder) if path.suffix in (PARTIAL, DAMAGED)]
    inside = [
        path
        for artifact in _sorted(folder)
        if _KEY.fullmatch(artifact.name)
        for path in leftovers(artifact)
        if path.parent == artifact
    ]
    return [*outside, *inside]


def _remove(final: Path, paths: list[Path]) -> bool:
    try:
        with lock_if_free(final) as is_ours:
            if is_ours:
                for path in paths:
                    remove(path)
            return is_ours
    except OSError as error:
        raise cache_failure(reason_of(error), final) from error


def _folders(root: Path) -> list[Path]:
    return [path for path in _sorted(root) if path.is_dir()] if root.exists() else []


def _sorted(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(error, folder) from error


def _bytes(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
