"""Which stage of a pipeline lost each question, members of fusions and cascades included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from odqa.comparison.pipeline_result import PipelineResult
from odqa.metrics.attribution import lost_by, outcomes
from odqa.metrics.rows import MetricRow


def losses(
    pipelines: Mapping[str, PipelineResult],
    rows: Sequence[MetricRow],
    values: Mapping[tuple[str, str], Mapping[str, float]],
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Pipeline -> question id -> ids of the stages that lost it.

    Args:
        values: (pipeline, metric) -> question id -> value, of the same rows.
    """
    by_pipeline: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, fates in outcomes(rows).items():
        result = pipelines[name]
        held = _held(result, values)
        by_pipeline[name] = {
            question: _stages(
                result, {stage: each.get(question, 0.0) for stage, each in held.items()}
            )
            for question, outcome in fates.items()
            if outcome != "answered"
        }
    return by_pipeline


def _held(
    result: PipelineResult, values: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[str, Mapping[str, float]]:
    """Stage -> question -> whether its passages held an accepted answer."""
    name, graph = result.spec.name, result.spec.graph
    known: dict[str, Mapping[str, float]] = {}
    # Version 0.1.0 judged what leaves the slots alone.
    for stage, metric in ((graph.retrieved, "retrieved"), (graph.ranked, "ranked")):
        if stage is not None:
            known[stage] = values.get((name, f"{metric}_oracle"), {})
    for node in graph.with_hits:
        own = values.get((name, f"{node.id}/oracle"))
        if own is not None:
            known[node.id] = own
    return known


def _stages(result: PipelineResult, held: Mapping[str, float]) -> tuple[str, ...]:
    graph = result.spec.graph
    if graph.ranked is None or held.get(graph.ranked):
        return () if graph.answers is None else (graph.answers,)
    inputs = {
        stage: tuple(_nearest(sources, graph.hit_inputs(), held))
        for stage, sources in graph.hit_inputs().items()
    }
    return lost_by(held, inputs, graph.ranked)


def _nearest(
    sources: tuple[str, ...], inputs: Mapping[str, tuple[str, ...]], held: Mapping[str, float]
) -> list[str]:
    """The stages before that were judged: those between them are passed over."""
    nearest: list[str] = []
    for source in sources:
        nearest += [source] if source in held else _nearest(inputs[source], inputs, held)
    return list(dict.fromkeys(nearest))
