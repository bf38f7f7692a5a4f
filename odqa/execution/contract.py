"""Checks of what a component returned against the contract (`odqa.interfaces`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from odqa.errors import ComponentError
from odqa.spec.stage import StageSpec
from odqa.types import Answer, Hit


def check_texts(stage: StageSpec, texts: Sequence[Sequence[str]], n: int) -> None:
    """Texts to search for, of ``n`` questions.

    Raises:
        ComponentError: none for a question, or an empty one.
    """
    if len(texts) != n:
        raise broken(stage, f"returned {len(texts)} lists of texts for {n} questions")
    if not all(query_texts and all(text.strip() for text in query_texts) for query_texts in texts):
        raise broken(stage, "returned no text to search for, or an empty one")


def check_hits(
    stage: StageSpec,
    hits: Sequence[Sequence[Hit]],
    n: int,
    k: int,
    candidates: Sequence[Sequence[Hit]] | None = None,
) -> None:
    """Hits of ``n`` questions, at most ``k`` for each.

    Args:
        candidates: the hits they must come from; `None`: any passage of the corpus.

    Raises:
        ComponentError: a wrong number, a passage twice or not among the candidates, scores that
            rise or are no finite numbers.
    """
    if len(hits) != n:
        raise broken(stage, f"returned {len(hits)} lists of hits for {n} questions")
    for position, ranking in enumerate(hits):
        ids = {hit.passage_id for hit in ranking}
        if len(ids) != len(ranking):
            raise broken(stage, "returned one passage twice for a question")
        if len(ranking) > k:
            raise broken(stage, f"returned {len(ranking)} passages, asked for {k}")
        if not all(math.isfinite(hit.score) for hit in ranking):
            raise broken(stage, "returned a score that is no finite number")
        if any(a.score < b.score for a, b in pairwise(ranking)):
            raise broken(stage, "returned scores that rise")
        if candidates is not None and not ids <= {hit.passage_id for hit in candidates[position]}:
            raise broken(stage, "returned a passage it was not given")


def check_answers(
    stage: StageSpec, answers: Sequence[Answer], hits: Sequence[Sequence[Hit]]
) -> None:
    """One answer per question, from the passages of its hits.

    Raises:
        ComponentError: a wrong number, a score that is no finite number, other evidence.
    """
    if len(answers) != len(hits):
        raise broken(stage, f"returned {len(answers)} answers for {len(hits)} questions")
    for answer, candidates in zip(answers, hits, strict=True):
        if not math.isfinite(answer.score):
            raise broken(stage, "returned a score that is no finite number")
        evidence = answer.passage_id
        if evidence is not None and all(hit.passage_id != evidence for hit in candidates):
            raise broken(stage, "took its answer from a passage it was not given")


def broken(stage: StageSpec, what: str) -> ComponentError:
    """The error that names a component that breaks the contract."""
    return ComponentError(
        f"{stage.role} '{stage.type}' broke its contract: it {what}",
        cure="check it with the suites in odqa.testing",
    )
