"""One question through all pipelines, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

from odqa.comparison.explained import as_html, as_text, attention_share
from odqa.escapes import visible
from odqa.explanation import Explanation
from odqa.html_view import shortened
from odqa.metrics.attribution import outcomes
from odqa.metrics.has_answer import has_answer
from odqa.types import Answer, Hit, Matching, Passage, Question

if TYPE_CHECKING:
    from odqa.comparison.data import ComparisonData


@dataclass(frozen=True, slots=True)
class TracedHit:
    """One passage in a pipeline; ranks count from 1, `None` where a stage dropped it.

    ``explanation`` is the ranker's, where the run kept it; ``inner`` the ranks of the passage in
    stages inside of compositions.
    """

    passage: Passage
    score: float
    retrieved_rank: int | None
    ranked_rank: int | None
    relevant: bool
    holds_answer: bool
    explanation: Explanation | None = None
    inner: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineTrace:
    """One question in one pipeline.

    ``lost_by`` are the ids of the stages that lost it; ``queries`` the texts of a rewriter.
    """

    pipeline: str
    hits: tuple[TracedHit, ...]
    answer: Answer | None
    outcome: str
    metrics: Mapping[str, float]
    lost_by: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()

    @property
    def outcome_text(self) -> str:
        """The outcome, with the stages that lost the question."""
        return f"{self.outcome}: {' + '.join(self.lost_by)}" if self.lost_by else self.outcome


@dataclass(frozen=True, slots=True)
class QuestionTrace:
    """One question through every pipeline."""

    question: Question
    pipelines: tuple[PipelineTrace, ...]

    def __str__(self) -> str:
        lines = [f"{self.question.id}: {self.question.text}"]
        lines.append(f"accepted: {' | '.join(self.question.answers) or '(none given)'}")
        for trace in self.pipelines:
            answer = "(no reader)" if trace.answer is None else trace.answer.text or "(no answer)"
            outcome = f"  [{trace.outcome_text}]" if trace.outcome else ""
            lines.append(f"\n{trace.pipeline}: {answer}{outcome}")
            lines += [f"  searched for: {query}" for query in trace.queries]
            for hit in trace.hits:
                mark = "*" if hit.relevant else "+" if hit.holds_answer else " "
                before = hit.retrieved_rank if hit.retrieved_rank is not None else "-"
                lines.append(
                    f"  {mark} {hit.ranked_rank:>2} (was {before}{_inner(hit)})  {hit.score:8.3f}  "
                    f"{hit.passage.title}: {shortened(hit.passage.text, 90)}"
                )
                if hit.explanation is not None:
                    lines.append(f"{'':18}{as_text(hit.explanation, hit.passage)}")
        return visible("\n".join(lines))

    def _repr_html_(self) -> str:
        columns = "".join(_column(trace) for trace in self.pipelines)
        accepted = escape(" | ".join(self.question.answers))
        return (
            f"<h4>{escape(self.question.text)}</h4><p>accepted: {accepted}</p>"
            f"<div style='display:flex;gap:1em;align-items:flex-start'>{columns}</div>"
        )


def trace(comparison: ComparisonData, question_id: str, depth: int = 5) -> QuestionTrace:
    """Side-by-side view of one question, the best ``depth`` passages of each pipeline.

    Raises:
        RunError: no such question.
    """
    question = comparison.question(question_id)
    rows = [row for row in comparison.rows if row.question_id == question_id]
    by_pipeline = outcomes(rows)
    judged = (comparison.qrels or {}).get(question_id, {})
    relevant = {passage for passage, grade in judged.items() if grade > 0}
    traced = []
    for name, result in comparison.pipelines.items():
        retrieved = result.retrieved.get(question_id, [])
        ranked = result.ranked.get(question_id, [])
        inner = {
            stage: {hit.passage_id: n for n, hit in enumerate(hits.get(question_id, ()), start=1)}
            for stage, hits in result.inner.items()
        }
        explanations = {e.passage_id: e for e in result.explanations.get(question_id, ())}
        hits = [
            replace(
                _traced(
                    hit,
                    rank,
                    retrieved,
                    comparison.passages,
                    question,
                    relevant,
                    comparison.matching,
                ),
                explanation=explanations.get(hit.passage_id),
                inner={
                    stage: ranks[hit.passage_id]
                    for stage, ranks in inner.items()
                    if hit.passage_id in ranks
                },
            )
            for rank, hit in enumerate(ranked[:depth], start=1)
            if hit.passage_id in comparison.passages
        ]
        traced.append(
            PipelineTrace(
                name,
                tuple(hits),
                result.answers.get(question_id) if result.answers is not None else None,
                by_pipeline.get(name, {}).get(question_id, ""),
                {row.metric: row.value for row in rows if row.pipeline == name},
                comparison.lost_by.get(name, {}).get(question_id, ()),
                tuple(q for texts in result.texts.values() for q in texts.get(question_id, ())),
            )
        )
    return QuestionTrace(question, tuple(traced))


def _traced(
    hit: Hit,
    rank: int,
    retrieved: list[Hit],
    passages: Mapping[str, Passage],
    question: Question,
    relevant: set[str],
    matching: Matching,
) -> TracedHit:
    passage = passages[hit.passage_id]
    retrieved_rank = next(
        (n for n, h in enumerate(retrieved, 1) if h.passage_id == hit.passage_id), None
    )
    holds = has_answer(passage.text, question.answers, matching)
    return TracedHit(passage, hit.score, retrieved_rank, rank, hit.passage_id in relevant, holds)


def _inner(hit: TracedHit) -> str:
    return "".join(f", {stage} {rank}" for stage, rank in hit.inner.items())


def _column(trace: PipelineTrace) -> str:
    answer = "" if trace.answer is None else escape(trace.answer.text or "(no answer)")
    head = f"<b>{escape(trace.pipeline)}</b><br>{answer} <i>{escape(trace.outcome_text)}</i>"
    head += "".join(f"<br><small>searched for: {escape(query)}</small>" for query in trace.queries)
    return f"<div style='flex:1'>{head}<ol>{''.join(map(_item, trace.hits))}</ol></div>"


def _item(hit: TracedHit) -> str:
    mark = ", gold" if hit.relevant else ", holds an answer" if hit.holds_answer else ""
    details = ""
    if hit.explanation is not None:
        aligned = hit.explanation.kind == "alignment"
        summary = "token alignment" if aligned else attention_share(hit.explanation)
        html = as_html(hit.explanation, hit.passage)
        details = f"<details><summary>{summary}</summary>{html}</details>"
    return (
        f"<li><small>was {hit.retrieved_rank or '-'}{escape(_inner(hit))}, "
        f"{hit.score:.3f}{mark}</small><br>"
        f"<b>{escape(hit.passage.title)}</b> {escape(shortened(hit.passage.text, 200))}"
        f"{details}</li>"
    )
