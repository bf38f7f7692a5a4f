"""The primary result: one value per pipeline, question and metric.

Means, intervals and tests all derive from these rows. One scorer serves whole pipelines and
isolated stages. A question that a stage returned nothing for scores 0 and stays in; only what is
undefined for a question has no row: answer metrics without accepted answers, qrels metrics
without a relevant passage, ``reader_…_given_answer`` where no passage held an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from odqa.metrics.answers import (
    answer_length,
    best_exact_match,
    best_f1,
    best_pattern_match,
)
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.retrieval import CUTS, score_ranking
from odqa.types import Answer, Hit, Matching, Question

if TYPE_CHECKING:
    from odqa.data.qrels import Qrels

Stage = Literal["retrieved", "ranked"]
Hits = Mapping[str, Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One value; ``metric`` is a name of `odqa.metrics.catalogue`."""

    pipeline: str
    question_id: str
    metric: str
    value: float


def judge_hits(
    questions: Sequence[Question],
    hits: Hits,
    finder: AnswerFinder,
    qrels: Qrels | None = None,
    *,
    depth: int | None = None,
) -> dict[str, dict[str, float]]:
    """Question id -> metric -> value, for the hits of any stage.

    Args:
        questions: all that were asked.
        hits: question id -> hits, best first; a question that is missing counts as having none.
        finder: looks for accepted answers in passages.
        qrels: relevance judgements, where there are any.
        depth: how many passages the stage was asked for. Cuts beyond it are left out: recall@100
            of a ranker that returns 20 says nothing about rank 100.
    """
    cuts = [k for k in CUTS if depth is None or k <= depth]
    asked = {question.id: hits.get(question.id, ()) for question in questions}
    judged = score_ranking(asked, qrels, cuts) if qrels else {}
    values = {}
    for question in questions:
        first = finder.first(question, asked[question.id])
        values[question.id] = _answer_found(first, cuts, question) | judged.get(question.id, {})
    return values


def hit_rows(
    pipeline: str, prefix: str, values: Mapping[str, Mapping[str, float]]
) -> list[MetricRow]:
    """Rows of what `judge_hits` gave, every name behind a prefix: ``retrieved_``, ``colbert/``."""
    return [
        MetricRow(pipeline, question, f"{prefix}{name}", value)
        for question, each in values.items()
        for name, value in each.items()
    ]


def score_answers(
    pipeline: str,
    questions: Sequence[Question],
    answers: Mapping[str, Answer],
    read: Hits | None = None,
    finder: AnswerFinder | None = None,
    matching: Matching = "tokens",
) -> list[MetricRow]:
    """Rows for the answers of a reader.

    Args:
        pipeline: its name.
        questions: all that were asked; those without accepted answers get no rows.
        answers: question id -> answer; a question that is missing counts as not answered.
        read: question id -> the hits that the reader was given.
        finder: looks for accepted answers in them; with both, rows of the reader's accuracy given
            that its passages held an answer are added.
        matching: whether accepted answers are texts or regular expressions; with the latter there
            is no f1.
    """
    rows = []
    for question in questions:
        if not question.answers:
            continue
        answer = answers.get(question.id)
        text = answer.text if answer else ""
        right = _correct(text, question, matching)
        values = right | {
            "answered": float(bool(text.strip())),
            "answer_length": float(answer_length(text)),
        }
        if read is not None and finder is not None:
            held = finder.first(question, read.get(question.id, ())) is not None
            for name in right if held else ():
                values[f"reader_{name}_given_answer"] = right[name]
        rows += _rows(pipeline, question.id, values)
    return rows


def _correct(text: str, question: Question, matching: Matching) -> dict[str, float]:
    if matching == "regex":
        return {"em": best_pattern_match(text, question.answers)}
    golds = question.answers
    return {"em": best_exact_match(text, golds), "f1": best_f1(text, golds)}


def _answer_found(first: int | None, cuts: Sequence[int], question: Question) -> dict[str, float]:
    if not question.answers:
        return {}
    found = {f"has_answer@{k}": float(first is not None and first < k) for k in cuts}
    return found | {"oracle": float(first is not None)}


def _rows(pipeline: str, question_id: str, values: Mapping[str, float]) -> list[MetricRow]:
    return [MetricRow(pipeline, question_id, name, value) for name, value in values.items()]
