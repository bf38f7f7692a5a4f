"""Checks of what a component returned against the contract (`odqa.interfaces`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from odqa.errors import ComponentError
from odqa.spec.stage import StageSpec
from odqa.types import Answer, Hit, Query


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
    questions: Sequence[Query],
    k: int,
    candidates: Sequence[Sequence[Hit]] | None = None,
) -> None:
    """Hits of questions, at most ``k`` for each.

    Args:
        candidates: the hits they must come from; `None`: any passage of the corpus.

    Raises:
        ComponentError: a wrong number, a passage twice or not among the candidates, scores that
            rise or are no finite numbers.
    """
    if len(hits) != len(questions):
        raise broken(stage, f"returned {len(hits)} lists of hits for {len(questions)} questions")
    for position, (question, ranking) in enumerate(zip(questions, hits, strict=True)):
        ids = {hit.passage_id for hit in ranking}
        of = f"for question '{question.id}'"
        if len(ids) != len(ranking):
            raise broken(stage, f"returned one passage twice {of}")
        if len(ranking) > k:
            raise broken(stage, f"returned {len(ranking)} passages, asked for {k}, {of}")
        for hit in ranking:
            if not math.isfinite(hit.score):
                raise _not_finite(stage, hit.score, f"passage '{hit.passage_id}' {of}")
        if any(a.score < b.score for a, b in pairwise(ranking)):
            raise broken(stage, f"returned scores that rise {of}")
        if candidates is not None and not ids <= {hit.passage_id for hit in candidates[position]}:
            raise broken(stage, f"returned a passage it was not given {of}")


def check_answers(
    stage: StageSpec,
    answers: Sequence[Answer],
    questions: Sequence[Query],
    hits: Sequence[Sequence[Hit]],
) -> None:
    """One answer per question, from the passages of its hits.

    Raises:
        ComponentError: a wrong number, a score that is no finite number, other evidence.
    """
    if len(answers) != len(questions):
        raise broken(stage, f"returned {len(answers)} answers for {len(questions)} questions")
    for answer, question, candidates in zip(answers, questions, hits, strict=True):
        of = f"question '{question.id}'"
        evidence = answer.passage_id
        if not math.isfinite(answer.score):
            source = f", from passage '{evidence}'" if evidence is not None else ""
            raise _not_finite(stage, answer.score, f"the answer to {of}{source}")
        if evidence is not None and all(hit.passage_id != evidence for hit in candidates):
            raise broken(stage, f"took its answer from a passage it was not given, to {of}")


def _not_finite(stage: StageSpec, score: float, what: str) -> ComponentError:
    return ComponentError(
        f"{stage.role} '{stage.type}' broke its contract: it returned a score that is no finite "
        f"number, {score} of {what}",
        cure="check the weights that it names, or set precision: float32",
    )


def broken(stage: StageSpec, what: str) -> ComponentError:
    """The error that names a component that breaks the contract."""
    return ComponentError(
        f"{stage.role} '{stage.type}' broke its contract: it {what}",
        cure="check it with the suites in odqa.testing",
    )
