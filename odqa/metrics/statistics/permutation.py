"""Paired permutation test by flipping the signs of the differences."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from odqa.metrics.statistics.resampling import DRAWS, SEED, blocks

#: Up to this many differences other than 0, all sign patterns are enumerated.
EXACT_UP_TO = 14


def sign_flip_p(differences: ArrayLike, *, permutations: int = DRAWS, seed: int = SEED) -> float:
    """Two-sided p-value for the mean of paired differences [n] under the null of symmetry.

    Under the null the two pipelines could be exchanged question by question (Fisher 1935), so
    every pattern of signs is as likely as the one observed. Exact for up to `EXACT_UP_TO`
    differences other than 0; else over random patterns, of which the observed one is one:
    (1 + extreme) / (1 + permutations). No difference at all gives 1.
    """
    return float(
        sign_flip_ps(np.asarray(differences, dtype=np.float64)[:, None], permutations, seed)[0]
    )


def sign_flip_ps(
    columns: ArrayLike, permutations: int = DRAWS, seed: int = SEED
) -> NDArray[np.float64]:
    """`sign_flip_p` of every column of [n, m], with the same patterns; p-values [m]."""
    d = np.asarray(columns, dtype=np.float64)
    counts = (d != 0).sum(axis=0)
    few = counts <= EXACT_UP_TO
    p = np.empty(d.shape[1])
    p[few] = [_exact(d[d[:, j] != 0, j]) for j in np.flatnonzero(few)]
    if not few.all():
        p[~few] = _sampled(d[:, ~few], permutations, seed)
    return p


def _exact(d: NDArray[np.float64]) -> float:
    signs = np.array(list(product((1.0, -1.0), repeat=len(d)))).reshape(2 ** len(d), len(d))
    return float(_extreme(signs @ d[:, None], d[:, None]).mean())


def _sampled(d: NDArray[np.float64], permutations: int, seed: int) -> NDArray[np.float64]:
    count = np.zeros(d.shape[1])
    for flipped in blocks("signs", len(d), permutations, seed):
        sums = d.sum(axis=0) - 2 * (flipped.astype(np.float64) @ d)
        count += _extreme(sums, d).sum(axis=0)
    return (1 + count) / (1 + permutations)


def _extreme(sums: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.bool_]:
    # Sums of the same numbers in another order differ in the last bits and are still ties.
    tolerance = 1e-10 * np.abs(d).sum(axis=0)
    extreme: NDArray[np.bool_] = np.abs(sums) >= np.abs(d.sum(axis=0)) - tolerance
    return extreme
