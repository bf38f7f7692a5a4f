"""The nearest valid name for an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """``did you mean 'x'?`` and all choices; the choices alone when none is near."""
    choices = sorted(valid)
    near = get_close_matches(name, choices, n=1, cutoff=0.6)
    listing = f"known: {', '.join(choices)}" if choices else "none are known"
    return f"did you mean '{near[0]}'? ({listing})" if near else listing
