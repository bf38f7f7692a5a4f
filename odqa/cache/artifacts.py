"""The cache: a folder of artifacts, each built once."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from odqa.cache.disk import cache_failure, disk_failure, reason_of, unreadable
from odqa.cache.earlier_runs import EarlierRuns
from odqa.cache.kept import note_kept, nothing_stays_in
from odqa.cache.key import NAME_LENGTH, content_key
from odqa.cache.leftovers import DAMAGED, leftovers, remove, work_folder
from odqa.cache.lock import lock_if_free, locked
from odqa.cache.manifest import Checked, Damaged, check, files_of, store_manifest, write_manifest
from odqa.meters.meter import NOTHING, Spent

_LOG = logging.getLogger(__name__)


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
            nothing_stays_in(Path(root))
        path = root or os.environ.get("ODQA_CACHE") or Path.home() / ".cache" / "odqa"
        self.root = Path(path).expanduser()
        self.hits = 0
        self.misses = 0
        #: What the artifacts that were reused had cost to build, one entry for every hit.
        self.reused: list[Spent] = []
        #: What earlier runs, killed before the end, had spent on artifacts that were finished here.
        self.resumed: list[Spent] = []
        #: Seconds that finished builds took here; those of one inside of another count once.
        self.building = 0.0
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
        final = self.root / kind / content_key(identity)[:NAME_LENGTH]
        result = _look(final)
        if isinstance(result, Checked):
            _tidy(final, result)
            return self._hit(final, result)
        if result is not None:
            _LOG.warning("cached artifact %s is damaged (%s): building it again", final, result)
        with locked(final) as waited:
            self.waited += waited
            # Another process may have built it while this one waited.
            result = _look(final)
            if isinstance(result, Checked):
                return self._hit(final, result)
            if result is not None:
                _set_aside(final)
            self.misses += 1
            self._build(final, identity, build)
        return final

    def finished(self, kind: str, identity: Mapping[str, object]) -> Path | None:
        """The folder of an artifact that was built before; `None` where there is no sound one."""
        final = self.root / kind / content_key(identity)[:NAME_LENGTH]
        result = _look(final)
        return self._hit(final, result) if isinstance(result, Checked) else None

    def bytes(self, path: Path) -> int:
        """Size of an artifact in bytes, its manifest left out."""
        return sum(file.stat().st_size for _, file in files_of(path))

    def _hit(self, final: Path, checked: Checked) -> Path:
        self.hits += 1
        self.reused.append(checked.spent)
        return final

    def _build(
        self, final: Path, identity: Mapping[str, object], build: Callable[[Path], None]
    ) -> None:
        with _disk_errors(final.parent):
            work = work_folder(final)
        try:
            before = self.building
            with EarlierRuns(work) as runs:
                build(work)
            self.building = before + runs.own.seconds
            if runs.earlier != NOTHING:
                self.resumed.append(runs.earlier)
            write_manifest(work, identity, runs.earlier + runs.own)
            work.replace(final)
        except Exception as error:
            failure = disk_failure(error, work)
            if failure is None:
                raise
            raise failure from error
        finally:
            with suppress(OSError):
                # Only where nothing was built.
                work.rmdir()
        note_kept(final)
        with suppress(OSError):
            for leftover in leftovers(final):
                # What was damaged can be looked at until the artifact is used again.
                if leftover.suffix != DAMAGED:
                    remove(leftover)


def _look(final: Path) -> Checked | Damaged | None:
    """What is known of an artifact; what is wrong with it; `None` where there is none."""
    try:
        is_there = final.exists() or final.is_symlink()
        return check(final) if is_there else None
    except Damaged as error:
        return error
    except OSError as error:
        raise unreadable(error, final) from error


def _set_aside(final: Path) -> None:
    """Move what is damaged out of the way; it goes when the artifact, built again, is used."""
    with _disk_errors(final):
        aside = final.with_name(final.name + DAMAGED)
        remove(aside)
        final.replace(aside)


def _tidy(final: Path, checked: Checked) -> None:
    """Complete the manifest and remove leftovers, where that can be done at once."""
    if checked.renewed is None and not leftovers(final):
        return
    with lock_if_free(final) as is_ours, suppress(OSError):
        if is_ours:
            if checked.renewed is not None:
                store_manifest(final, checked.renewed)
            for leftover in leftovers(final):
                remove(leftover)


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cache_failure(reason_of(error), place) from error
