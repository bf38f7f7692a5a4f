"""The primary result: one value per pipeline, question and metric.

Means, intervals and tests all derive from these rows. The same functions score whole pipelines
and isolated stages. A question for which a stage returned nothing scores 0; only what is
undefined for a question has no row: answer metrics without accepted answers, qrels metrics
without a relevant passage, ``reader_…_given_answer`` where no passage holds an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from odqa.data.supporting import normal_title
from odqa.metrics.answers import (
    answer_length,
    best_exact_match,
    best_f1,
    best_pattern_match,
)
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.measures import ANSWER_METRICS, Measures
from odqa.metrics.retrieval import CUTS, score_ranking
from odqa.metrics.supporting import all_gold_values, needed_values
from odqa.types import Answer, Hit, Matching, Question

if TYPE_CHECKING:
    from odqa.data.qrels import Qrels

Stage = Literal["retrieved", "ranked"]
Hits = Mapping[str, Sequence[Hit]]

#: Nothing beside what is always computed.
DEFAULT = Measures()


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
    measures: Measures = DEFAULT,
    ignore_identical_ids: bool = False,
) -> dict[str, dict[str, float]]:
    """Question id -> metric -> value, for the hits of any stage.

    Args:
        questions: all that were asked.
        hits: question id -> hits, best first; a question that is missing counts as having none.
        finder: looks for accepted answers in passages.
        qrels: relevance judgements, where there are any.
        depth: how many passages the stage was asked for. Cuts beyond it are left out: recall@100
            of a ranker that returns 20 says nothing about rank 100.
        measures: what is asked for beside it; its cuts are all computed.
        ignore_identical_ids: judge without the hit that has the id of its question.
    """
    cuts = [k for k in CUTS if depth is None or k <= depth]
    answer_cuts = sorted({*cuts, *measures.cuts})
    by_question = {question.id: hits.get(question.id, ()) for question in questions}
    if ignore_identical_ids:
        by_question = {
            question: [hit for hit in own if hit.passage_id != question]
            for question, own in by_question.items()
        }
    judged = score_ranking(by_question, qrels, cuts, measures.rankings) if qrels else {}
    values = {}
    for question in questions:
        first = finder.first(question, by_question[question.id])
        values[question.id] = {
            **_has_answer_values(first, answer_cuts, question),
            **judged.get(question.id, {}),
            **_needed_values(
                question,
                by_question[question.id],
                finder,
                [p for p, grade in (qrels or {}).get(question.id, {}).items() if grade > 0],
                cuts,
                measures.gold_cuts,
            ),
        }
    return values


def hit_rows(
    pipeline: str, prefix: str, values: Mapping[str, Mapping[str, float]]
) -> list[MetricRow]:
    """Rows of the values of `judge_hits`; names get a prefix: ``retrieved_``, ``colbert/``."""
    return [
        MetricRow(pipeline, question, f"{prefix}{name}", value)
        for question, metrics in values.items()
        for name, value in metrics.items()
    ]


def score_answers(
    pipeline: str,
    questions: Sequence[Question],
    answers: Mapping[str, Answer],
    reader_hits: Hits | None = None,
    finder: AnswerFinder | None = None,
    matching: Matching = "tokens",
    measures: Measures = DEFAULT,
) -> list[MetricRow]:
    """Rows for the answers of a reader.

    Args:
        pipeline: its name.
        questions: all questions of the run; those without accepted answers get no rows.
        answers: question id -> answer; a question that is missing counts as not answered.
        reader_hits: question id -> the hits that the reader got.
        finder: looks for accepted answers in them; with both, rows of the reader's accuracy given
            that its passages hold an answer are added.
        matching: whether accepted answers are texts or regular expressions; with the latter there
            is no f1.
        measures: its metrics of answers are computed too, of texts.
    """
    rows = []
    for question in questions:
        if not question.answers:
            continue
        answer = answers.get(question.id)
        text = answer.text if answer else ""
        correct = _correct(text, question, matching)
        values = correct | {
            "answered": float(bool(text.strip())),
            "answer_length": float(answer_length(text)),
        }
        if matching == "tokens":
            values |= {name: ANSWER_METRICS[name](text, question) for name in measures.answers}
        if reader_hits is not None and finder is not None:
            has_answer = finder.first(question, reader_hits.get(question.id, ())) is not None
            for name in correct if has_answer else ():
                values[f"reader_{name}_given_answer"] = correct[name]
        rows += _rows(pipeline, question.id, values)
    return rows


def _correct(text: str, question: Question, matching: Matching) -> dict[str, float]:
    if matching == "regex":
        return {"em": best_pattern_match(text, question.answers)}
    golds = question.answers
    return {"em": best_exact_match(text, golds), "f1": best_f1(text, golds)}


def _has_answer_values(
    first: int | None, cuts: Sequence[int], question: Question
) -> dict[str, float]:
    if not question.answers:
        return {}
    values = {f"has_answer@{k}": float(first is not None and first < k) for k in cuts}
    return values | {"oracle": float(first is not None)}


def _needed_values(
    question: Question,
    hits: Sequence[Hit],
    finder: AnswerFinder,
    relevant: Sequence[str],
    cuts: Sequence[int],
    more_cuts: Sequence[int],
) -> dict[str, float]:
    """Whether all was found that a question of several hops needs; see `odqa.metrics.supporting`.

    Of other questions only what was asked for: several relevant passages may be alternatives.
    """
    ids = [hit.passage_id for hit in hits]
    if not question.supporting:
        return all_gold_values(relevant, ids, more_cuts) if relevant else {}
    all_cuts = sorted({*cuts, *more_cuts})
    if relevant:
        return needed_values(relevant, ids, all_cuts)
    needed = [normal_title(title) for title in question.supporting]
    return needed_values(needed, finder.titles(hits), all_cuts)


def _rows(pipeline: str, question_id: str, values: Mapping[str, float]) -> list[MetricRow]:
    return [MetricRow(pipeline, question_id, name, value) for name, value in values.items()]
