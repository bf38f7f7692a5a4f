"""Comparisons as MLflow's parameters, metrics and tags: flat names, plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from odqa.experiment.latency import percentile

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison, PipelineResult
    from odqa.spec.pipeline import PipelineSpec

#: MLflow refuses longer parameter values.
LONGEST_PARAM = 6000


def pipeline_params(spec: PipelineSpec) -> dict[str, str]:
    """The whole spec, defaults included, flattened: ``ranker.k`` -> ``"20"``."""
    found = {"name": spec.name}
    for stage in spec.stages:
        found[f"{stage.role}.type"] = stage.type
        found |= flatten(json.loads(stage.config.model_dump_json()), stage.role)
    return found


def flatten(values: Mapping[str, object], prefix: str) -> dict[str, str]:
    """Nested mappings as dotted keys; everything else as text that JSON would read back."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            found |= flatten(value, name)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found[name] = text[:LONGEST_PARAM]
    return found


def metric_name(name: str) -> str:
    """A name that MLflow takes: it has no ``@``."""
    return name.replace("@", "_at_")


def pipeline_metrics(comparison: Comparison, name: str) -> dict[str, float]:
    """Means, their 95 % intervals under ``ci/``, and costs under ``cost/``."""
    found: dict[str, float] = {}
    for (pipeline, metric), cell in comparison.summaries.items():
        if pipeline == name:
            key = metric_name(metric)
            found[key] = cell.mean
            found[f"ci/{key}_low"] = cell.interval.low
            found[f"ci/{key}_high"] = cell.interval.high
    costs = pipeline_costs(comparison.result(name), len(comparison.questions))
    return found | {f"cost/{key}": value for key, value in costs.items()}


def pipeline_costs(result: PipelineResult, questions: int) -> dict[str, float]:
    """Costs of a whole pipeline; what was not measured is left out."""
    found = {
        "offline_s": sum(cost.offline_seconds for cost in result.costs),
        "online_ms_per_question": 1000 * sum(c.online_seconds for c in result.costs) / questions,
        "stored_bytes": float(sum(cost.stored_bytes for cost in result.costs)),
        "parameters": float(sum(cost.parameters for cost in result.costs)),
    }
    gflop = [cost.gflop for cost in result.costs if cost.gflop is not None]
    if gflop:
        found["gflop_per_question"] = sum(gflop)
    if result.latency is not None:
        for q in (50, 95, 99):
            found[f"latency_p{q}_ms"] = 1000 * percentile(result.latency.total(), q)
    return found
