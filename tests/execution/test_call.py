"""What a component is given for a batch of questions, and what is made of what it returns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import ComponentError
from odqa.execution.call import Feed, Output, call_stage
from odqa.interfaces import (
    Component,
    ComponentConfig,
    Fusion,
    FusionConfig,
    Ranker,
    RankerConfig,
    Reader,
    Retriever,
    Rewriter,
    RewriterConfig,
    StageConfig,
)
from odqa.registry import Role
from odqa.spec.stage import StageSpec
from odqa.testing.toys import QUESTIONS
from odqa.types import Answer, Hit, Query, Question


class Unprepared(Component[Any]):
    """A component that notes what it is asked; nothing to prepare."""

    def __init__(self, config: ComponentConfig, *returns: Any) -> None:
        super().__init__(config)
        self.returns = list(returns)
        self.asked: list[Query] = []
        self.ks: list[int] = []

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Nothing to do."""


class SpyRewriter(Unprepared, Rewriter[RewriterConfig]):
    def rewrite(self, queries: Sequence[Query]) -> list[list[str]]:
        self.asked += queries
        return self.returns or [[query.text] for query in queries]


class SpyRetriever(Unprepared, Retriever[StageConfig]):
    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        self.asked += queries
        self.ks.append(k)
        return self.returns or [[Hit("p1", 1.0)] for _ in queries]


class SpyFusion(Unprepared, Fusion[FusionConfig]):
    def fuse(self, hits: Sequence[Sequence[Sequence[Hit]]], k: int) -> list[list[Hit]]:
        self.given = hits
        self.ks.append(k)
        return [lists[0][:k] for lists in hits]


class SpyRanker(Unprepared, Ranker[RankerConfig]):
    """Scores passages by what it was made with: id -> score."""

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        self.asked += questions
        self.ks.append(k)
        scores = self.returns[0] if self.returns else {}
        return [
            sorted(
                (Hit(hit.passage_id, scores.get(hit.passage_id, 0.0)) for hit in each),
                key=lambda hit: -hit.score,
            )[:k]
            for each in hits
        ]


class SpyReader(Unprepared, Reader[ComponentConfig]):
    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        self.asked += questions
        self.given = hits
        return [Answer("x", 0.0) for _ in questions]


def called(
    role: Role,
    component: Unprepared,
    questions: Sequence[Question],
    *feeds: Feed,
) -> list[Output]:
    return call_stage(StageSpec(role, "spy", component.config), component, questions, feeds)


def texts_of(*texts: Sequence[str], by: str = "rrf") -> Feed:
    """What a rewriter gave, one list a question."""
    rewriter = StageSpec("rewriter", "spy", RewriterConfig(by=by))
    return Feed(rewriter, [list(each) for each in texts])


def hits_of(*hits: Sequence[Hit]) -> Feed:
    return Feed(None, [list(each) for each in hits])


ONE = QUESTIONS[:1]
SPIES: list[tuple[Role, type[Unprepared], type[ComponentConfig]]] = [
    ("rewriter", SpyRewriter, RewriterConfig),
    ("retriever", SpyRetriever, StageConfig),
    ("ranker", SpyRanker, RankerConfig),
    ("reader", SpyReader, ComponentConfig),
]


@pytest.mark.parametrize(("role", "kind", "config"), SPIES)
def test_components_never_see_answers(
    role: Role, kind: type[Unprepared], config: type[ComponentConfig]
) -> None:
    feeds = [hits_of(*[[Hit("p1", 1.0)]] * 3)] if role in ("ranker", "reader") else []
    spy = kind(config())
    called(role, spy, QUESTIONS, *feeds)
    assert [type(query) for query in spy.asked] == [Query] * 3
    assert spy.asked == [Query(question.id, question.text) for question in QUESTIONS]
    assert not any(hasattr(query, "answers") for query in spy.asked)
    if role in ("rewriter", "retriever"):
        rewritten = kind(config())
        called(role, rewritten, ONE, texts_of(["a", ONE[0].text]))
        assert [type(query) for query in rewritten.asked] == [Query, Query]


def test_answers_reach_no_fusion() -> None:
    spy = SpyFusion(FusionConfig())
    called("fusion", spy, ONE, hits_of([Hit("p1", 1.0)]), hits_of([Hit("p2", 1.0)]))
    assert spy.given == [[[Hit("p1", 1.0)], [Hit("p2", 1.0)]]]


