"""``manifest.json`` of an artifact: what it is, what it cost, and every file with its digests.

What makes a damaged artifact known before it is used, at what cost:

* The manifest has a checksum over itself, and its identity must be the one that was asked for.
* The files must be those that it lists, no more, no fewer.
* Files of up to `HASHED_AT_ONCE` bytes are hashed by XXH3 whenever a process opens the artifact:
  together less than a tenth of a second for all that an embedded comparison reads.
* Larger files are hashed when their state in the file system is not the recorded one. Any program
  that writes into a file changes its ctime, even one that sets its mtime back, so that an edit is
  noticed at the cost of a ``stat``. What changes on the medium behind the file system's back is
  noticed as such a file is read: whole for indexes, block by block for files that are
  memory-mapped (`odqa.cache.blocks`). ``odqa cache verify`` reads everything.

Manifests of version 0.1.0 have neither checksum nor XXH3: their files are checked by SHA-256, once,
and the manifest is completed where it can be written. Nothing is written where it cannot.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from odqa.cache.blocks import BLOCKS_SUFFIX, write_blocks
from odqa.cache.digest import FileState, both_digests, sha256_of, xxh3_of
from odqa.cache.disk import unreadable
from odqa.cache.key import NAME_LENGTH, content_key
from odqa.meters.meter import Spent

MANIFEST = "manifest.json"
DRAFT = f"{MANIFEST}.tmp"
#: Bytes up to which a file is hashed whenever it is opened.
HASHED_AT_ONCE = 2**28
#: What a file's state consists of; it says nothing about the content, so no checksum covers it.
_STATE = ("mtime_ns", "ctime_ns", "inode")


class Damaged(Exception):
    """An artifact is not what its manifest says; the message says in what."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A sound artifact: what it cost to build, and its manifest where that should be written."""

    spent: Spent
    renewed: Mapping[str, Any] | None = None


def check(folder: Path, *, thoroughly: bool = False) -> Checked:
    """Compare an artifact with its manifest.

    Args:
        thoroughly: hash every file by SHA-256, whatever its size and state.

    Raises:
        Damaged: they differ, or the manifest is of another artifact or none at all.
        CacheError: one may not read it.
    """
    try:
        return _check(folder, thoroughly)
    except Damaged:
        raise
    except RecursionError:
        raise Damaged(f"{MANIFEST} is no manifest") from None
    except PermissionError as error:
        raise unreadable(error, folder) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Damaged(str(error) or type(error).__name__) from error


def write_manifest(folder: Path, identity: Mapping[str, object], spent: Spent) -> None:
    """Describe every file of a finished folder; the files are on the disk before the manifest.

    Drafts that a killed builder left are removed. Large files get their digests by block beside
    them.
    """
    for name, path in files_of(folder):
        if name.endswith((".tmp", BLOCKS_SUFFIX)):
            path.unlink()
    for _, path in files_of(folder):
        if path.stat().st_size > HASHED_AT_ONCE:
            write_blocks(path)
    entries = {}
    for name, path in files_of(folder):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        sha256, xxh3 = both_digests(path)
        entries[name] = {**asdict(FileState.of(path)), "sha256": sha256, "xxh3": xxh3}
    store_manifest(folder, {"identity": identity, **spent.to_dict(), "files": entries})


def store_manifest(folder: Path, data: Mapping[str, Any]) -> None:
    """Write a manifest with its checksum, in one step."""
    draft = folder / DRAFT
    with draft.open("w", encoding="utf-8") as out:
        json.dump({**data, "checksum": _checksum(data)}, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(folder / MANIFEST)


def files_of(folder: Path) -> list[tuple[str, Path]]:
    """Every file but the manifest, by its name within the folder, sorted.

    Files and folders whose names begin with a dot are left out: file systems (``.nfs…``) and file
    managers put them anywhere, `odqa.cache.leftovers.RESUME` is one, and nothing reads others.
    """
    return sorted((p.relative_to(folder).as_posix(), p) for p in _walk(folder, folder))


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or (folder == root and path.name in (MANIFEST, DRAFT)):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, root)
        else:
            yield path


def _check(folder: Path, thoroughly: bool) -> Checked:
    data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise Damaged(f"{MANIFEST} is no manifest")
    is_new, stated = "checksum" in data, data.pop("checksum", None)
    # Where none is stated, too: what has none (an infinity) could not be completed.
    if _checksum(data) != stated and is_new:
        raise Damaged(f"{MANIFEST} has another checksum")
    if content_key(data["identity"])[:NAME_LENGTH] != folder.name:
        raise Damaged(f"{MANIFEST} is of another artifact")
    # The earliest manifests have no seconds.
    spent = Spent.from_dict({"seconds": 0.0, **data})
    check_spent(spent)
    files = dict(files_of(folder))
    if files.keys() != data["files"].keys():
        name = min(files.keys() ^ data["files"].keys())
        raise Damaged(f"{name} is not listed" if name in files else f"{name} is missing")
    entries = {
        name: _entry(path, data["files"][name], thoroughly or not is_new)
        for name, path in files.items()
    }
    is_renewed = not is_new or entries != data["files"]
    return Checked(spent, {**data, "files": entries} if is_renewed else None)


def _entry(path: Path, entry: Mapping[str, Any], thoroughly: bool) -> dict[str, Any]:
    """The entry of a file as it should be now; raises `Damaged` where the content differs."""
    state = FileState.of(path)
    if state.bytes != entry["bytes"]:
        raise Damaged(f"{path.name} has {state.bytes} bytes, not {entry['bytes']}")
    is_known = all(entry.get(key) == getattr(state, key) for key in _STATE)
    if thoroughly or "xxh3" not in entry:
        if "xxh3" in entry:
            sha256, xxh3 = sha256_of(path), entry["xxh3"]
        else:
            sha256, xxh3 = both_digests(path)
        is_same = sha256 == entry["sha256"]
    elif is_known and state.bytes > HASHED_AT_ONCE:
        return dict(entry)
    else:
        xxh3 = xxh3_of(path, state)
        is_same = xxh3 == entry["xxh3"]
    if not is_same:
        raise Damaged(f"{path.name} has another checksum")
    return {**entry, **asdict(state), "xxh3": xxh3}


def check_spent(spent: Spent) -> None:
    """Whether costs that were read are numbers; raises `Damaged` where not."""
    numbers = (spent.seconds, spent.peak_bytes or 0, spent.gpu_peak_bytes or 0, spent.joules or 0)
    if not all(isinstance(n, int | float) for n in numbers) or not isinstance(spent.counters, str):
        raise Damaged(f"{MANIFEST} has costs that are no numbers")


def _checksum(data: Mapping[str, Any]) -> str:
    files = {
        name: {key: value for key, value in entry.items() if key not in _STATE}
        for name, entry in data["files"].items()
    }
    return content_key({**data, "files": files})
