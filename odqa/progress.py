"""Progress bars for long work, silent where nobody watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(
    items: Iterable[T], desc: str, total: int | None = None, unit: str = "it"
) -> Iterator[T]:
    """Iterate with a bar on stderr when it is a terminal; ``ODQA_PROGRESS=0`` or ``1`` decides.

    Bars that would last under half a second are not shown.
    """
    from tqdm import tqdm

    wish = os.environ.get("ODQA_PROGRESS")
    shown = sys.stderr.isatty() if wish is None else wish != "0"
    yield from tqdm(
        items, desc=desc, total=total, unit=unit, disable=not shown, leave=False, delay=0.5
    )
