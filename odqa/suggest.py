"""The nearest right name for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(wrong: str, right: Iterable[str]) -> str:
    """``did you mean 'x'?`` with all choices behind it; the choices alone when none is near."""
    choices = sorted(right)
    near = get_close_matches(wrong, choices, n=1, cutoff=0.6)
    known = f"known: {', '.join(choices)}" if choices else "none are known"
    return f"did you mean '{near[0]}'? ({known})" if near else known
