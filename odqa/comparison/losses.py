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
        given = _given(result, values)
        by_pipeline[name] = {
            question: _stages(
                result,
                {stage: flags.get(question, 0.0) for stage, flags in has_answer.items()},
                {stage: flags[question] for stage, flags in given.items() if question in flags},
            )
            for question, outcome in by_question.items()
            if outcome != "answered"
        }
    return by_pipeline


def _has_answer(
    result: PipelineResult, values: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[str, Mapping[str, float]]:
    """Stage -> question -> 1.0 where its passages hold what the question needs.

    That is an accepted answer, or all supporting pages of a question of several hops.
    """
    name, graph = result.spec.name, result.spec.graph
    by_stage: dict[str, Mapping[str, float]] = {}
    # Version 0.1.0 judged only the hits that leave the slots.
    for stage, metric in ((graph.retrieved, "retrieved"), (graph.ranked, "ranked")):
        if stage is not None:
            by_stage[stage] = _needed(name, f"{metric}_", values) or {}
    for node in graph.with_hits:
        needed = _needed(name, f"{node.id}/", values)
        if needed is not None:
            by_stage[node.id] = needed
    return by_stage


def _needed(
    name: str, prefix: str, values: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[str, float] | None:
    oracle = values.get((name, f"{prefix}oracle"))
    all_gold = values.get((name, f"{prefix}all_gold"))
    return None if oracle is None and all_gold is None else {**(oracle or {}), **(all_gold or {})}


def _given(
    result: PipelineResult, values: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[str, Mapping[str, float]]:
    """Fusion -> question -> 1.0 where its members together gave all that was needed."""
    name = result.spec.name
    stages = {
        node.id: values.get((name, f"{node.id}/all_gold_in")) for node in result.spec.graph.nodes
    }
    return {stage: flags for stage, flags in stages.items() if flags is not None}


def _stages(
    result: PipelineResult, has_answer: Mapping[str, float], given: Mapping[str, float]
) -> tuple[str, ...]:
    graph = result.spec.graph
    if graph.ranked is None or has_answer.get(graph.ranked):
        return () if graph.answers is None else (graph.answers,)
    inputs = {
        stage: tuple(_nearest(sources, graph.hit_inputs(), has_answer))
        for stage, sources in graph.hit_inputs().items()
    }
    return lost_by(has_answer, inputs, graph.ranked, given)


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