@pytest.mark.parametrize(("role", "kind", "config"), SPIES)
def test_a_component_that_declares_it_sees_them(
    role: Role, kind: type[Unprepared], config: type[ComponentConfig]
) -> None:
    class Seeing(config):  # type: ignore[valid-type, misc]
        @property
        def sees_answers(self) -> bool:
            return True

    feeds = [hits_of(*[[Hit("p1", 1.0)]] * 3)] if role in ("ranker", "reader") else []
    spy = kind(Seeing())
    called(role, spy, QUESTIONS, *feeds)
    assert spy.asked == list(QUESTIONS)
    if role in ("rewriter", "retriever"):
        # Also of other texts; what it is told about the question goes by the question's id.
        rewritten = kind(Seeing())
        called(role, rewritten, ONE, texts_of(["a", ONE[0].text]))
        assert rewritten.asked == [Question("q1", "a", ONE[0].answers), ONE[0]]


def test_every_text_of_a_rewriter_is_searched_for() -> None:
    hits = [[Hit("p1", 3.0)], [Hit("p2", 9.0)], [Hit("p3", 1.0)], [Hit("p1", 5.0)], []]
    spy = SpyRetriever(StageConfig(k=4), *hits)
    texts = texts_of(["Paris", QUESTIONS[0].text, "Seine"], ["London"], ["Hamlet"])
    found = called("retriever", spy, QUESTIONS, texts)
    # The question as it was asked keeps its id.
    assert spy.asked == [
        Query("q1/1", "Paris"),
        Query("q1", "which river flows through Paris"),
        Query("q1/3", "Seine"),
        Query("q2/1", "London"),
        Query("q3/1", "Hamlet"),
    ]
    assert spy.ks == [4]
    # Equal ranks in three lists: equal scores, in the order of ids. One list alone stays as it is.
    tied = pytest.approx(1 / 61)
    assert found == [
        [Hit("p1", tied), Hit("p2", tied), Hit("p3", tied)],
        [Hit("p1", 5.0)],
        [],
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("rrf", {"p2": 1 / 62 + 1 / 61, "p3": 1 / 63 + 1 / 62, "p1": 1 / 61, "p4": 1 / 63}),
        # 1, 2/3, 1/3 in the one list and 1, 3/4, 1/2, 1/4 in the other.
        ("rank", {"p2": 2 / 3 + 1, "p3": 1 / 3 + 3 / 4, "p1": 1.0, "p4": 0.5}),
        # 1, 1/2, 0 and 1, 3/4, 1/2, 0.
        ("min_max", {"p2": 1.5, "p1": 1.0, "p3": 0.75, "p4": 0.5}),
    ],
)
def test_what_its_texts_find_is_fused_as_the_rewriter_says(
    by: str, expected: dict[str, float]
) -> None:
    first = [Hit("p1", 6.0), Hit("p2", 5.0), Hit("p3", 4.0)]
    second = [Hit("p2", 8.0), Hit("p3", 6.0), Hit("p4", 4.0), Hit("p5", 0.0)]
    spy = SpyRetriever(StageConfig(k=4), first, second)
    # The fifth passage is cut off.
    assert called("retriever", spy, ONE, texts_of(["a", "b"], by=by)) == [
        [Hit(key, pytest.approx(score)) for key, score in expected.items()]
    ]


def test_rewriters_one_after_the_other_keep_every_text_once() -> None:
    spy = SpyRewriter(RewriterConfig(), ["x", "y"], ["y", "z"], ["z", "z"])
    found = called("rewriter", spy, QUESTIONS[:2], texts_of(["a", "b"], ["c"]))
    assert [query.text for query in spy.asked] == ["a", "b", "c"]
    assert found == [["x", "y", "z"], ["z"]]


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ([["a"]], "returned 1 lists of texts for 3 questions"),
        ([["a"], [], ["b"]], "returned no text to search for, or an empty one"),
        ([["a"], [" "], ["b"]], "returned no text to search for, or an empty one"),
    ],
)
def test_a_rewriter_that_breaks_its_contract_is_named(
    texts: list[list[str]], complaint: str
) -> None:
    with pytest.raises(ComponentError, match=f"rewriter 'spy' broke its contract.*{complaint}"):
        called("rewriter", SpyRewriter(RewriterConfig(), *texts), QUESTIONS)


