"""What every fusion does: a weighted sum, per passage, of what each list says of it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeVar

from odqa.errors import ComponentError
from odqa.interfaces import Fusion, FusionConfig
from odqa.types import Hit

C = TypeVar("C", bound=FusionConfig)


class WeightedSum(Fusion[C]):
    """Adds up what the lists give a passage, times their weights.

    A list gives nothing (0) to a passage that it does not hold. Equal sums are ordered by passage
    id, so that the order of the lists cannot matter.
    """

    @abstractmethod
    def values(self, hits: Sequence[Hit]) -> Sequence[float]:
        """What one list (best first, at least one hit) gives to each of its passages."""

    def fuse(self, hits: Sequence[Sequence[Sequence[Hit]]], k: int) -> list[list[Hit]]:
        return [self._fused(lists)[:k] for lists in hits]

    def _fused(self, lists: Sequence[Sequence[Hit]]) -> list[Hit]:
        terms: dict[str, list[float]] = {}
        for weight, hits in zip(self._weights(len(lists)), lists, strict=True):
            for hit, value in zip(hits, self.values(hits) if hits else (), strict=True):
                terms.setdefault(hit.passage_id, []).append(weight * value)
        # An exact sum does not depend on the order of the lists.
        sums: Mapping[str, float] = {key: math.fsum(each) for key, each in terms.items()}
        return [Hit(key, sums[key]) for key in sorted(sums, key=lambda key: (-sums[key], key))]

    def _weights(self, n: int) -> Sequence[float]:
        weights = self.config.weights
        if weights is None:
            return [1.0] * n
        if len(weights) != n:
            raise ComponentError(
                f"{len(weights)} weights for {n} fused stages", cure="give each stage its weight"
            )
        return weights
