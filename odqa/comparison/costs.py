"""What each stage costs: offline and online apart, cached stages marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from odqa.experiment.record import StageRecord
from odqa.registry import Role, get


@dataclass(frozen=True, slots=True)
class StageCost:
    """Costs of one stage of one pipeline over the whole question set.

    ``offline_seconds``: first preparation on this corpus. ``online_seconds``: batched wall time
    over all questions, charged in full to every pipeline that shares the stage. ``gflop`` is
    analytic, per question, the mean over a sample; `None` where no formula applies.
    ``stored_bytes`` is what the stage keeps on disk. ``reused`` marks an online part that was
    read from the cache: its seconds are those of the run that computed it.
    """

    role: Role
    type: str
    offline_seconds: float
    online_seconds: float
    reused: bool
    shared_with: tuple[str, ...] = ()
    parameters: int = 0
    gflop: float | None = None
    stored_bytes: int = 0
    stored: Mapping[str, int] = field(default_factory=dict)
    precomputes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StageCost:
        """The inverse of `to_dict`."""
        listed = {key: tuple(data[key]) for key in ("shared_with", "precomputes")}
        return cls(**{**data, **listed})


def stage_cost(record: StageRecord, shared_with: tuple[str, ...]) -> StageCost:
    """The cost entry of one executed stage."""
    stage = record.stage
    return StageCost(
        stage.role,
        stage.type,
        record.offline_seconds,
        record.seconds,
        record.reused,
        shared_with,
        record.parameters,
        record.gflop,
        sum(item.bytes for item in record.stored),
        {item.name: item.bytes for item in record.stored},
        get(stage.role, stage.type).precomputes,
        record.facts,
    )
