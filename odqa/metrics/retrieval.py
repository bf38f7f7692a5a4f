"""Metrics of ranked passages by qrels, through ir_measures (trec_eval's formulas)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from odqa.errors import DataError
from odqa.types import Hit

if TYPE_CHECKING:
    from odqa.data.qrels import Qrels

#: The ``k`` of metrics with a cut.
CUTS = (1, 5, 20, 100)

#: Short names of ranking figures, and the metrics whose means they are.
RANKING_FIGURES = {"R@1": "recall@1", "R@5": "recall@5", "MRR@10": "mrr@10"}


def score_ranking(
    hits: Mapping[str, Sequence[Hit]],
    qrels: Qrels,
    cuts: Sequence[int] = CUTS,
    others: Mapping[str, str] | None = None,
) -> dict[str, dict[str, float]]:
    """Scores of each question's hits.

    Args:
        hits: question id -> hits, best first. The order counts, not the scores: trec_eval would
            break ties by passage id, other tools by other rules, and the same run would get
            different scores.
        qrels: question id -> passage id -> relevance; relevant from 1 up.
        cuts: the ``k`` of ``recall@k`` and ``success@k``.
        others: more measures: the metric's name -> ir_measures' name.

    Returns:
        Question id -> metric -> value for ``recall@k`` and ``success@k`` at every cut, ``mrr@10``,
        ``ndcg@10``, ``map`` and the others. A question without hits scores 0 in all of them. A
        question without a relevant passage in the qrels is left out, since none of them is defined
        for it.
    """
    import ir_measures

    measures = _measures(cuts)
    for name, peer in (others or {}).items():
        measures.setdefault(ir_measures.parse_measure(peer), name)
    judged = {
        question: qrels[question]
        for question in hits
        if any(relevance > 0 for relevance in qrels.get(question, {}).values())
    }
    scores = {question: dict.fromkeys(measures.values(), 0.0) for question in judged}
    run = {
        question: {hit.passage_id: float(-rank) for rank, hit in enumerate(hits[question])}
        for question in judged
    }
    if judged:
        for result in ir_measures.iter_calc(list(measures), judged, run):
            scores[result.query_id][measures[result.measure]] = float(result.value)
    return scores


def ranking_figures(hits: Mapping[str, Sequence[Hit]], qrels: Qrels) -> dict[str, float]:
    """R@1, R@5 and MRR@10 of ranked passages, each 0 to 1: means over questions.

    With one relevant passage a question, R@k is the share of questions that have it among the
    first k.

    Args:
        hits: question id -> hits, best first; questions that are not in it do not count.
        qrels: question id -> passage id -> relevance; questions without a relevant passage do not
            count.

    Raises:
        DataError: no question of ``hits`` has a relevant passage.
    """
    scores = score_ranking(hits, qrels, cuts=(1, 5))
    if not scores:
        raise DataError(
            "no question of the run has a relevant passage",
            where="qrels",
            cure="check that run and qrels belong together",
        )
    return {
        name: sum(values[metric] for values in scores.values()) / len(scores)
        for name, metric in RANKING_FIGURES.items()
    }


def _measures(cuts: Sequence[int]) -> dict[Any, str]:
    from ir_measures import AP, RR, R, Success, nDCG

    return (
        {R @ k: f"recall@{k}" for k in cuts}
        | {Success @ k: f"success@{k}" for k in cuts}
        | {RR @ 10: "mrr@10", nDCG @ 10: "ndcg@10", AP: "map"}
    )
