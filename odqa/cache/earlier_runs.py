"""What all runs together have spent on an artifact, those that were killed before its end included.

Whoever keeps a finished part in the work folder calls `note_spent` first: what this run and the
earlier ones have spent until then is stored beside the parts, and the run that finishes the
artifact adds it to its own. Work of a killed run after its last kept part is in no sum.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from odqa.cache.leftovers import RESUME
from odqa.cache.manifest import Damaged, check_spent
from odqa.meters.meter import NOTHING, Meter, Spent

_FILE = "spent.json"
_OPEN: dict[Path, EarlierRuns] = {}


class EarlierRuns:
    """Measures this run's work on one artifact, and knows that of the runs before it.

    Args:
        work: the folder in which the artifact is built.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._meter = Meter()
        #: What the runs before this one have spent.
        self.earlier = _read(work / RESUME / _FILE)

    @property
    def own(self) -> Spent:
        """What this run has spent, once the block has ended."""
        return self._meter.spent

    def __enter__(self) -> Self:
        _OPEN[self._work] = self
        self._meter.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._meter.__exit__(kind, error, traceback)
        del _OPEN[self._work]

    def store(self) -> None:
        """Keep what all runs have spent until now."""
        path = self._work / RESUME / _FILE
        draft = path.with_suffix(".tmp")
        with draft.open("w", encoding="utf-8") as out:
            json.dump((self.earlier + self._meter.so_far()).to_dict(), out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)


def note_spent(folder: Path) -> None:
    """A part of the artifact that is built in this folder, or above it, is about to be kept.

    Nothing happens where no cache builds it.

    Raises:
        OSError: it cannot be written.
    """
    for work in (folder, *folder.parents):
        if work in _OPEN:
            _OPEN[work].store()
            return


def _read(path: Path) -> Spent:
    """Nothing where no run has kept a part, or where the file is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, Damaged):
        spent = Spent.from_dict(json.loads(path.read_text(encoding="utf-8")))
        check_spent(spent)
        if 0 <= spent.seconds < math.inf:
            return spent
    return NOTHING