def test_a_fusion_that_invents_a_passage_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpyFusion, "fuse", lambda *a: [[Hit("p9", 1.0)]])
    feeds = hits_of([Hit("p1", 1.0)]), hits_of([Hit("p2", 1.0)])
    with pytest.raises(ComponentError, match=r"fusion 'spy' broke.*a passage it was not given"):
        called("fusion", SpyFusion(FusionConfig()), ONE, *feeds)


INCOMING = [Hit("a", 4.0), Hit("b", 3.0), Hit("c", 2.0), Hit("d", 1.0)]
OWN = {"a": 0.5, "b": 1.0, "c": 2.0, "d": 3.0}


def ranked(alpha: float, k: int, own: dict[str, float] = OWN) -> tuple[list[Any], SpyRanker]:
    spy = SpyRanker(RankerConfig(k=k, alpha=alpha), own)
    (found,) = called("ranker", spy, ONE, hits_of(INCOMING))
    assert isinstance(found, list)
    return found, spy


def test_without_a_weight_the_ranker_cuts() -> None:
    found, spy = ranked(0.0, 2)
    assert found == [Hit("d", 3.0), Hit("c", 2.0)]
    assert spy.ks == [2]


def test_the_incoming_score_is_added_before_the_cut() -> None:
    # By its own score b is third; with the incoming one it is 1 + 2 * 3 = 7, and a 0.5 + 2 * 4.
    found, spy = ranked(2.0, 2)
    assert found == [Hit("a", 8.5), Hit("b", 7.0)]
    assert spy.ks == [4]
    assert ranked(2.0, 10)[0] == [Hit("a", 8.5), Hit("b", 7.0), Hit("c", 6.0), Hit("d", 5.0)]


def test_ties_keep_the_incoming_order() -> None:
    # With weight 1 all but a are 4: b, c and d stay as they came, whatever the ranker's order.
    assert ranked(1.0, 3)[0] == [Hit("a", 4.5), Hit("b", 4.0), Hit("c", 4.0)]


def former(hits: Sequence[Hit], own: dict[str, float], alpha: float, k: int) -> list[Hit]:
    """What every ranker did by itself in version 0.1.0."""
    scores = [own[hit.passage_id] + alpha * hit.score for hit in hits]
    order = sorted(range(len(hits)), key=lambda i: -scores[i])
    return [Hit(hits[i].passage_id, scores[i]) for i in order[:k]]


@pytest.mark.parametrize("seed", range(20))
def test_the_former_formula_gives_the_same(seed: int) -> None:
    draw = random.Random(seed)
    ids = [f"p{i}" for i in range(12)]
    # Few different scores: many ties.
    hits = [Hit(each, float(draw.randint(0, 3))) for each in ids]
    hits.sort(key=lambda hit: -hit.score)
    own = {each: float(draw.randint(-2, 2)) for each in ids}
    alpha, k = draw.choice([0.5, 1.0, 2.0]), draw.randint(1, 14)
    spy = SpyRanker(RankerConfig(k=k, alpha=alpha), own)
    assert called("ranker", spy, ONE, hits_of(hits)) == [former(hits, own, alpha, k)]


def test_each_question_has_its_own_incoming_scores() -> None:
    spy = SpyRanker(RankerConfig(k=1, alpha=1.0), OWN)
    found = called(
        "ranker", spy, QUESTIONS, hits_of([Hit("a", 9.0), Hit("d", 1.0)], [], [Hit("b", -5.0)])
    )
    assert found == [[Hit("a", 9.5)], [], [Hit("b", -4.0)]]


def test_an_incoming_score_that_is_no_number_is_an_error_only_where_it_counts() -> None:
    infinite = hits_of([Hit("a", float("inf")), Hit("b", 1.0)])
    spy = SpyRanker(RankerConfig(alpha=1.0), OWN)
    with pytest.raises(ComponentError, match="passage 'a' was scored inf"):
        called("ranker", spy, ONE, infinite)
    assert called("ranker", SpyRanker(RankerConfig(), OWN), ONE, infinite) == [
        [Hit("b", 1.0), Hit("a", 0.5)]
    ]


def test_a_ranker_and_a_reader_get_the_hits_that_feed_them() -> None:
    spy = SpyReader(ComponentConfig())
    called("reader", spy, ONE, hits_of(INCOMING))
    assert spy.given == [INCOMING]
    # A reader that stands alone gets none.
    called("reader", spy, QUESTIONS)
    assert spy.given == [[], [], []]
