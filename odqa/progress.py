"""Progress bars for long work, only on a terminal unless set otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(
    items: Iterable[T], desc: str, total: int | None = None, unit: str = "it"
) -> Iterator[T]:
    """Iterate with a bar on stderr if that is a terminal; ``ODQA_PROGRESS=0`` or ``1`` overrides.

    Bars that would last under half a second are not shown.
    """
    from tqdm import tqdm

    setting = os.environ.get("ODQA_PROGRESS")
    visible = sys.stderr.isatty() if setting is None else setting != "0"
    yield from tqdm(
        items, desc=desc, total=total, unit=unit, disable=not visible, leave=False, delay=0.5
    )
