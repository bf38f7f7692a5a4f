"""What a ranker is worth with more or less of the retriever's score added to its own.

Reads the run of the retriever, that of the ranker over its hits, and the gold passages. Of a
finished comparison (``--had`` is the ``alpha`` of its spec; weight 0 is the ranker alone)::

    python -m eval.interpolation RUN/pipelines/sbert-colbert/retrieved.trec \\
        RUN/pipelines/sbert-colbert/ranked.trec RUN/gold.qrels --had 20 --weights 0,20
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.order import gold_passages, say
from odqa.data.trec import read_run
from odqa.training.data.training_data import gold_rank, order_figures
from odqa.types import Hit

Run = Mapping[str, Sequence[Hit]]


def interpolated(retrieved: Run, ranked: Run, had: float, weight: float) -> dict[str, list[Hit]]:
    """The ranker's hits in the order of its own score + weight × the retriever's.

    Args:
        retrieved: holds every passage that was ranked.
        ranked: scores in which the retriever's count ``had`` times already.

    Raises:
        ValueError: a passage was ranked that was not retrieved.
    """
    found: dict[str, list[Hit]] = {}
    for question, hits in ranked.items():
        came = {hit.passage_id: hit.score for hit in retrieved.get(question, ())}
        if missing := [hit.passage_id for hit in hits if hit.passage_id not in came]:
            raise ValueError(f"passage '{missing[0]}' of question '{question}' was not retrieved")
        again = [Hit(h.passage_id, h.score + (weight - had) * came[h.passage_id]) for h in hits]
        found[question] = sorted(again, key=lambda hit: -hit.score)
    return found


def main() -> None:
    """Print R@1, R@5 and MRR@10 for each weight."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("retrieved", type=Path)
    words.add_argument("ranked", type=Path)
    words.add_argument("qrels", type=Path)
    words.add_argument("--had", type=float, default=0.0, help="weight in the ranker's run")
    words.add_argument("--weights", default="0", help="to try, with commas between them")
    asked = words.parse_args()
    retrieved, ranked = read_run(asked.retrieved), read_run(asked.ranked)
    gold = gold_passages(asked.qrels)
    for weight in map(float, asked.weights.split(",")):
        try:
            order = interpolated(retrieved, ranked, asked.had, weight)
        except ValueError as error:
            words.error(str(error))
        ranks = {q: gold_rank(hits, gold[q]) for q, hits in order.items()}
        say(f"{weight:g}", order_figures(ranks))


if __name__ == "__main__":
    main()
