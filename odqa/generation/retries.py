"""How long to wait before a request is sent again."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

#: Seconds of the first wait, and of the longest that odqa chooses itself.
_FIRST, _LONGEST = 0.5, 30.0
#: The longest wait that a server may ask for.
LONGEST_ASKED = 300.0


def waiting_time(attempt: int, headers: Mapping[str, str], jitter: random.Random) -> float:
    """Seconds before try ``attempt`` + 1: as the server asks, else exponential with full jitter.

    ``Retry-After`` is read as seconds and as a date (RFC 9110, 10.2.3); a part of a second is added
    so that parallel requests do not come back together. Without it the wait is drawn from 0.5 to 1
    times the bound, which doubles from try to try.

    Args:
        attempt: tries so far, from 1.
    """
    asked = retry_after(headers)
    if asked is not None:
        return asked + jitter.uniform(0.0, 0.25)
    bound = min(_LONGEST, _FIRST * 2 ** (attempt - 1))
    return float(bound * jitter.uniform(0.5, 1.0))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait; `None` where it does not say, or nothing sensible."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = date.timestamp() - time.time()
    # Not a number compares as false.
    return max(0.0, seconds) if seconds < float("inf") else None
