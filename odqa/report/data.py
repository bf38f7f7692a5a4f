"""The data of the question browser as one compact JSON value.

Passages are stored once and referred to by number; rows are lists, not objects. The number of
passages per question is reduced until their texts fit into `BUDGET`::

    pipelines  names, in order
    outcomes   names; rows refer to them by number, -1: none
    metrics    names of the values in rows
    passages   [id, title, text]
    questions  [id, text, [accepted answer], [relevant passage]]
    rows       pipeline -> question -> [outcome, answer, its passage, start, end, values, right,
               hits, relevant, lost, inner]; ``hits`` is flat: passage, rank before ranking (0: not
               retrieved), score, …; ``relevant`` is flat: passage, rank before, rank after (0: not
               there), …; ``lost`` the stages that lost the question, as text; ``inner`` is flat:
               for every hit its rank in each of the pipeline's ``inner`` stages (0: not there)
    inner      ids of the stages inside of compositions, per pipeline
    explained  explanations of rankers, see `odqa.report.explained`
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from odqa.comparison.table import headline_metrics
from odqa.comparison.verdict import deciding_metric
from odqa.metrics.attribution import OUTCOMES, outcomes
from odqa.report.explained import explained

if TYPE_CHECKING:
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.comparison.result import Comparison
    from odqa.types import Answer, Hit, Question

#: Passages shown per question and pipeline at most.
MAX_DEPTH = 10
#: Bytes that passage texts may take.
BUDGET = 24_000_000


def browser_data(comparison: Comparison, budget: int = BUDGET) -> dict[str, Any]:
    """The JSON value; its ``depth`` is the number of passages per question."""
    depth = next(
        (
            d
            for d in range(MAX_DEPTH, 1, -1)
            if _bytes(comparison, _shown_ids(comparison, d)) <= budget
        ),
        1,
    )
    numbers = {key: n for n, key in enumerate(_shown_ids(comparison, depth))}
    metrics = headline_metrics(comparison)
    rows = [
        _Rows(comparison, result, numbers, metrics, depth).all()
        for result in comparison.pipelines.values()
    ]
    return {
        "pipelines": list(comparison.pipelines),
        "baseline": comparison.baseline,
        "inner": [list(result.inner) for result in comparison.pipelines.values()],
        "ranked": [result.spec.ranker is not None for result in comparison.pipelines.values()],
        "read": [result.answers is not None for result in comparison.pipelines.values()],
        "outcomes": list(OUTCOMES),
        "metrics": metrics,
        "depth": depth,
        "passages": [_passage(comparison, key) for key in numbers],
        "questions": [_question(comparison, q, numbers) for q in comparison.questions],
        "rows": rows,
        "explained": explained(comparison, numbers),
    }


def as_script(data: object) -> str:
    """JSON for a ``<script>`` element, which no text of a passage can end."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


class _Rows:
    """The rows of one pipeline."""

    def __init__(
        self,
        comparison: Comparison,
        result: PipelineResult,
        numbers: Mapping[str, int],
        metrics: Sequence[str],
        depth: int,
    ) -> None:
        self._comparison, self._result, self._numbers = comparison, result, numbers
        self._depth = depth
        name = result.spec.name
        self._values = [comparison.by_question.get((name, metric), {}) for metric in metrics]
        self._outcomes = outcomes(comparison.rows).get(name, {})
        self._lost = comparison.lost_by.get(name, {})
        deciding = deciding_metric(comparison)
        self._deciding = comparison.by_question.get((name, deciding or ""), {})

    def all(self) -> list[list[Any]]:
        """One row a question, in order."""
        return [self._row(question) for question in self._comparison.questions]

    def _row(self, question: Question) -> list[Any]:
        key = question.id
        answer = (self._result.answers or {}).get(key)
        outcome = self._outcomes.get(key)
        values = [_rounded(by_question.get(key)) for by_question in self._values]
        return [
            OUTCOMES.index(outcome) if outcome else -1,
            answer.text if answer else "",
            *self._answer_span(answer),
            values,
            int(self._deciding.get(key) == 1.0),
            *self._hits(key),
            " + ".join(self._lost.get(key, ())),
            self._inner(key),
        ]

    def _answer_span(self, answer: Answer | None) -> tuple[int, int, int]:
        if answer is None or answer.start is None or answer.end is None:
            return -1, 0, 0
        return self._numbers.get(answer.passage_id or "", -1), answer.start, answer.end

    def _hits(self, key: str) -> tuple[list[float], list[int]]:
        retrieved = self._result.retrieved.get(key, ())
        ranked = self._result.ranked.get(key, ())
        before = _ranks(retrieved)
        hits: list[float] = []
        for hit in ranked[: self._depth]:
            if hit.passage_id in self._numbers:
                number, rank = self._numbers[hit.passage_id], before.get(hit.passage_id, 0)
                hits += [number, rank, float(f"{hit.score:.4g}")]
        gold: list[int] = []
        relevant = [p for p in _relevant(self._comparison, key) if p in self._numbers]
        if relevant:
            after = _ranks(ranked)
            for passage in relevant:
                gold += [self._numbers[passage], before.get(passage, 0), after.get(passage, 0)]
        return hits, gold

    def _inner(self, key: str) -> list[int]:
        stage_ranks = [_ranks(hits.get(key, ())) for hits in self._result.inner.values()]
        passage_ids = [
            hit.passage_id
            for hit in self._result.ranked.get(key, ())[: self._depth]
            if hit.passage_id in self._numbers
        ]
        return [ranks.get(passage, 0) for passage in passage_ids for ranks in stage_ranks]


def _ranks(hits: Iterable[Hit]) -> dict[str, int]:
    return {hit.passage_id: rank for rank, hit in enumerate(hits, start=1)}


def _relevant(comparison: Comparison, key: str) -> list[str]:
    judged = (comparison.qrels or {}).get(key, {})
    return [passage for passage, grade in judged.items() if grade > 0]


def _shown_ids(comparison: Comparison, depth: int) -> dict[str, None]:
    """Ids of the passages that the browser can show, in the order of the questions."""
    ids: dict[str, None] = {}
    for question in comparison.questions:
        for result in comparison.pipelines.values():
            for hit in result.ranked.get(question.id, ())[:depth]:
                ids[hit.passage_id] = None
            answer = (result.answers or {}).get(question.id)
            if answer is not None and answer.passage_id is not None:
                ids[answer.passage_id] = None
        ids.update(dict.fromkeys(_relevant(comparison, question.id)))
    return {key: None for key in ids if key in comparison.passages}


def _bytes(comparison: Comparison, ids: Iterable[str]) -> int:
    return sum(len(comparison.passages[key].full_text.encode()) + 32 for key in ids)


def _passage(comparison: Comparison, key: str) -> list[str]:
    passage = comparison.passages[key]
    return [passage.id, passage.title, passage.text]


def _question(comparison: Comparison, question: Question, numbers: Mapping[str, int]) -> list[Any]:
    gold = [numbers[key] for key in _relevant(comparison, question.id) if key in numbers]
    return [question.id, question.text, list(question.answers), gold]


def _rounded(value: float | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if value == int(value) else round(value, 4)
