"""Main effects and interactions of the factors of a grid: what does changing a stage buy?

A main effect is the difference between two levels of a factor, averaged over pairs of pipelines
that are equal in all other factors, question by question. A factor that a pipeline lacks (the ``k``
of a ranker that is none) is equal to every level of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from odqa.comparison.costs import TotalCost
from odqa.errors import RunError
from odqa.metrics.statistics.bootstrap import Interval, mean_interval
from odqa.metrics.statistics.holm import holm
from odqa.metrics.statistics.pairs import Test, paired_test
from odqa.metrics.statistics.permutation import sign_flip_p
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.spec.factors import Factor, Grid

Point = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class CostChange:
    """What a level costs more than another: per question, and per corpus; `None`: not known."""

    online_ms: float
    gflop: float | None
    offline_s: float


@dataclass(frozen=True, slots=True)
class Effect:
    """A level of a factor against the factor's first level, over ``pairs`` pairs of pipelines.

    ``difference`` with its 95 % interval is level minus reference; ``p_corrected`` is Holm's over
    all main effects of the metric.
    """

    factor: str
    level: str
    reference: str
    pairs: int
    difference: float
    interval: Interval
    p_value: float
    p_corrected: float
    test: Test
    cost: CostChange


@dataclass(frozen=True, slots=True)
class Cell:
    """The pipelines with one level of each of some factors: their mean and mean costs."""

    levels: tuple[str, ...]
    pipelines: tuple[str, ...]
    mean: float
    interval: Interval
    cost: TotalCost


@dataclass(frozen=True, slots=True)
class Interaction:
    """How much the effect of one level depends on another factor's level.

    ``difference`` is (both levels) - (the first alone) - (the second alone) + (neither), with its
    95 % interval; ``p_corrected`` is Holm's over all interactions of the metric.
    """

    factors: tuple[str, str]
    levels: tuple[str, str]
    references: tuple[str, str]
    difference: float
    interval: Interval
    p_value: float
    p_corrected: float


@dataclass(frozen=True)
class Factorial:
    """Effects of the factors of a grid on one metric.

    ``values`` [questions, pipelines] are those of ``pipelines``, over the ``questions`` that all of
    them have a value for; ``grid`` has these pipelines alone, and ``costs`` theirs.
    """

    metric: str
    grid: Grid
    pipelines: tuple[str, ...]
    questions: int
    values: NDArray[np.float64]
    costs: tuple[TotalCost, ...]

    @cached_property
    def main(self) -> tuple[Effect, ...]:
        """Every level of every factor against the factor's first level that a pipeline has."""
        effects = [
            effect
            for number, factor in enumerate(self.grid.factors)
            for level in self._levels(number)[1:]
            if (effect := self._effect(number, factor, level)) is not None
        ]
        corrected = holm([effect.p_value for effect in effects])
        return tuple(replace(e, p_corrected=p) for e, p in zip(effects, corrected, strict=True))

    @cached_property
    def interactions(self) -> tuple[Interaction, ...]:
        """Every pair of levels of every pair of factors, against the factors' first levels."""
        found = [
            interaction
            for a, b in combinations(range(len(self.grid.factors)), 2)
            for level_a in self._levels(a)[1:]
            for level_b in self._levels(b)[1:]
            if (interaction := self._interaction((a, b), (level_a, level_b))) is not None
        ]
        corrected = holm([interaction.p_value for interaction in found])
        return tuple(replace(i, p_corrected=p) for i, p in zip(found, corrected, strict=True))

    def levels(self, factor: str) -> tuple[Cell, ...]:
        """The levels of a factor, each averaged over all pipelines that have it.

        Raises:
            RunError: no such factor.
        """
        return self.cells(factor)

    def cells(self, *factors: str) -> tuple[Cell, ...]:
        """Every combination of levels of these factors that some pipeline has.

        Raises:
            RunError: no such factor.
        """
        numbers = [self._number(factor) for factor in factors]
        members: dict[tuple[str, ...], list[int]] = {}
        for n, name in enumerate(self.pipelines):
            point = self.grid.points[name]
            levels = tuple(level for i in numbers if (level := point[i]) is not None)
            if len(levels) == len(numbers):
                members.setdefault(levels, []).append(n)
        order = [self.grid.factors[number].levels for number in numbers]
        return tuple(
            self._cell(levels, members[levels])
            for levels in sorted(
                members, key=lambda each: [o.index(v) for o, v in zip(order, each, strict=True)]
            )
        )

    @property
    def pair(self) -> tuple[str, str] | None:
        """The two factors whose cells are shown first: retriever and ranker, else the first two."""
        keys = [f.key for n, f in enumerate(self.grid.factors) if len(self._levels(n)) > 1]
        if {"retriever", "ranker"} <= set(keys):
            return "retriever", "ranker"
        return (keys[0], keys[1]) if len(keys) > 1 else None

    def _number(self, factor: str) -> int:
        keys = [each.key for each in self.grid.factors]
        if factor not in keys:
            cure = did_you_mean(factor, keys)
            raise RunError(f"no factor '{factor}'", where="grid", cure=cure)
        return keys.index(factor)

    def _levels(self, number: int) -> list[str]:
        """The levels of a factor that some pipeline has, in their order."""
        present = {self.grid.points[name][number] for name in self.pipelines}
        return [level for level in self.grid.factors[number].levels if level in present]

    @cached_property
    def _cells(self) -> dict[tuple[str, ...], Cell]:
        return {}

    def _cell(self, levels: tuple[str, ...], members: Sequence[int]) -> Cell:
        """The mean of some pipelines; computed once, as every view asks for it."""
        names = tuple(self.pipelines[n] for n in members)
        if names not in self._cells:
            self._cells[names] = self._averaged(names, members)
        return replace(self._cells[names], levels=levels)

    def _averaged(self, names: tuple[str, ...], members: Sequence[int]) -> Cell:
        column, costs = self.values[:, members].mean(axis=1), [self.costs[n] for n in members]
        cost = TotalCost(
            float(np.mean([c.online_ms for c in costs])),
            _mean([c.gflop for c in costs]),
            float(np.mean([c.offline_s for c in costs])),
            float(np.mean([c.stored_mb for c in costs])),
        )
        return Cell((), names, float(column.mean()), mean_interval(column), cost)

    def _effect(self, number: int, factor: Factor, level: str) -> Effect | None:
        reference = self._levels(number)[0]
        pairs = [
            (i, j)
            for i in self._with(number, level)
            for j in self._with(number, reference)
            if _equal(self._point(i), self._point(j), but={number})
        ]
        if not pairs:
            return None
        ours, theirs = ([*side] for side in zip(*pairs, strict=True))
        means = np.column_stack(
            [self.values[:, theirs].mean(axis=1), self.values[:, ours].mean(axis=1)]
        )
        difference = means[:, 1] - means[:, 0]
        test, p = paired_test(means)
        cost = CostChange(
            float(np.mean([self.costs[i].online_ms - self.costs[j].online_ms for i, j in pairs])),
            _mean([_minus(self.costs[i].gflop, self.costs[j].gflop) for i, j in pairs]),
            float(np.mean([self.costs[i].offline_s - self.costs[j].offline_s for i, j in pairs])),
        )
        return Effect(
            factor=factor.key,
            level=level,
            reference=reference,
            pairs=len(pairs),
            difference=float(difference.mean()),
            interval=mean_interval(difference),
            p_value=p,
            p_corrected=p,
            test=test,
            cost=cost,
        )

    def _interaction(self, numbers: tuple[int, int], levels: tuple[str, str]) -> Interaction | None:
        a, b = numbers
        refs = (self._levels(a)[0], self._levels(b)[0])
        changes = []
        for i in self._with(a, levels[0]):
            if self._point(i)[b] != levels[1]:
                continue
            others = [
                self._at(i, numbers, corner)
                for corner in ((levels[0], refs[1]), (refs[0], levels[1]), refs)
            ]
            if None not in others:
                alone_a, alone_b, neither = (self.values[:, n] for n in others)
                changes.append(self.values[:, i] - alone_a - alone_b + neither)
        if not changes:
            return None
        change = np.mean(changes, axis=0)
        p = sign_flip_p(change)
        keys = (self.grid.factors[a].key, self.grid.factors[b].key)
        interval = mean_interval(change)
        return Interaction(keys, levels, refs, float(change.mean()), interval, p, p)

    def _at(self, i: int, numbers: tuple[int, int], levels: tuple[str, str]) -> int | None:
        """The pipeline with these levels of two factors that is equal to one in the others."""
        for j in range(len(self.pipelines)):
            point = self._point(j)
            if (point[numbers[0]], point[numbers[1]]) == levels and _equal(
                self._point(i), point, but=set(numbers)
            ):
                return j
        return None

    def _with(self, number: int, level: str) -> list[int]:
        return [n for n in range(len(self.pipelines)) if self._point(n)[number] == level]

    def _point(self, n: int) -> Point:
        return self.grid.points[self.pipelines[n]]


def _equal(one: Point, other: Point, but: set[int]) -> bool:
    """Whether two points have the same levels of all other factors, or one lacks the factor."""
    return all(
        n in but or a is None or b is None or a == b
        for n, (a, b) in enumerate(zip(one, other, strict=True))
    )


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; `None` as soon as one is not known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
