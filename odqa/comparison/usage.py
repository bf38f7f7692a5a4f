"""What language models were asked for, stage by stage: tokens, price, and what did not work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.meters.usage import Usage

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.costs import StageCost
    from odqa.comparison.data import ComparisonData


def usage_of(costs: Sequence[StageCost]) -> Usage | None:
    """The sum over stages; `None` where none of them asked a language model."""
    used = [cost.online.usage for cost in costs if cost.online.usage is not None]
    return sum(used[1:], used[0]) if used else None


def usage_frame(comparison: ComparisonData) -> pd.DataFrame:
    """One row a stage that asks a language model; empty where none does.

    All figures but ``requests``, ``from cache`` and those of ``notes`` are for every question:
    ``prompt tokens``, ``completion tokens``, ``price`` (NaN: the spec has no prices). Answers that
    came from the cache cost what they cost when they were asked for. ``notes`` are counts over all
    questions, such as parse failures.
    """
    import pandas as pd

    n = len(comparison.questions)
    rows = [
        {
            "pipeline": name,
            "stage": cost.role,
            "component": cost.type,
            "id": cost.stage_id,
            "requests": usage.requests,
            "from cache": usage.from_cache,
            "prompt tokens": usage.prompt_tokens / n,
            "completion tokens": usage.completion_tokens / n,
            "price": None if usage.price is None else usage.price / n,
            "notes": notes_of(usage),
        }
        for name, result in comparison.pipelines.items()
        for cost in result.costs
        if (usage := cost.online.usage) is not None
    ]
    frame = pd.DataFrame(rows)
    return frame.astype({"price": float}) if rows else frame


def notes_of(usage: Usage) -> str:
    """Its counts as text."""
    return ", ".join(f"{name}: {count:,}" for name, count in usage.counts.items())


def price_text(price: float | None) -> str:
    """A price of one question, with three significant digits."""
    if price is None or price != price:  # NaN
        return "-"
    if price == 0:
        return "0"
    digits = max(2, 2 - _exponent(price))
    return f"{price:.{digits}f}"


def _exponent(price: float) -> int:
    return int(f"{price:e}".rpartition("e")[2])
