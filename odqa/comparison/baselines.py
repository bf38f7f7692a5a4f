"""Names of the pipelines that others are tested against: one, or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from odqa.errors import RunError
from odqa.suggest import did_you_mean


def as_names(baseline: str | Sequence[str] | None) -> tuple[str, ...]:
    """None, one or several names as a tuple."""
    if baseline is None:
        return ()
    return (baseline,) if isinstance(baseline, str) else tuple(baseline)


def check_baselines(names: Sequence[str], pipelines: Iterable[str]) -> None:
    """Check that these are pipelines, each named once.

    Raises:
        RunError: one is not.
    """
    known = list(pipelines)
    for position, name in enumerate(names):
        if name not in known:
            cure = did_you_mean(name, known)
            raise RunError(f"no pipeline '{name}'", where="baseline", cure=cure)
        if name in names[:position]:
            raise RunError(f"'{name}' is named twice", where="baseline", cure="name it once")
