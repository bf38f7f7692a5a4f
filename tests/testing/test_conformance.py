"""The conformance suites pass good components and catch broken ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from odqa.cache import Cache
from odqa.interfaces import ComponentConfig
from odqa.testing.conformance import check_ranker, check_reader, check_retriever
from odqa.testing.toys import PASSAGES, QUESTIONS, toy_dataset
from odqa.testing.word_overlap import (
    FirstWordReader,
    OverlapConfig,
    OverlapRanker,
    OverlapRetriever,
)
from odqa.types import Answer, Hit

HITS = [[Hit(p.id, float(-n)) for n, p in enumerate(PASSAGES)] for _ in QUESTIONS]


def prepared(kind, config):  # type: ignore[no-untyped-def]
    component = kind(config)
    component.prepare(toy_dataset().corpus, Cache(enabled=False))
    return component


def test_good_components_pass() -> None:
    check_retriever(prepared(OverlapRetriever, OverlapConfig()), QUESTIONS, len(PASSAGES))
    check_ranker(prepared(OverlapRanker, OverlapConfig()), QUESTIONS, HITS)
    check_reader(prepared(FirstWordReader, ComponentConfig()), QUESTIONS, HITS)


def shifted(rankings: list[list[Hit]]) -> list[list[Hit]]:
    """The bug of four public libraries: scores of one order zipped to ids of another."""
    return [
        [
            Hit(a.passage_id, b.score)
            for a, b in zip(sorted(h, key=lambda x: x.passage_id), h, strict=True)
        ]
        for h in rankings
    ]


RANKER_BUGS: dict[str, Callable[..., list[list[Hit]]]] = {
    "ids in input order": lambda rank, q, h, k: [
        [Hit(i.passage_id, s.score) for i, s in zip(incoming, ranked, strict=False)]
        for incoming, ranked in zip(h, rank(q, h, k), strict=True)
    ],
    "drops a hit": lambda rank, q, h, k: [ranked[:-1] for ranked in rank(q, h, k)],
    "unsorted": lambda rank, q, h, k: [ranked[::-1] for ranked in rank(q, h, k)],
    "ignores k": lambda rank, q, h, k: rank(q, h, 99),
    "depends on the batch": lambda rank, q, h, k: [
        [Hit(x.passage_id, x.score + len(q)) for x in ranked] for ranked in rank(q, h, k)
    ],
}


@pytest.mark.parametrize("bug", RANKER_BUGS)
def test_broken_rankers_are_caught(bug: str) -> None:
    ranker = prepared(OverlapRanker, OverlapConfig())
    rank = ranker.rank
    ranker.rank = lambda q, h, k: RANKER_BUGS[bug](rank, q, h, k)
    with pytest.raises(AssertionError):
        check_ranker(ranker, QUESTIONS, HITS)


def test_a_retriever_that_forgets_questions_is_caught() -> None:
    retriever = prepared(OverlapRetriever, OverlapConfig())
    retrieve = retriever.retrieve
    retriever.retrieve = lambda q, k: retrieve(q, k)[:1]
    with pytest.raises(AssertionError, match="one list of hits per question"):
        check_retriever(retriever, QUESTIONS, len(PASSAGES))


def test_a_reader_that_invents_evidence_is_caught() -> None:
    reader = prepared(FirstWordReader, ComponentConfig())
    reader.read = lambda q, h: [Answer("x", 0.0, "p99") for _ in q]
    with pytest.raises(AssertionError, match="comes from a given passage"):
        check_reader(reader, QUESTIONS, HITS)
