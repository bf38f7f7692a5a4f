"""Accepted answers that are regular expressions, as CuratedTREC's are."""

from __future__ import annotations

import re
from functools import cache


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The expression as DrQA, DPR and ORQA compile it; `None` for one that does not compile."""
    try:
        return re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    except (re.error, OverflowError, RecursionError):
        return None
