"""One question through one pipeline as spans: what went in, what came out, how long it took.

Built from records after the batched run. Passages are trimmed: the whole text is in the run
folder, under the id that the span carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from odqa.metrics.attribution import outcomes
from odqa.registry import Role
from odqa.types import Answer, Hit, Passage, Question

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison, PipelineResult

#: How many passages a span lists, and how much of each text.
HITS_SHOWN = 10
TEXT_SHOWN = 200
#: MLflow's names of what a span does.
SPAN_TYPES: Mapping[Role, str] = {
    "retriever": "RETRIEVER",
    "ranker": "RERANKER",
    "reader": "PARSER",
}
_NAMES: Mapping[Role, str] = {"retriever": "retrieve", "ranker": "rank", "reader": "read"}


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
        for stage in result.spec.stages:
            end = at + round(1e9 * seconds.get(stage.role, 0.0))
            given, made = self._content(result, stage.role, question)
            facts = {"odqa.type": stage.type, "odqa.timing": timing}
            name, kind = _NAMES[stage.role], SPAN_TYPES[stage.role]
            stages.append(SpanRecord(name, kind, at, end, given, made, facts))
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
        return TraceRecord(pipeline, question_id, root, tuple(stages), tags)

    def _seconds(
        self, pipeline: str, result: PipelineResult, question_id: str
    ) -> tuple[dict[Role, float], str]:
        position = self._alone.get(pipeline, {}).get(question_id)
        if position is not None and result.latency is not None:
            alone = result.latency.seconds.items()
            return {role: each[position] for role, each in alone}, "measured alone"
        n = len(self._comparison.questions)
        share = {cost.role: cost.online_seconds / n for cost in result.costs}
        return share, "equal share of the batched time"

    def _content(self, result: PipelineResult, role: Role, question: Question) -> tuple[Any, Any]:
        retrieved = result.retrieved.get(question.id, [])
        ranked = result.ranked.get(question.id, [])
        if role == "retriever":
            return {"question": question.text}, self._shown(retrieved)
        if role == "ranker":
            given = [hit.passage_id for hit in retrieved[:HITS_SHOWN]]
            return {"question": question.text, "passages": given}, self._shown(ranked)
        given = [hit.passage_id for hit in ranked[:HITS_SHOWN]]
        answer = (result.answers or {}).get(question.id)
        return {"question": question.text, "passages": given}, _answer(answer)

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
