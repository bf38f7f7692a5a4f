"""Comparisons as MLflow's parameters, metrics and tags: flat names, plain values."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from odqa.comparison.choice import can_choose
from odqa.comparison.costs import joules_of
from odqa.comparison.effects import grid_metric
from odqa.comparison.table import tested_metrics, tests_for
from odqa.comparison.usage import usage_of
from odqa.execution.latency import percentile

if TYPE_CHECKING:
    from odqa.comparison.costs import StageCost
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.comparison.result import Comparison
    from odqa.meters.meter import Spent
    from odqa.metrics.statistics.pairs import PairedComparison
    from odqa.spec.pipeline import PipelineSpec

#: MLflow refuses longer parameter values.
LONGEST_PARAM = 6000


def pipeline_params(spec: PipelineSpec) -> dict[str, str]:
    """The whole spec, defaults included, flattened: ``ranker.k`` -> ``"20"``."""
    params = {"name": spec.name}
    for slot, value in spec.slots.items():
        params |= flatten(_by_index(value.to_dict(defaults=True)), slot)
    return params


def _by_index(value: object) -> Mapping[str, object]:
    """Compositions as mappings: items of a list by their index."""
    if isinstance(value, Mapping):
        composed = ("fuse", "stages", "retriever", "ranker")
        return {k: _by_index(v) if k in composed else v for k, v in value.items()}
    items = value if isinstance(value, list) else []
    return {str(index): _by_index(item) for index, item in enumerate(items)}


def flatten(values: Mapping[str, object], prefix: str) -> dict[str, str]:
    """Nested mappings as dotted keys; other values as text: strings as they are, others as JSON."""
    items: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            items |= flatten(value, name)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            items[name] = text[:LONGEST_PARAM]
    return items


def metric_name(name: str) -> str:
    """A name that MLflow takes: without ``@``, and without ``+``, which ids of stages may have."""
    return re.sub(r"[^\w/.\- ]", "_", name.replace("@", "_at_"))


def pipeline_metrics(comparison: Comparison, name: str) -> dict[str, float]:
    """Means, 95 % intervals under ``ci/``, tests under ``test/`` (of several
    baselines ``test/METRIC vs BASELINE``), lost questions under ``lost/``,
    and costs under ``cost/``."""
    metrics: dict[str, float] = {}
    for (pipeline, metric), cell in comparison.summaries.items():
        if pipeline == name:
            key = metric_name(metric)
            metrics[key] = cell.mean
            metrics[f"ci/{key}_low"] = cell.interval.low
            metrics[f"ci/{key}_high"] = cell.interval.high
    several = len(comparison.baselines) > 1
    for metric in tested_metrics(comparison):
        for test in tests_for(comparison, metric):
            if test.candidate == name:
                metrics |= _test(test, several)
    for stage, lost in comparison.lost_counts(name).items():
        metrics[metric_name(f"lost/{stage}")] = float(lost)
    costs = pipeline_costs(comparison.result(name), len(comparison.questions))
    return metrics | {metric_name(f"cost/{key}"): value for key, value in costs.items()}


def grid_params(comparison: Comparison) -> dict[str, str]:
    """Factor of a grid -> its levels, under ``grid.``; empty where there is no grid."""
    grid = comparison.grid
    factors = () if grid is None else grid.factors
    return {metric_name(f"grid.{f.key}"): ", ".join(f.levels)[:LONGEST_PARAM] for f in factors}


def level_params(comparison: Comparison, name: str) -> dict[str, str]:
    """Factor of a grid -> the level of a pipeline, under ``grid.``."""
    grid = comparison.grid
    if grid is None or name not in grid.points:
        return {}
    pairs = zip(grid.factors, grid.points[name], strict=True)
    return {metric_name(f"grid.{f.key}"): level for f, level in pairs if level is not None}


def grid_metrics(comparison: Comparison) -> dict[str, float]:
    """Main effects under ``effect/FACTOR/LEVEL``, and the honest choice under ``choice/``."""
    metric = grid_metric(comparison)
    if metric is None:
        return {}
    metrics: dict[str, float] = {}
    for effect in comparison.effects(metric).main:
        head = metric_name(f"effect/{effect.factor}/{effect.level}")
        values = {
            "difference": effect.difference,
            "low": effect.interval.low,
            "high": effect.interval.high,
            "p_holm": effect.p_corrected,
            "online_ms": effect.cost.online_ms,
            "gflop": effect.cost.gflop,
            "offline_s": effect.cost.offline_s,
        }
        metrics |= {f"{head}_{key}": value for key, value in values.items() if value is not None}
    if can_choose(comparison, metric):
        chosen = comparison.choice(metric)
        metrics |= {
            "choice/judged": chosen.honest,
            "choice/judged_low": chosen.interval.low,
            "choice/judged_high": chosen.interval.high,
            "choice/best": chosen.best_mean,
            "choice/optimism": chosen.mean_optimism,
            "choice/gain": chosen.gain,
            "choice/gain_p": chosen.gain_p,
        }
    return metrics


def _test(test: PairedComparison, with_baseline: bool) -> dict[str, float]:
    """The paired test against a baseline; missing and infinite numbers are left out."""
    values = {
        "difference": test.difference,
        "low": test.interval.low,
        "high": test.interval.high,
        "p": test.p_value,
        "p_holm": test.p_corrected,
        "effect_d": test.effect_size,
        "wins": test.counts.wins,
        "ties": test.counts.ties,
        "losses": test.counts.losses,
        "questions_needed": test.questions_needed,
        "detectable": test.detectable,
    }
    against = f" vs {test.baseline}" if with_baseline else ""
    head = metric_name(f"test/{test.metric}{against}")
    return {
        f"{head}_{key}": float(value)
        for key, value in values.items()
        if value is not None and math.isfinite(value)
    }


def pipeline_costs(result: PipelineResult, questions: int) -> dict[str, float]:
    """Costs of a whole pipeline and, under ``ID/``, of every stage.

    Under its role too, where the pipeline has no other stage in that role.

    Values that were not measured or not reported by the machine are left out.
    """
    costs = result.costs
    figures = _figures(
        costs, questions, result.latency.total() if result.latency is not None else ()
    )
    per_role = Counter(cost.role for cost in costs)
    for cost in costs:
        latencies = result.latency.of(cost.stage_id) if result.latency is not None else ()
        stage_figures = _figures([cost], questions, latencies)
        names = [cost.stage_id, *([cost.role] if per_role[cost.role] == 1 else [])]
        figures |= {
            f"{name}/{key}": value for name in names for key, value in stage_figures.items()
        }
    return figures


def _figures(
    costs: Sequence[StageCost], questions: int, latencies: Sequence[float]
) -> dict[str, float]:
    seconds = sum(cost.online_seconds for cost in costs)
    figures = {
        "offline_s": sum(cost.offline_seconds for cost in costs),
        "online_ms_per_question": 1000 * seconds / questions,
        "stored_bytes": float(sum(cost.stored_bytes for cost in costs)),
        "parameters": float(sum(cost.parameters for cost in costs)),
        "from_cache": float(any(cost.reused for cost in costs)),
    }
    if loading := [cost.load_seconds for cost in costs if cost.load_seconds is not None]:
        figures["load_s"] = sum(loading)
    if seconds:
        figures["questions_per_s"] = questions / seconds
    if gflop := [cost.gflop for cost in costs if cost.gflop is not None]:
        figures["gflop_per_question"] = sum(gflop)
    if usage := usage_of(costs):
        figures["prompt_tokens_per_question"] = usage.prompt_tokens / questions
        figures["completion_tokens_per_question"] = usage.completion_tokens / questions
        if usage.price is not None:
            figures["price_per_question"] = usage.price / questions
        figures |= {f"count/{name}": float(count) for name, count in usage.counts.items()}
    for phase in ("offline", "online"):
        parts: list[Spent] = [getattr(cost, phase) for cost in costs]
        peaks = [spent.peak_bytes for spent in parts if spent.peak_bytes is not None]
        gpu_peaks = [spent.gpu_peak_bytes for spent in parts if spent.gpu_peak_bytes is not None]
        if peaks:
            figures[f"{phase}_peak_bytes"] = float(max(peaks))
        if gpu_peaks:
            figures[f"{phase}_gpu_peak_bytes"] = float(max(gpu_peaks))
        joules = joules_of(parts)
        if joules is not None:
            figures[f"{phase}_j"] = joules
    if "online_j" in figures:
        figures["j_per_question"] = figures["online_j"] / questions
    if latencies:
        for q in (50, 95, 99):
            figures[f"latency_p{q}_ms"] = 1000 * percentile(latencies, q)
    return figures
