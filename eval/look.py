"""What the look of a passage gives away: how far a ranking gets without reading it.

Annotated passages of a data set often come from elsewhere than the passages they are hidden among,
and look it: they begin and end with a sentence, or are shorter. A trained ranker learns that too.
This fits a handful of numbers, the weights of the retriever's score and of some marks of form, by a
softmax over each question's candidates, and says how well they rank: by cross-validation over the
training questions, and, fitted on all of them, over another run::

    python -m eval.look ../shared/data/nq-mini/passages.tsv.gz \\
        build/mined/nq.run ../shared/data/nq-mini/nq-train.qrels \\
        --judge RUN/pipelines/sentence/retrieved.trec RUN/gold.qrels
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from eval.order import gold_passages, say
from odqa.data.dpr_tsv import read_passages
from odqa.data.trec import read_run
from odqa.training.data.training_data import gold_rank, order_figures
from odqa.types import Hit, Passage

MARKS: dict[str, Callable[[Passage], float]] = {
    "begins with a capital": lambda p: float(p.text[:1].isupper()),
    "begins with its title": lambda p: float(bool(p.title) and p.text.startswith(p.title)),
    "ends a sentence": lambda p: float(p.text.rstrip()[-1:] in '.!?"'),
    "hundreds of words": lambda p: len(p.text.split()) / 100,
    "under 70 words": lambda p: float(len(p.text.split()) < 70),
    "over 100 words": lambda p: float(len(p.text.split()) > 100),
}
SCORE = "retriever's score"


@dataclass(frozen=True)
class Candidates:
    """Questions whose gold passage is among their candidates, and those where it is not.

    Attributes:
        hits: question -> candidates, best first, as many for each.
        gold: question -> gold passage.
        features: float64 [questions, candidates, 1 + marks], in the order of ``hits``; the
            retriever's score comes first.
    """

    hits: Mapping[str, Sequence[Hit]]
    gold: Mapping[str, str]
    features: Tensor

    @classmethod
    def read(
        cls, passages: Mapping[str, Passage], run: Path, qrels: Path, depth: int
    ) -> Candidates:
        """From a run and its qrels; questions with fewer than ``depth`` hits are left out.

        Raises:
            ValueError: no question is left, or a passage is not among ``passages``.
        """
        gold = gold_passages(qrels)
        hits = {
            question: found[:depth]
            for question, found in read_run(run).items()
            if question in gold and len(found) >= depth
        }
        if not hits:
            raise ValueError(f"{run}: no judged question has {depth} hits; try a smaller --depth")
        found_ids = {hit.passage_id for found in hits.values() for hit in found}
        if missing := sorted(found_ids - passages.keys()):
            raise ValueError(f"{run}: passage '{missing[0]}' is not in the corpus")
        features = torch.tensor(
            [
                [
                    [hit.score, *(mark(passages[hit.passage_id]) for mark in MARKS.values())]
                    for hit in found
                ]
                for found in hits.values()
            ],
            dtype=torch.float64,
        )
        return cls(hits, gold, features)

    def figures(self, scores: Tensor, rows: Sequence[int] | None = None) -> dict[str, float]:
        """R@1, R@5 and MRR@10 of an order by ``scores`` [questions, candidates]."""
        questions = list(self.hits)
        ranks = {}
        for row in range(len(questions)) if rows is None else rows:
            found = self.hits[questions[row]]
            order = scores[row].argsort(descending=True, stable=True).tolist()
            ranks[questions[row]] = gold_rank([found[i] for i in order], self.gold[questions[row]])
        return order_figures(ranks)


def fit(candidates: Candidates, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """Weights of the features by the likelihood of the gold passage among its candidates.

    Args:
        candidates: fitted to those whose gold passage was found.
        rows: of the questions to fit to.
        columns: of the features to use; the others weigh nothing.

    Returns:
        float64 [1 + marks].
    """
    questions = list(candidates.hits)
    places = {
        row: gold_rank(list(candidates.hits[questions[row]]), candidates.gold[questions[row]])
        for row in rows
    }
    used = [row for row, place in places.items() if place is not None]
    right = torch.tensor([places[row] for row in used])
    features = candidates.features[used][..., list(columns)]
    weights = torch.zeros(len(columns), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        # So small a penalty only keeps marks that never occur from running off.
        value = F.cross_entropy(features @ weights, right) + 1e-4 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    every = torch.zeros(candidates.features.shape[-1], dtype=torch.float64)
    every[list(columns)] = weights.detach()
    return every


def cross_validated(candidates: Candidates, columns: Sequence[int], folds: int = 5) -> Tensor:
    """Scores [questions, candidates], each question's from weights fitted to the other folds."""
    count = len(candidates.hits)
    order = random.Random(0).sample(range(count), count)
    scores = torch.zeros(candidates.features.shape[:2], dtype=torch.float64)
    for fold in range(folds):
        apart = order[fold::folds]
        others = [row for row in order if row not in set(apart)]
        scores[apart] = candidates.features[apart] @ fit(candidates, others, columns)
    return scores


def main() -> None:
    """Print figures of the retriever's order, of form alone, and of both together."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("corpus", type=Path)
    words.add_argument("run", type=Path)
    words.add_argument("qrels", type=Path)
    words.add_argument("--depth", type=int, default=20, help="candidates per question")
    words.add_argument("--judge", type=Path, nargs=2, metavar=("RUN", "QRELS"))
    words.add_argument("--marks", default=",".join(MARKS), help="to use, with commas between them")
    asked = words.parse_args()
    if unknown := sorted({*asked.marks.split(",")} - {*MARKS}):
        words.error(f"--marks: no mark '{unknown[0]}'; known: {', '.join(MARKS)}")
    passages = {passage.id: passage for passage in read_passages(asked.corpus)}
    other = None
    try:
        known = Candidates.read(passages, asked.run, asked.qrels, asked.depth)
        if asked.judge:
            run, qrels = asked.judge
            other = Candidates.read(passages, run, qrels, asked.depth)
    except ValueError as error:
        words.error(str(error))
    every = list(range(len(known.hits)))
    marks = [1 + list(MARKS).index(name) for name in asked.marks.split(",")]
    for name, columns in ((SCORE, [0]), ("form", marks), ("both", [0, *marks])):
        say(f"{name}, training", known.figures(cross_validated(known, columns)))
        weights = fit(known, every, columns)
        if other is not None:
            say(f"{name}, judged", other.figures(other.features @ weights))
    names = (SCORE, *MARKS)
    for column in (0, *marks):
        sys.stdout.write(f"{names[column]}: {float(weights[column]):+.2f}\n")


if __name__ == "__main__":
    main()
