"""Which pipelines of a comparison are the points of a grid: its factors and their levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

#: The factor of the pipelines that a grid was laid over, where there are several.
BASE = "pipeline"


@dataclass(frozen=True, slots=True)
class Factor:
    """What a grid varies: a key of specs, such as ``ranker`` or ``ranker.k``, and its levels."""

    key: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Factors, and the level of each that every pipeline has.

    ``points``: pipeline -> a level a factor; `None` where the pipeline has no such key (the ``k``
    of a ranker that it lacks).
    """

    factors: tuple[Factor, ...]
    points: Mapping[str, tuple[str | None, ...]]

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same with other names of pipelines; names that are not given stay."""
        points = {names.get(name, name): levels for name, levels in self.points.items()}
        return replace(self, points=points)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a manifest."""
        return {
            "factors": [{"key": f.key, "levels": list(f.levels)} for f in self.factors],
            "pipelines": {name: list(levels) for name, levels in self.points.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        factors = tuple(Factor(f["key"], tuple(f["levels"])) for f in data["factors"])
        return cls(factors, {name: tuple(levels) for name, levels in data["pipelines"].items()})
