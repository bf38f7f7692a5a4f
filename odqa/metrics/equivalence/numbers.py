"""Numbers in texts, and whether a prediction gives the accepted one."""

from __future__ import annotations

import re
from collections.abc import Collection

from odqa.metrics.equivalence.text import content, is_number, plain, tokens

_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|\u2013|to)\s*(\d+(?:\.\d+)?)")
_AT_LEAST = re.compile(r"(?:more than|over|at least|above)\s+(\d+(?:\.\d+)?)")
#: How far above a bound a number may lie: "more than 80" is no answer to 914.
_BOUND_FACTOR = 1.25


def same_number(prediction: str, accepted: str, asked: Collection[str] = ()) -> bool | None:
    """Whether the prediction gives the accepted number, or one inside of an accepted range.

    Units are not compared: an answer in other units has another number.

    Args:
        asked: tokens of the question; numbers that it names answer nothing.

    Returns:
        `None` where the accepted answer is no number with at most one word beside it.
    """
    accepted_tokens = content(tokens(accepted))
    numbers = {token for token in accepted_tokens if is_number(token)}
    if not numbers or len([t for t in accepted_tokens if not is_number(t)]) > 1:
        return None
    given = {token for token in tokens(prediction) if is_number(token)} - set(asked)
    if numbers <= given:
        return True
    return any(_inside(token, plain(accepted)) for token in given)


def _inside(token: str, accepted: str) -> bool:
    try:
        number = float(token)
    except ValueError:  # 67.0.3396
        return False
    if bounds := _RANGE.search(accepted):
        return float(bounds[1]) <= number <= float(bounds[2])
    if bound := _AT_LEAST.search(accepted):
        return float(bound[1]) <= number <= _BOUND_FACTOR * float(bound[1])
    return False
