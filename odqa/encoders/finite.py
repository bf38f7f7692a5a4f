"""Vectors with NaN or infinity, named by the text that they are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odqa.errors import CheckpointError


def check_finite(
    vectors: np.ndarray,
    ids: Sequence[str],
    kind: str,
    checkpoint: str,
    dtype: object,
    counts: np.ndarray | None = None,
) -> None:
    """Refuse vectors that are no finite numbers: nothing can be compared with them.

    Args:
        vectors: [n, ...]; one row per id, or ``counts`` rows for each.
        ids: of the texts, in order.
        kind: ``question`` or ``passage``.
        checkpoint: the user's name for it.
        dtype: number format of the encoder.
        counts: rows per id.

    Raises:
        CheckpointError: names the first such text.
    """
    # One sum tells whether any number is not finite, without an array of as many truth values;
    # in float64 finite float32 numbers do not overflow.
    if np.isfinite(vectors.sum(dtype=np.float64)):
        return
    rows = np.flatnonzero(~np.isfinite(vectors.reshape(len(vectors), -1)).all(axis=1))
    owner = rows[0] if counts is None else np.searchsorted(np.cumsum(counts), rows[0], side="right")
    raise CheckpointError(
        f"gives {kind} '{ids[int(owner)]}' a vector that is no finite number (NaN or infinity)",
        where=checkpoint,
        cure=not_finite_cure(dtype),
    )


def not_finite_cure(dtype: object) -> str:
    """What to do about a model that gives NaN or infinity in this number format."""
    name = str(dtype).removeprefix("torch.")
    if name == "float32":
        return "check its weights, or fetch the checkpoint again"
    return (
        f"numbers may be too large for {name}: set precision: float32; otherwise check its weights"
    )
