"""Artifacts on disk, addressed by the hash of their identity, never by names.

An artifact is a folder. It is built in ``KEY.partial`` beside its final place, which survives a
crash so that the builder can resume where it stopped; a finished one gets a manifest with the
size and SHA-256 of every file and is renamed into place in one step. Of several processes that
need one artifact, one builds it while the others wait for its lock.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from odqa.errors import CacheError
from odqa.meters.meter import Meter, Spent

_LOG = logging.getLogger(__name__)
_MANIFEST = "manifest.json"
_DRAFT = f"{_MANIFEST}.tmp"
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def content_key(identity: Mapping[str, object]) -> str:
    """SHA-256 (hex) of the canonical JSON of plain values.

    Raises:
        TypeError: a value that is not plain JSON. ValueError: a number that is not finite.
    """
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """A folder of artifacts.

    Args:
        root: where; by default ``$ODQA_CACHE`` or ``~/.cache/odqa``. Made when first needed.
        enabled: False keeps everything in a temporary folder, deleted when the process ends.
    """

    def __init__(self, root: Path | str | None = None, *, enabled: bool = True) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if not enabled:
            self._temporary = tempfile.TemporaryDirectory(prefix="odqa-")
            root = self._temporary.name
        path = root or os.environ.get("ODQA_CACHE") or Path.home() / ".cache" / "odqa"
        self.root = Path(path).expanduser()
        self.hits = 0
        self.misses = 0
        #: What the artifacts that were reused had cost to build, one entry for every hit.
        self.reused: list[Spent] = []
        #: Seconds spent waiting for other processes that were building the artifact.
        self.waited = 0.0

    def artifact(
        self, kind: str, identity: Mapping[str, object], build: Callable[[Path], None]
    ) -> Path:
        """The folder of an artifact, built when it is missing or damaged.

        Args:
            kind: the folder of its siblings, such as ``"faiss"``.
            identity: plain values that decide its content.
            build: fills a work folder, which may hold files of an interrupted build.

        Raises:
            CacheError: the cache cannot be written, or its disk is full.
        """
        key = content_key(identity)[:24]
        final = self.root / kind / key
        with self._locked(final):
            if final.is_dir() and self._sound(final):
                self.hits += 1
                self.reused.append(_build_spent(final))
                return final
            self.misses += 1
            work = final.with_name(f"{key}.partial")
            try:
                work.mkdir(exist_ok=True)
                with Meter() as meter:
                    build(work)
                _write_manifest(work, identity, meter.spent)
                work.replace(final)
            except OSError as error:
                if not _is_own(error, work):
                    raise
                raise _failure(error, work) from error
        return final

    def bytes(self, path: Path) -> int:
        """Size of an artifact in bytes, its manifest left out."""
        return sum(file.stat().st_size for file in _files(path))

    @contextmanager
    def _locked(self, final: Path) -> Iterator[None]:
        from filelock import FileLock

        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(str(final) + ".lock")
            started = time.perf_counter()
            lock.acquire()
            self.waited += time.perf_counter() - started
        except OSError as error:
            raise _failure(error, final.parent) from error
        try:
            yield
        finally:
            lock.release()

    def _sound(self, final: Path) -> bool:
        """Whether every file agrees with the manifest; damaged artifacts are moved aside."""
        try:
            manifest = json.loads((final / _MANIFEST).read_text(encoding="utf-8"))
            _verify(final, manifest)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("cached artifact %s is damaged (%s): building it again", final, error)
            aside = final.with_name(f"{final.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            final.replace(aside)
            return False
        return True


def _verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    changed = False
    for name, entry in manifest["files"].items():
        stat = (folder / name).stat()
        if stat.st_size != entry["bytes"]:
            raise ValueError(f"{name} has {stat.st_size} bytes, not {entry['bytes']}")
        # Hashing gigabytes at every start would be slow: only files with a new mtime are hashed.
        if stat.st_mtime_ns != entry["mtime_ns"]:
            if _sha256(folder / name) != entry["sha256"]:
                raise ValueError(f"{name} has another checksum")
            entry["mtime_ns"] = stat.st_mtime_ns
            changed = True
    if changed:
        _write_json(folder / _MANIFEST, manifest)


def _build_spent(final: Path) -> Spent:
    # Manifests of earlier versions hold only the seconds, the earliest not even those.
    manifest = json.loads((final / _MANIFEST).read_text(encoding="utf-8"))
    return Spent.from_dict({"seconds": 0.0, **manifest})


def _write_manifest(work: Path, identity: Mapping[str, object], spent: Spent) -> None:
    entries = {}
    for file in _files(work):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        stat = file.stat()
        entries[file.relative_to(work).as_posix()] = {
            "bytes": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "sha256": _sha256(file),
        }
    manifest = {"identity": identity, **spent.to_dict(), "files": entries}
    _write_json(work / _MANIFEST, manifest)


def _write_json(path: Path, data: object) -> None:
    draft = path.with_name(_DRAFT)
    draft.write_text(json.dumps(data, indent=1), encoding="utf-8")
    draft.replace(path)


def _files(folder: Path) -> list[Path]:
    own = (_MANIFEST, _DRAFT)
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in own)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_own(error: OSError, work: Path) -> bool:
    """Whether an error comes from the cache's disk; a builder also reads files elsewhere."""
    if error.errno is None:
        # numpy reports a short write without a number.
        return shutil.disk_usage(work).free < 2**20
    in_work = error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(work)
    return error.errno in _DISK_ERRORS or in_work


def _failure(error: OSError, place: Path) -> CacheError:
    return CacheError(
        f"the cache cannot be written ({error.strerror or error})",
        where=str(place),
        cure="free some disk, or pass another folder with --cache or ODQA_CACHE",
    )
