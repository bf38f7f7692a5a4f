"""Figures of a ranker by the weight of the retriever's score added to its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from odqa.analysis.judged_run import JudgedRun, Run, read_judged_run
from odqa.data.trec import read_run
from odqa.errors import DataError, SpecError
from odqa.types import Hit


def figures_by_weight(
    retrieved: Path, ranked: Path, qrels: Path, applied_weight: float, weights: Sequence[float]
) -> list[tuple[float, dict[str, float]]]:
    """Each weight with R@1, R@5 and MRR@10 of the order it gives.

    Args:
        retrieved: the retriever's TREC run.
        ranked: the ranker's TREC run over its hits.
        qrels: relevance judgements; questions without a relevant passage do not count.
        applied_weight: how often the scores of ``ranked`` hold the retriever's already.
        weights: to try; 0 is the ranker alone.

    Raises:
        DataError: a file is missing or broken, or they do not belong together.
    """
    incoming, ranking = read_run(retrieved), read_judged_run(ranked, qrels)
    figures = []
    for weight in weights:
        hits = interpolate(incoming, ranking.hits, applied_weight, weight, ranking.where)
        figures.append((weight, JudgedRun(hits, ranking.qrels).figures()))
    return figures


def interpolate(
    retrieved: Run, ranked: Run, applied_weight: float, weight: float, where: str = ""
) -> dict[str, list[Hit]]:
    """The ranker's hits in the order of its own score + weight × the retriever's.

    Args:
        retrieved: holds every passage that was ranked.
        ranked: scores in which the retriever's count ``applied_weight`` times already.
        weight: how often they are to count.
        where: file of the ranking, for error messages.

    Raises:
        DataError: a passage was ranked that was not retrieved.
    """
    interpolated: dict[str, list[Hit]] = {}
    for question, hits in ranked.items():
        incoming = {hit.passage_id: hit.score for hit in retrieved.get(question, ())}
        if not_retrieved := [hit.passage_id for hit in hits if hit.passage_id not in incoming]:
            raise DataError(
                f"passage '{not_retrieved[0]}' of question '{question}' was not retrieved",
                where=where,
                cure="pass the run that the ranker was given",
            )
        rescored = [
            Hit(hit.passage_id, hit.score + (weight - applied_weight) * incoming[hit.passage_id])
            for hit in hits
        ]
        interpolated[question] = sorted(rescored, key=lambda hit: -hit.score)
    return interpolated


def parse_weights(text: str) -> list[float]:
    """Numbers with commas between them.

    Raises:
        SpecError: a part is not a finite number.
    """
    weights = []
    for part in text.split(","):
        try:
            weight = float(part)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            raise SpecError(
                f"'{part.strip()}' is not a finite number",
                where="--weights",
                cure="give numbers with commas between them, such as 0,20",
            )
        weights.append(weight)
    return weights
