"""Dates in texts, whole or in part, and whether two of them agree."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from odqa.metrics.equivalence.text import content, plain, tokens

_MONTHS = "january february march april may june july august september october november december"
_MONTH = {
    name[:length]: n for n, name in enumerate(_MONTHS.split(), start=1) for length in (3, len(name))
}
_MONTH["sept"] = 9
_NAMES = "|".join(sorted(_MONTH, key=len, reverse=True))
_DAY = r"(?:st|nd|rd|th)?"
_DATE = re.compile(
    rf"(?:\b(?P<before>\d{{1,2}}){_DAY}\s+(?:of\s+)?)?\b(?P<month>{_NAMES})\b\.?"
    rf"(?:\s+(?P<after>\d{{1,2}}){_DAY}\b)?(?:\s*,?\s*(?:of\s+)?(?P<year>\d{{4}})\b)?"
    r"|\b(?P<alone>1\d{3}|20\d{2})\b"
)
#: Months that are common words too; without a day or a year they are no dates.
_COMMON_WORDS = ("may", "march", "mar")


@dataclass(frozen=True, slots=True)
class Date:
    """A date of which any part may be unknown."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def agrees_with(self, accepted: Date) -> bool:
        """Whether it can be the accepted date: its year, if one was accepted, and no other part.

        A year agrees with a day of that year, and the other way round.
        """
        if accepted.year is not None and self.year != accepted.year:
            return False
        pairs = ((self.month, accepted.month), (self.day, accepted.day), (self.year, accepted.year))
        known = [(own, other) for own, other in pairs if own is not None and other is not None]
        return bool(known) and all(own == other for own, other in known)


@lru_cache(maxsize=65_536)
def dates_in(text: str) -> tuple[Date, ...]:
    """All dates of a text, in order; a year is from 1000 to 2099, or stands behind a month."""
    result = []
    for match in _DATE.finditer(plain(text)):
        year, day = match["year"] or match["alone"], match["before"] or match["after"]
        if match["month"] in _COMMON_WORDS and not (day or year):
            continue
        month = _MONTH[match["month"]] if match["month"] else None
        result.append(Date(int(year) if year else None, month, int(day) if day else None))
    return tuple(result)


def is_date(text: str) -> bool:
    """Whether a text is a date and at most one word more: ``late 1968``."""
    rest = content(tokens(_DATE.sub(" ", plain(text))))
    return bool(dates_in(text)) and len(rest) <= 1


def same_date(prediction: str, accepted: str, asked: Collection[Date] = ()) -> bool | None:
    """Whether a date of the prediction agrees with a date of the accepted answer.

    Args:
        asked: dates of the question; a year that it names answers nothing.

    Returns:
        `None` where the accepted answer is no date, or the prediction has none.
    """
    if not is_date(accepted):
        return None
    years = {date.year for date in asked}
    dates = [d for d in dates_in(prediction) if d.month is not None or d.year not in years]
    if not dates:
        return None
    return any(date.agrees_with(other) for date in dates for other in dates_in(accepted))
