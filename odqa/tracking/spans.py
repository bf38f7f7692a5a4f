"""One question through one pipeline as spans: inputs, outputs and times of every stage.

Built from records after the batched run. Passages are trimmed: the whole text is in the run
folder, under the id in the span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from odqa.metrics.attribution import outcomes
from odqa.registry import ROLES, Role
from odqa.types import Answer, Hit, Passage, Question

if TYPE_CHECKING:
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.comparison.result import Comparison
    from odqa.spec.graph import GraphNode

#: Passages of a span, and characters of each text, at most.
MAX_HITS = 10
MAX_CHARACTERS = 200
#: MLflow's span types.
SPAN_TYPES: Mapping[Role, str] = {
    "rewriter": "PARSER",
    "retriever": "RETRIEVER",
    "fusion": "RERANKER",
    "ranker": "RERANKER",
    "reader": "PARSER",
}


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One span; times in nanoseconds since 1970."""

    name: str
    type: str
    start_ns: int
    end_ns: int
    inputs: Any
    outputs: Any
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One question through one pipeline: the span of the pipeline, and its stages in order."""

    pipeline: str
    question_id: str
    root: SpanRecord
    stages: tuple[SpanRecord, ...]
    tags: Mapping[str, str]


class TraceBuilder:
    """Builds the traces of one comparison."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._questions = {question.id: question for question in comparison.questions}
        self._positions = {question.id: n for n, question in enumerate(comparison.questions)}
        self._outcomes = outcomes(comparison.rows)
        self._metrics: dict[tuple[str, str], dict[str, float]] = {}
        for row in comparison.rows:
            self._metrics.setdefault((row.pipeline, row.question_id), {})[row.metric] = row.value
        self._started_ns = _start_of(comparison)
        self._latency_positions = {
            name: {q: n for n, q in enumerate(result.latency.questions)}
            for name, result in comparison.pipelines.items()
            if result.latency is not None
        }

    def build(self, pipeline: str, question_id: str) -> TraceRecord:
        """The trace of one question through one pipeline."""
        result = self._comparison.result(pipeline)
        question = self._questions[question_id]
        seconds, timing = self._seconds(pipeline, result, question_id)
        duration = round(1e9 * sum(seconds.values()))
        start = self._started_ns + self._positions[question_id] * duration
        at, stages = start, []
        graph = result.spec.graph
        per_role = Counter(node.role for node in graph.nodes)
        for node in graph.nodes:
            end = at + round(1e9 * seconds.get(node.id, 0.0))
            inputs, outputs = self._content(result, node, question)
            attributes = {
                "odqa.stage": node.id,
                "odqa.type": node.stage.type,
                "odqa.timing": timing,
            }
            verb = ROLES[node.role].verb
            name = verb if per_role[node.role] == 1 else f"{verb} {node.id}"
            stages.append(
                SpanRecord(name, SPAN_TYPES[node.role], at, end, inputs, outputs, attributes)
            )
            at = end
        outcome = self._outcomes.get(pipeline, {}).get(question_id, "")
        answer = (result.answers or {}).get(question_id)
        final: object = (
            answer.text if answer else self._documents(result.ranked.get(question_id, ()))
        )
        metrics = {
            f"odqa.{k}": v for k, v in self._metrics.get((pipeline, question_id), {}).items()
        }
        root = SpanRecord(
            pipeline,
            "CHAIN",
            start,
            at,
            {"question": question.text},
            {"answer": final, "accepted": list(question.answers), "outcome": outcome},
            metrics,
        )
        tags = {"odqa.pipeline": pipeline, "odqa.question": question_id, "odqa.outcome": outcome}
        lost = self._comparison.lost_by.get(pipeline, {}).get(question_id, ())
        tags["odqa.lost_by"] = " + ".join(lost)
        return TraceRecord(pipeline, question_id, root, tuple(stages), tags)

    def _seconds(
        self, pipeline: str, result: PipelineResult, question_id: str
    ) -> tuple[dict[str, float], str]:
        position = self._latency_positions.get(pipeline, {}).get(question_id)
        if position is not None and result.latency is not None:
            by_stage = result.latency.seconds.items()
            return {stage: times[position] for stage, times in by_stage}, "measured alone"
        n = len(self._comparison.questions)
        share = {cost.stage_id: cost.online_seconds / n for cost in result.costs}
        return share, "equal share of the batched time"

    def _content(
        self, result: PipelineResult, node: GraphNode, question: Question
    ) -> tuple[Any, Any]:
        inputs: dict[str, Any] = {"question": question.text}
        info = ROLES[node.role]
        if info.takes == "queries" and node.inputs:
            inputs["queries"] = result.texts.get(node.inputs[0], {}).get(question.id, [])
        elif info.takes == "hits":
            input_hits = [result.hits_of(source).get(question.id, []) for source in node.inputs]
            ids = [[hit.passage_id for hit in hits[:MAX_HITS]] for hits in input_hits]
            by_input = dict(zip(node.inputs, ids, strict=True))
            inputs["passages"] = by_input if info.several else next(iter(ids), [])
        if info.gives == "queries":
            return inputs, result.texts.get(node.id, {}).get(question.id, [])
        if info.gives == "answers":
            return inputs, _answer((result.answers or {}).get(question.id))
        return inputs, self._documents(result.hits_of(node.id).get(question.id, []))

    def _documents(self, hits: Sequence[Hit]) -> list[dict[str, Any]]:
        # The format in which MLflow's trace viewer shows retrieved documents.
        return [
            {
                "page_content": _trim(self._comparison.passages.get(hit.passage_id)),
                "metadata": {"doc_id": hit.passage_id, "score": hit.score, "rank": rank},
            }
            for rank, hit in enumerate(hits[:MAX_HITS], start=1)
        ]


def _trim(passage: Passage | None) -> str:
    if passage is None:
        return ""
    text = passage.full_text
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


def _answer(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {"answer": ""}
    span = {"passage": answer.passage_id, "start": answer.start, "end": answer.end}
    return {"answer": answer.text, "score": answer.score, **span}


def _start_of(comparison: Comparison) -> int:
    started = comparison.manifest.get("started")
    return round(1e9 * datetime.fromisoformat(started).timestamp()) if started else 0
