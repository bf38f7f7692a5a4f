"""Suites that any component must pass, of odqa or of third parties.

Each takes a prepared component and raises `AssertionError` that names the broken rule::

    from odqa.testing import check_ranker
    check_ranker(my_ranker, questions, hits)

Scores are compared to a relative 1e-4: batching may round differently, nothing else may differ.
Questions may have accepted answers: each suite also runs without them, and nothing may change,
unless the component declares that it sees them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from odqa.interfaces import Component, Fusion, Ranker, Reader, Retriever, Rewriter
from odqa.types import Answer, Hit, Query

_TOLERANCE = 1e-4
_BLIND = "accepted answers must not matter"


def check_retriever(retriever: Retriever[Any], questions: Sequence[Query], size: int) -> None:
    """Order, uniqueness, cut, prefix property and independence of the batch.

    Args:
        size: number of passages in the corpus the retriever was prepared on; at least 5.
    """
    assert retriever.retrieve([], 3) == [], "no questions must give no lists"
    rankings = retriever.retrieve(questions, 5)
    assert len(rankings) == len(questions), "one list of hits per question, in order"
    for hits in rankings:
        _check_sorted(hits)
        assert len(hits) <= min(5, size), "no more than k hits"
    full = retriever.retrieve(questions, size + 10)
    for short, long in zip(rankings, full, strict=True):
        assert len(long) <= size, "no passage twice"
        _check_sorted(long)
        _check_same(short, long[: len(short)], "a smaller k must give a prefix of a larger one")
    for question, hits in zip(questions, rankings, strict=True):
        _check_same(retriever.retrieve([question], 5)[0], hits, "the batch must not matter")
    blanked = retriever.retrieve(_blanked(retriever, questions), 5)
    for hits, hits_again in zip(rankings, blanked, strict=True):
        _check_same(hits, hits_again, _BLIND)
    backwards = retriever.retrieve(list(questions)[::-1], 5)[::-1]
    for hits, hits_again in zip(rankings, backwards, strict=True):
        _check_same(hits, hits_again, "the order of questions must not matter")


def check_ranker(
    ranker: Ranker[Any], questions: Sequence[Query], hits: Sequence[Sequence[Hit]]
) -> None:
    """Same ids out as in (or the best k), falling scores, independence of order and batch.

    Args:
        hits: per question at least three, as a retriever would give them.
    """
    assert ranker.rank([], [], 3) == [], "no questions must give no lists"
    n_most = max(len(question_hits) for question_hits in hits)
    full = ranker.rank(questions, hits, n_most)
    assert len(full) == len(questions), "one list of hits per question, in order"
    for incoming, ranked in zip(hits, full, strict=True):
        _check_sorted(ranked)
        assert _ids(ranked) == _ids(incoming), "ids out must be the ids in"
    for short, long in zip(ranker.rank(questions, hits, 2), full, strict=True):
        _check_same(short, long[:2], "k must cut the full ranking")
    blanked = ranker.rank(_blanked(ranker, questions), hits, n_most)
    for ranked, ranked_again in zip(full, blanked, strict=True):
        _check_same(ranked, ranked_again, _BLIND)
    shuffled = [
        random.Random(n).sample(list(incoming), len(incoming)) for n, incoming in enumerate(hits)
    ]
    for ranked, ranked_again in zip(full, ranker.rank(questions, shuffled, n_most), strict=True):
        _check_same(ranked, ranked_again, "the order of the hits must not matter")
    for position, question in enumerate(questions):
        alone = ranker.rank([question], [hits[position]], n_most)[0]
        _check_same(alone, full[position], "the batch must not matter")
    single = ranker.rank([questions[0]], [hits[0][:1]], 5)[0]
    assert _ids(single) == {hits[0][0].passage_id}, "a single hit must come back"
    assert ranker.rank([questions[0]], [[]], 5) == [[]], "no hits must give no hits"


def check_reader(
    reader: Reader[Any], questions: Sequence[Query], hits: Sequence[Sequence[Hit]]
) -> None:
    """One answer per question, from the given passages, independent of the batch."""
    assert reader.read([], []) == [], "no questions must give no answers"
    answers = reader.read(questions, hits)
    assert len(answers) == len(questions), "one answer per question, in order"
    for passages, answer in zip(hits, answers, strict=True):
        assert math.isfinite(answer.score), "scores must be finite"
        if answer.passage_id is not None:
            assert answer.passage_id in _ids(passages), "an answer comes from a given passage"
    for question, passages, answer in zip(questions, hits, answers, strict=True):
        alone = reader.read([question], [passages])[0]
        _check_same_answer(alone, answer, "the batch must not matter")
    for answer_again, answer in zip(
        reader.read(_blanked(reader, questions), hits), answers, strict=True
    ):
        _check_same_answer(answer_again, answer, _BLIND)
    assert reader.read([questions[0]], [[]])[0].passage_id is None, "no hits, no evidence"


def check_rewriter(rewriter: Rewriter[Any], questions: Sequence[Query]) -> None:
    """Texts to search for, at least one each, independent of the batch."""
    assert rewriter.rewrite([]) == [], "no questions must give no lists"
    texts = rewriter.rewrite(questions)
    assert len(texts) == len(questions), "one list of texts per question, in order"
    assert all(
        question_texts and all(text.strip() for text in question_texts) for question_texts in texts
    ), "no empty text"
    for question, question_texts in zip(questions, texts, strict=True):
        assert rewriter.rewrite([question]) == [question_texts], "the batch must not matter"
    assert rewriter.rewrite(_blanked(rewriter, questions)) == texts, _BLIND


def check_fusion(fusion: Fusion[Any], hits: Sequence[Sequence[Hit]]) -> None:
    """The passages of all lists, once each, whatever the order of questions and of lists.

    Args:
        hits: two lists or more for one question, with different passages in them.
    """
    assert fusion.fuse([], 3) == [], "no questions must give no lists"
    (full,) = fusion.fuse([hits], 10_000)
    _check_sorted(full)
    assert _ids(full) == {hit.passage_id for ranking in hits for hit in ranking}, (
        "all passages, once"
    )
    (short,) = fusion.fuse([hits], 2)
    _check_same(short, full[:2], "k must cut the fused list")
    if getattr(fusion.config, "weights", None) is None:
        (reversed_lists,) = fusion.fuse([list(reversed(hits))], 10_000)
        _check_same(reversed_lists, full, "the order of the lists must not matter")
    batch = fusion.fuse([hits, [[] for _ in hits], hits], 10_000)
    assert batch == [full, [], full], "the batch must not matter"


def _blanked(component: Component[Any], questions: Sequence[Query]) -> Sequence[Query]:
    """The same without accepted answers, for a component that must not look at them."""
    if component.config.sees_answers:
        return questions
    return [Query(question.id, question.text) for question in questions]


def _check_sorted(hits: Sequence[Hit]) -> None:
    assert all(math.isfinite(hit.score) for hit in hits), "scores must be finite"
    assert all(a.score >= b.score for a, b in pairwise(hits)), "scores must not rise"
    assert len(_ids(hits)) == len(hits), "no passage twice"


def _check_same(first: Sequence[Hit], second: Sequence[Hit], rule: str) -> None:
    assert len(first) == len(second), rule
    for a, b in zip(first, second, strict=True):
        assert math.isclose(a.score, b.score, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE), rule
    # Passages whose scores differ only by rounding may change their order.
    if not _near_ties([*first, *second]):
        assert [h.passage_id for h in first] == [h.passage_id for h in second], rule


def _near_ties(hits: Sequence[Hit]) -> bool:
    scores = sorted({hit.passage_id: hit.score for hit in hits}.values())
    return any(
        math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for a, b in pairwise(scores)
    )


def _check_same_answer(first: Answer, second: Answer, rule: str) -> None:
    assert math.isclose(first.score, second.score, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE), rule
    assert first.text == second.text, rule


def _ids(hits: Sequence[Hit]) -> set[str]:
    return {hit.passage_id for hit in hits}
