"""What each stage costs, offline and online, with cached stages marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from odqa.execution.record import StageRecord
from odqa.meters.meter import Spent
from odqa.registry import Role

#: Text in place of a figure that the machine has no counter for.
NOT_REPORTED = "not reported by this machine"


@dataclass(frozen=True, slots=True)
class StageCost:
    """Costs of one stage of one pipeline over the whole question set.

    ``offline`` is what the first preparation on this corpus took, ``online`` what all questions in
    batches took, charged in full to every pipeline that shares the stage. ``gflop`` is analytic,
    per question, the mean over a sample; `None` where no formula applies. ``stored_bytes`` is what
    the stage keeps on disk. ``reused`` marks an online part that was read from the cache,
    ``offline_reused`` an offline part: the figures are those of the run that computed it. ``id`` is
    the stage's id in its pipeline. ``load_seconds`` went into imports and weights before; earlier
    versions counted them as offline work (`None`).
    """

    role: Role
    type: str
    offline: Spent
    online: Spent
    reused: bool
    shared_with: tuple[str, ...] = ()
    parameters: int = 0
    gflop: float | None = None
    stored_bytes: int = 0
    stored: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    offline_reused: bool = False
    id: str = ""
    load_seconds: float | None = None

    @property
    def stage_id(self) -> str:
        """The id of the stage; its type in folders of version 0.1.0, which had none."""
        return self.id or self.type

    @property
    def offline_seconds(self) -> float:
        """Wall time of the first preparation on this corpus."""
        return self.offline.seconds

    @property
    def online_seconds(self) -> float:
        """Wall time over all questions in batches."""
        return self.online.seconds

    @property
    def peak_bytes(self) -> int | None:
        """The highest resident set of the process in either part; `None`: not reported."""
        peaks = (self.offline.peak_bytes, self.online.peak_bytes)
        return max((peak for peak in peaks if peak is not None), default=None)

    @property
    def stored_names(self) -> str:
        """Names of what this stage computed offline and keeps, or ``nothing``."""
        return ", ".join(self.stored) or "nothing"

    def throughput(self, questions: int) -> float | None:
        """Questions per second in batches; `None` for a stage that took no time at all."""
        return questions / self.online.seconds if self.online.seconds else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StageCost:
        """The inverse of `to_dict`; also reads earlier versions, which wrote seconds alone and a
        list ``precomputes``."""
        values = dict(data)
        for part in ("offline", "online"):
            seconds = values.pop(f"{part}_seconds", None)
            spent = values.get(part)
            values[part] = Spent(seconds) if spent is None else Spent.from_dict(spent)
        values["shared_with"] = tuple(data["shared_with"])
        values.pop("precomputes", None)
        return cls(**values)


def stage_cost(record: StageRecord, shared_with: tuple[str, ...], stage_id: str) -> StageCost:
    """The costs of one executed stage; ``stage_id`` is its id in the pipeline."""
    stage = record.stage
    return StageCost(
        stage.role,
        stage.type,
        record.offline,
        record.online,
        record.reused,
        shared_with,
        record.parameters,
        record.gflop,
        sum(item.bytes for item in record.stored),
        {item.name: item.bytes for item in record.stored},
        record.facts,
        record.offline_reused,
        stage_id,
        record.load_seconds,
    )


@dataclass(frozen=True, slots=True)
class TotalCost:
    """What a whole pipeline costs: per question ``online_ms`` in batches and ``gflop``; per corpus
    ``offline_s`` and ``stored_mb``.

    ``gflop`` is that of the stages for which there is a formula; `None` where there is for none.
    """

    online_ms: float
    gflop: float | None
    offline_s: float
    stored_mb: float


def total_cost(costs: Sequence[StageCost], questions: int) -> TotalCost:
    """The sum over the stages of a pipeline that was asked so many questions."""
    gflop = [cost.gflop for cost in costs if cost.gflop is not None]
    return TotalCost(
        1000 * sum(cost.online_seconds for cost in costs) / questions,
        sum(gflop) if gflop else None,
        sum(cost.offline_seconds for cost in costs),
        sum(cost.stored_bytes for cost in costs) / 1e6,
    )


def joules_of(parts: Sequence[Spent]) -> float | None:
    """Joules of several parts; `None` as soon as one of them was not reported."""
    joules = [spent.joules for spent in parts if spent.joules is not None]
    return sum(joules) if len(joules) == len(parts) else None
