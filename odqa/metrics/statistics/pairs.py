"""Pipelines against a baseline, or each against each, on one metric, question by question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from odqa.errors import RunError
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import Interval, mean_intervals
from odqa.metrics.statistics.effect import WinTieLoss, cohens_dz, win_tie_loss
from odqa.metrics.statistics.holm import holm
from odqa.metrics.statistics.mcnemar import mcnemar_mid_p
from odqa.metrics.statistics.permutation import sign_flip_p, sign_flip_ps
from odqa.metrics.statistics.power import questions_needed, smallest_effect
from odqa.suggest import did_you_mean

#: Pairs that are resampled together.
_AT_ONCE = 256

Test = Literal["McNemar mid-p", "sign-flip permutation"]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """One pipeline against another, the baseline.

    ``difference`` is candidate minus baseline over the ``questions`` that both have a value for;
    ``unpaired`` questions have one in a single pipeline only and are left out. ``p_value`` is
    two-sided and belongs to ``test``; ``p_corrected`` is adjusted for its family.
    ``questions_needed`` to see this difference with 80 % power at 0.05; `None`: no number would.
    ``detectable`` is the smallest difference that these questions show with 80 % power, given how
    much the differences of this pair vary; `None` where they do not vary at all.
    """

    metric: str
    baseline: str
    candidate: str
    questions: int
    unpaired: int
    baseline_mean: float
    candidate_mean: float
    difference: float
    interval: Interval
    p_value: float
    p_corrected: float
    test: Test
    effect_size: float
    counts: WinTieLoss
    questions_needed: int | None
    detectable: float | None


def compare_pairs(
    rows: Iterable[MetricRow], baseline: str | Sequence[str], metric: str
) -> list[PairedComparison]:
    """All other pipelines against the baseline, in the order of their first rows.

    Of several baselines against each in turn; two of them are compared once.

    The p-value is McNemar's (mid-p) where every value is 0 or 1, else that of the sign-flip
    permutation test. Holm's family are the tests returned: of one metric, all baselines; use
    `as_family` for a wider one.

    Raises:
        RunError: a baseline has no value of this metric, or shares no question with another.
    """
    values = _values(rows, metric)
    baselines = (baseline,) if isinstance(baseline, str) else tuple(baseline)
    for name in baselines:
        if name not in values:
            raise RunError(
                f"baseline '{name}' has no values of '{metric}'", cure=did_you_mean(name, values)
            )
    pairs = [
        (name, candidate)
        for position, name in enumerate(baselines)
        for candidate in values
        if candidate not in baselines[: position + 1]
    ]
    return as_family(_compared(metric, values, pairs))


def compare_all(rows: Iterable[MetricRow], metric: str) -> list[PairedComparison]:
    """Every pair of pipelines once, the one with the earlier first row as baseline.

    Tests are those of `compare_pairs`; Holm's family are all pairs.

    Raises:
        RunError: two pipelines share no question.
    """
    values = _values(rows, metric)
    return as_family(_compared(metric, values, list(combinations(values, 2))))


def _values(rows: Iterable[MetricRow], metric: str) -> dict[str, dict[str, float]]:
    """Pipeline -> question id -> value."""
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.metric == metric:
            values.setdefault(row.pipeline, {})[row.question_id] = row.value
    return values


def _compared(
    metric: str, values: Mapping[str, Mapping[str, float]], pairs: Sequence[tuple[str, str]]
) -> list[PairedComparison]:
    """Tests of pairs (baseline, candidate), those over equally many questions at once."""
    columns = [_paired(metric, values, *pair) for pair in pairs]
    intervals, tests = _intervals(columns), _tests(columns)
    comparisons = []
    for (baseline, candidate), pair, interval, (test, p) in zip(
        pairs, columns, intervals, tests, strict=True
    ):
        d = pair[:, 1] - pair[:, 0]
        effect = cohens_dz(d)
        comparisons.append(
            PairedComparison(
                metric=metric,
                baseline=baseline,
                candidate=candidate,
                questions=len(pair),
                unpaired=len(values[baseline]) + len(values[candidate]) - 2 * len(pair),
                baseline_mean=float(pair[:, 0].mean()),
                candidate_mean=float(pair[:, 1].mean()),
                difference=float(d.mean()),
                interval=interval,
                p_value=p,
                p_corrected=p,
                test=test,
                effect_size=effect,
                counts=win_tie_loss(d),
                questions_needed=questions_needed(effect),
                detectable=_detectable(d),
            )
        )
    return comparisons


def _paired(
    metric: str, values: Mapping[str, Mapping[str, float]], baseline: str, candidate: str
) -> NDArray[np.float64]:
    """Values [questions, 2] of the questions that both have."""
    ours, theirs = values[baseline], values[candidate]
    shared = [[ours[question], theirs[question]] for question in ours if question in theirs]
    if not shared:
        raise RunError(
            f"'{baseline}' and '{candidate}' have no question with '{metric}' in common",
            cure="compare runs over the same question set",
        )
    return np.array(shared)


def _intervals(pairs: Sequence[NDArray[np.float64]]) -> list[Interval]:
    """`mean_interval` of the differences of each."""
    found: dict[int, Interval] = {}
    for numbers in _in_batches(pairs, range(len(pairs))):
        d = np.column_stack([pairs[n][:, 1] - pairs[n][:, 0] for n in numbers])
        found |= zip(numbers, mean_intervals(d), strict=True)
    return [found[n] for n in range(len(pairs))]


def _tests(pairs: Sequence[NDArray[np.float64]]) -> list[tuple[Test, float]]:
    """`paired_test` of each."""
    binary = [bool(np.isin(pair, (0.0, 1.0)).all()) for pair in pairs]
    found = {n: paired_test(pair) for n, pair in enumerate(pairs) if binary[n]}
    for numbers in _in_batches(pairs, [n for n in range(len(pairs)) if not binary[n]]):
        d = np.column_stack([pairs[n][:, 1] - pairs[n][:, 0] for n in numbers])
        for n, p in zip(numbers, sign_flip_ps(d).tolist(), strict=True):
            found[n] = ("sign-flip permutation", p)
    return [found[n] for n in range(len(pairs))]


def _in_batches(
    pairs: Sequence[NDArray[np.float64]], numbers: Iterable[int]
) -> Iterator[list[int]]:
    """Numbers of pairs over equally many questions, some at once: they share their resamples."""
    by_length: dict[int, list[int]] = {}
    for n in numbers:
        by_length.setdefault(len(pairs[n]), []).append(n)
    for equal in by_length.values():
        yield from (equal[start : start + _AT_ONCE] for start in range(0, len(equal), _AT_ONCE))


def _detectable(d: NDArray[np.float64]) -> float | None:
    effect = smallest_effect(len(d))
    deviation = float(d.std(ddof=1)) if effect is not None else 0.0
    return effect * deviation if effect is not None and deviation else None


def as_family(comparisons: Sequence[PairedComparison]) -> list[PairedComparison]:
    """The same comparisons with ``p_corrected`` adjusted over all of them."""
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [
        replace(comparison, p_corrected=p)
        for comparison, p in zip(comparisons, adjusted, strict=True)
    ]


def paired_test(pair: NDArray[np.float64]) -> tuple[Test, float]:
    """The test and two-sided p of values [questions, 2]: whether both columns have one mean.

    McNemar's (mid-p) where every value is 0 or 1, else that of the sign-flip permutation test.
    """
    d = pair[:, 1] - pair[:, 0]
    if np.isin(pair, (0.0, 1.0)).all():
        counts = win_tie_loss(d)
        return "McNemar mid-p", mcnemar_mid_p(counts.wins, counts.losses)
    return "sign-flip permutation", sign_flip_p(d)
