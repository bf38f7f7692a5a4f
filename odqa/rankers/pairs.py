"""Scores of question-passage pairs for rankers that read both together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from odqa.progress import progress
from odqa.ranking import reranked
from odqa.types import Hit, Query

#: Question and passage text.
Pair = tuple[str, str]
# Questions whose pairs are sorted by length together: enough for full batches, bounded memory.
_GROUP = 16


def rank_pairs(
    questions: Sequence[Query],
    hits: Sequence[Sequence[Hit]],
    k: int,
    *,
    texts: Callable[[Sequence[Hit]], Sequence[str]],
    score: Callable[[Sequence[Pair]], Mapping[Pair, float]],
    label: str,
) -> list[list[Hit]]:
    """The best ``k`` hits of each question by the score of its pairs.

    Each distinct pair is scored once: equal texts get equal scores, whatever their ids.

    Args:
        questions: asked.
        hits: of each of them.
        k: how many to keep.
        texts: of the passages of some hits.
        score: of distinct pairs, in sorted order.
        label: of the progress bar.
    """
    out: list[list[Hit]] = []
    groups = range(0, len(questions), _GROUP)
    for start in progress(groups, label, len(groups), unit="group"):
        group = range(start, min(start + _GROUP, len(questions)))
        pairs = [[(questions[i].text, text) for text in texts(hits[i])] for i in group]
        scores = score(sorted({pair for question_pairs in pairs for pair in question_pairs}))
        for i, question_pairs in zip(group, pairs, strict=True):
            own = [scores[pair] for pair in question_pairs]
            out.append(reranked(hits[i], own, k, questions[i].id))
    return out
