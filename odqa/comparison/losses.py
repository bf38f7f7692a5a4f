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
    for name, by_question in outcomes(rows).items():
        result = pipelines[name]
        has_answer = _has_answer(result, values)
        by_pipeline[name] = {
            question: _stages(
                result, {stage: flags.get(question, 0.0) for stage, flags in has_answer.items()}
            )
            for question, outcome in by_question.items()
            if outcome != "answered"
        }
    return by_pipeline


def _has_answer(
    result: PipelineResult, values: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[str, Mapping[str, float]]:
    """Stage -> question -> 1.0 where its passages hold an accepted answer."""
    name, graph = result.spec.name, result.spec.graph
    by_stage: dict[str, Mapping[str, float]] = {}
    # Version 0.1.0 judged only the hits that leave the slots.
    for stage, metric in ((graph.retrieved, "retrieved"), (graph.ranked, "ranked")):
        if stage is not None:
            by_stage[stage] = values.get((name, f"{metric}_oracle"), {})
    for node in graph.with_hits:
        oracle = values.get((name, f"{node.id}/oracle"))
        if oracle is not None:
            by_stage[node.id] = oracle
    return by_stage


def _stages(result: PipelineResult, has_answer: Mapping[str, float]) -> tuple[str, ...]:
    graph = result.spec.graph
    if graph.ranked is None or has_answer.get(graph.ranked):
        return () if graph.answers is None else (graph.answers,)
    inputs = {
        stage: tuple(_nearest(sources, graph.hit_inputs(), has_answer))
        for stage, sources in graph.hit_inputs().items()
    }
    return lost_by(has_answer, inputs, graph.ranked)


def _nearest(
    sources: tuple[str, ...], inputs: Mapping[str, tuple[str, ...]], has_answer: Mapping[str, float]
) -> list[str]:
    """The nearest earlier stages that were judged; stages between them are skipped."""
    nearest: list[str] = []
    for source in sources:
        nearest += (
            [source] if source in has_answer else _nearest(inputs[source], inputs, has_answer)
        )
    return list(dict.fromkeys(nearest))
