"""One question through one pipeline as spans: what went in, what came out, how long it took.

Built from records after the batched run. Passages are trimmed: the whole text is in the run
folder, under the id that the span carries.
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

#: How many passages a span lists, and how much of each text.
HITS_SHOWN = 10
TEXT_SHOWN = 200
#: MLflow's names of what a span does.
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
    """One question through one pipeline: the whole, and its stages in order."""

    pipeline: str
    question_id: str
    root: SpanRecord
    stages: tuple[SpanRecord, ...]
    tags: Mapping[str, str]


class TraceBuilder:
    """Makes the traces of one comparison."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._questions = {question.id: question for question in comparison.questions}
        self._positions = {question.id: n for n, question in enumerate(comparison.questions)}
        self._outcomes = outcomes(comparison.rows)
        self._metrics: dict[tuple[str, str], dict[str, float]] = {}
        for row in comparison.rows:
            self._metrics.setdefault((row.pipeline, row.question_id), {})[row.metric] = row.value
        self._started_ns = _start_of(comparison)
        self._alone = {
            name: {q: n for n, q in enumerate(result.latency.questions)}
            for name, result in comparison.pipelines.items()
            if result.latency is not None
        }

    def build(self, pipeline: str, question_id: str) -> TraceRecord:
        """The trace of one question through one pipeline."""
        result = self._comparison.result(pipeline)
        question = self._questions[question_id]
        seconds, timing = self._seconds(pipeline, result, question_id)
        whole = round(1e9 * sum(seconds.values()))
        start = self._started_ns + self._positions[question_id] * whole
        at, stages = start, []
        graph = result.spec.graph
        several = Counter(node.role for node in graph.nodes)
        for node in graph.nodes:
            end = at + round(1e9 * seconds.get(node.id, 0.0))
            given, made = self._content(result, node, question)
            facts = {"odqa.stage": node.id, "odqa.type": node.stage.type, "odqa.timing": timing}
            verb = ROLES[node.role].verb
            name = verb if several[node.role] == 1 else f"{verb} {node.id}"
            stages.append(SpanRecord(name, SPAN_TYPES[node.role], at, end, given, made, facts))
            at = end
        fate = self._outcomes.get(pipeline, {}).get(question_id, "")
        answer = (result.answers or {}).get(question_id)
        said: object = answer.text if answer else self._shown(result.ranked.get(question_id, ()))
        about = {f"odqa.{k}": v for k, v in self._metrics.get((pipeline, question_id), {}).items()}
        root = SpanRecord(
            pipeline,
            "CHAIN",
            start,
            at,
            {"question": question.text},
            {"answer": said, "accepted": list(question.answers), "outcome": fate},
            about,
        )
        tags = {"odqa.pipeline": pipeline, "odqa.question": question_id, "odqa.outcome": fate}
        lost = self._comparison.lost_by.get(pipeline, {}).get(question_id, ())
        tags["odqa.lost_by"] = " + ".join(lost)
        return TraceRecord(pipeline, question_id, root, tuple(stages), tags)

    def _seconds(
        self, pipeline: str, result: PipelineResult, question_id: str
    ) -> tuple[dict[str, float], str]:
        position = self._alone.get(pipeline, {}).get(question_id)
        if position is not None and result.latency is not None:
            alone = result.latency.seconds.items()
            return {stage: each[position] for stage, each in alone}, "measured alone"
        n = len(self._comparison.questions)
        share = {cost.stage_id: cost.online_seconds / n for cost in result.costs}
        return share, "equal share of the batched time"

    def _content(
        self, result: PipelineResult, node: GraphNode, question: Question
    ) -> tuple[Any, Any]:
        given: dict[str, Any] = {"question": question.text}
        info = ROLES[node.role]
        if info.takes == "queries" and node.inputs:
            given["queries"] = result.texts.get(node.inputs[0], {}).get(question.id, [])
        elif info.takes == "hits":
            feeds = [result.hits_of(each).get(question.id, []) for each in node.inputs]
            ids = [[hit.passage_id for hit in hits[:HITS_SHOWN]] for hits in feeds]
            several = dict(zip(node.inputs, ids, strict=True))
            given["passages"] = several if info.several else next(iter(ids), [])
        if info.gives == "queries":
            return given, result.texts.get(node.id, {}).get(question.id, [])
        if info.gives == "answers":
            return given, _answer((result.answers or {}).get(question.id))
        return given, self._shown(result.hits_of(node.id).get(question.id, []))

    def _shown(self, hits: Sequence[Hit]) -> list[dict[str, Any]]:
        # The form in which MLflow's own viewer shows retrieved documents.
        return [
            {
                "page_content": _trim(self._comparison.passages.get(hit.passage_id)),
                "metadata": {"doc_id": hit.passage_id, "score": hit.score, "rank": rank},
            }
            for rank, hit in enumerate(hits[:HITS_SHOWN], start=1)
        ]


def _trim(passage: Passage | None) -> str:
    if passage is None:
        return ""
    text = passage.full_text
    return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN]}…"


def _answer(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {"answer": ""}
    place = {"passage": answer.passage_id, "start": answer.start, "end": answer.end}
    return {"answer": answer.text, "score": answer.score, **place}


def _start_of(comparison: Comparison) -> int:
    started = comparison.manifest.get("started")
    return round(1e9 * datetime.fromisoformat(started).timestamp()) if started else 0
