"""Suites that any component must pass, ours and third parties'.

Each takes a prepared component and raises `AssertionError` with what was broken::

    from odqa.testing.conformance import check_ranker
    check_ranker(my_ranker, questions, hits)

Scores are compared to a relative 1e-4: batching may round differently, nothing else may differ.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from odqa.interfaces import Ranker, Reader, Retriever
from odqa.types import Answer, Hit, Question

_TOLERANCE = 1e-4


def check_retriever(retriever: Retriever[Any], questions: Sequence[Question], size: int) -> None:
    """Order, uniqueness, cut, prefix property and independence of the batch.

    Args:
        size: number of passages in the corpus the retriever was prepared on; at least 5.
    """
    assert retriever.retrieve([], 3) == [], "no questions must give no lists"
    found = retriever.retrieve(questions, 5)
    assert len(found) == len(questions), "one list of hits per question, in order"
    for hits in found:
        _check_sorted(hits)
        assert len(hits) <= min(5, size), "no more than k hits"
    everything = retriever.retrieve(questions, size + 10)
    for few, all_ in zip(found, everything, strict=True):
        assert len(all_) <= size, "no passage twice"
        _check_sorted(all_)
        _check_same(few, all_[: len(few)], "a smaller k must give a prefix of a larger one")
    for question, hits in zip(questions, found, strict=True):
        _check_same(retriever.retrieve([question], 5)[0], hits, "the batch must not matter")
    backwards = retriever.retrieve(list(questions)[::-1], 5)[::-1]
    for hits, again in zip(found, backwards, strict=True):
        _check_same(hits, again, "the order of questions must not matter")


def check_ranker(
    ranker: Ranker[Any], questions: Sequence[Question], hits: Sequence[Sequence[Hit]]
) -> None:
    """Same ids out as in (or the best k), falling scores, independence of order and batch.

    Args:
        hits: per question at least three, as a retriever would give them.
    """
    assert ranker.rank([], [], 3) == [], "no questions must give no lists"
    most = max(len(each) for each in hits)
    full = ranker.rank(questions, hits, most)
    assert len(full) == len(questions), "one list of hits per question, in order"
    for given, got in zip(hits, full, strict=True):
        _check_sorted(got)
        assert _ids(got) == _ids(given), "ids out must be the ids in"
    for few, all_ in zip(ranker.rank(questions, hits, 2), full, strict=True):
        _check_same(few, all_[:2], "k must cut the full ranking")
    shuffled = [random.Random(n).sample(list(each), len(each)) for n, each in enumerate(hits)]
    for got, again in zip(full, ranker.rank(questions, shuffled, most), strict=True):
        _check_same(got, again, "the order of the hits must not matter")
    for position, question in enumerate(questions):
        alone = ranker.rank([question], [hits[position]], most)[0]
        _check_same(alone, full[position], "the batch must not matter")
    one = ranker.rank([questions[0]], [hits[0][:1]], 5)[0]
    assert _ids(one) == {hits[0][0].passage_id}, "a single hit must come back"
    assert ranker.rank([questions[0]], [[]], 5) == [[]], "no hits must give no hits"


def check_reader(
    reader: Reader[Any], questions: Sequence[Question], hits: Sequence[Sequence[Hit]]
) -> None:
    """One answer per question, from the given passages, independent of the batch."""
    assert reader.read([], []) == [], "no questions must give no answers"
    answers = reader.read(questions, hits)
    assert len(answers) == len(questions), "one answer per question, in order"
    for given, answer in zip(hits, answers, strict=True):
        assert math.isfinite(answer.score), "scores must be finite"
        if answer.passage_id is not None:
            assert answer.passage_id in _ids(given), "an answer comes from a given passage"
    for question, given, answer in zip(questions, hits, answers, strict=True):
        alone = reader.read([question], [given])[0]
        _check_same_answer(alone, answer)
    assert reader.read([questions[0]], [[]])[0].passage_id is None, "no hits, no evidence"


def _check_sorted(hits: Sequence[Hit]) -> None:
    assert all(math.isfinite(hit.score) for hit in hits), "scores must be finite"
    assert all(a.score >= b.score for a, b in pairwise(hits)), "scores must not rise"
    assert len(_ids(hits)) == len(hits), "no passage twice"


def _check_same(first: Sequence[Hit], second: Sequence[Hit], rule: str) -> None:
    assert len(first) == len(second), rule
    for a, b in zip(first, second, strict=True):
        assert math.isclose(a.score, b.score, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE), rule
    # Passages whose scores differ by rounding alone may change places.
    if not _near_ties([*first, *second]):
        assert [h.passage_id for h in first] == [h.passage_id for h in second], rule


def _near_ties(hits: Sequence[Hit]) -> bool:
    scores = sorted({hit.passage_id: hit.score for hit in hits}.values())
    return any(
        math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for a, b in pairwise(scores)
    )


def _check_same_answer(first: Answer, second: Answer) -> None:
    rule = "the batch must not matter"
    assert math.isclose(first.score, second.score, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE), rule
    assert first.text == second.text, rule


def _ids(hits: Sequence[Hit]) -> set[str]:
    return {hit.passage_id for hit in hits}
