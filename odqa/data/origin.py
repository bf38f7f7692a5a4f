"""Where a dataset was read from, to read it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Origin:
    """The data keys of a spec and the folder that their paths start from.

    ``takes`` are later cuts, in order: the number of questions, and the seed of their sample.
    """

    config: Mapping[str, Any]
    folder: str
    takes: tuple[tuple[int, int | None], ...] = ()

    def cut(self, n: int, seed: int | None) -> Origin:
        """The same after one more `Dataset.take`."""
        return replace(self, takes=(*self.takes, (n, seed)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        takes = [list(take) for take in self.takes]
        return {"config": dict(self.config), "folder": self.folder, "takes": takes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Origin:
        """The inverse of `to_dict`."""
        return cls(data["config"], data["folder"], tuple((n, seed) for n, seed in data["takes"]))
