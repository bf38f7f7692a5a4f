"""One question through compositions: ranks in every stage, and what was searched for."""

from __future__ import annotations

from odqa.comparison.result import Comparison


def test_a_trace_says_what_was_searched_for(composed: Comparison) -> None:
    trace = composed.trace("q1")
    plain, good, drops = trace.pipelines
    assert good.queries == ("which river flows through Paris", "river flows through Paris")
    assert plain.queries == drops.queries == ()
    assert "  searched for: river flows through Paris" in str(trace).splitlines()
    assert "searched for: river flows through Paris" in trace._repr_html_()


def test_a_trace_has_the_ranks_in_every_stage(composed: Comparison) -> None:
    plain, good, drops = composed.trace("q2").pipelines
    # p2 is first in the one member, second in the other, first of both; one ranker is left.
    (hit,) = good.hits
    assert (hit.passage.id, hit.retrieved_rank, hit.ranked_rank) == ("p2", 1, 1)
    assert hit.inner == {"wide": 1, "narrow": 1, "blind": 2, "late": 1}
    # p1 is third of the wide retriever and first of what follows.
    (hit,) = drops.hits
    assert (hit.passage.id, hit.retrieved_rank) == ("p1", 1)
    assert hit.inner == {"wide": 3, "narrow": 1, "blind": 1, "late": 1}
    assert "(was 1, wide 3, narrow 1, blind 1, late 1)" in str(composed.trace("q2"))
    assert "was 1, wide 3, narrow 1, blind 1, late 1" in composed.trace("q2")._repr_html_()
    assert [each.inner for each in plain.hits] == [{}, {}, {}]


def test_a_trace_names_the_stages_that_lost_the_question(composed: Comparison) -> None:
    fates = [
        [each.outcome_text for each in composed.trace(question).pipelines]
        for question in ("q1", "q2", "q3")
    ]
    assert fates == [
        ["answered", "answered", "retriever miss: narrow + blind"],
        ["answered", "answered", "ranker drop: cross"],
        ["retriever miss: overlap", *["retriever miss: wide + blind"] * 2],
    ]
    assert "drops: Rome  [ranker drop: cross]" in str(composed.trace("q2"))
