"""Random draws for bootstrap and permutation, in blocks and the same for every metric.

One table has dozens of metrics over the same questions; drawing once for all of them is fast,
and all metrics are resampled on the same questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: Defaults of every statistic; manifests name them.
SEED = 0
DRAWS = 10_000
LEVEL = 0.95

_BLOCK_CELLS = 4_000_000

Kind = Literal["bootstrap", "signs"]


def blocks(kind: Kind, n: int, draws: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks [rows, n] that have ``draws`` rows in all.

    ``"bootstrap"``: how often each of ``n`` questions is drawn, n draws with replacement a row.
    ``"signs"``: 1 where the sign of a question's difference is flipped, 0 elsewhere.
    """
    rows = max(1, _BLOCK_CELLS // max(n, 1))
    for number, start in enumerate(range(0, draws, rows)):
        yield _block(kind, n, min(rows, draws - start), seed, number)


@lru_cache(maxsize=32)
def _block(kind: Kind, n: int, rows: int, seed: int, number: int) -> NDArray[np.uint8]:
    random = np.random.default_rng([seed, number])
    if kind == "signs":
        return random.integers(0, 2, size=(rows, n), dtype=np.uint8)
    drawn = random.integers(0, n, size=(rows, n), dtype=np.int64)
    drawn += np.arange(rows, dtype=np.int64)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.uint8)
