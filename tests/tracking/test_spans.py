from __future__ import annotations

from datetime import datetime

import pytest

from odqa.comparison.result import Comparison
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking.spans import MAX_CHARACTERS, MAX_HITS, TraceBuilder


def test_stages_follow_each_other_and_fill_the_whole() -> None:
    comparison = synthetic_comparison(8)
    trace = TraceBuilder(comparison).build("sbert-colbert", "syn-0001")
    assert [span.name for span in trace.stages] == ["retrieve", "rank", "read"]
    assert [span.type for span in trace.stages] == ["RETRIEVER", "RERANKER", "PARSER"]
    assert trace.root.start_ns == trace.stages[0].start_ns
    assert trace.root.end_ns == trace.stages[-1].end_ns
    for before, after in zip(trace.stages, trace.stages[1:], strict=False):
        assert before.end_ns == after.start_ns
    started = datetime.fromisoformat(comparison.manifest["started"]).timestamp()
    assert trace.root.start_ns >= started * 1e9


@pytest.mark.parametrize(
    # The first five questions were timed alone; the last one shares the batched time.
    ("question", "timing", "milliseconds"),
    [("syn-0001", "measured alone", 12), ("syn-0007", "equal share of the batched time", 12)],
)
def test_times_say_where_they_come_from(question: str, timing: str, milliseconds: int) -> None:
    trace = TraceBuilder(synthetic_comparison(8)).build("bm25", question)
    assert {span.attributes["odqa.timing"] for span in trace.stages} == {timing}
    assert (trace.root.end_ns - trace.root.start_ns) / 1e6 == pytest.approx(milliseconds)


def test_passages_are_trimmed_and_keep_their_ids() -> None:
    comparison = synthetic_comparison(2, depth=15)
    trace = TraceBuilder(comparison).build("dpr-colbert", "syn-0001")
    documents = trace.stages[0].outputs
    assert len(documents) == MAX_HITS
    assert all(len(hit["page_content"]) == MAX_CHARACTERS + 1 for hit in documents)
    retrieved = comparison.pipelines["dpr-colbert"].retrieved["syn-0001"]
    assert [hit["metadata"]["doc_id"] for hit in documents] == [
        hit.passage_id for hit in retrieved[:MAX_HITS]
    ]
    assert trace.stages[1].inputs["passages"] == [h["metadata"]["doc_id"] for h in documents]


def test_the_whole_says_what_became_of_the_question() -> None:
    comparison = synthetic_comparison(8)
    trace = TraceBuilder(comparison).build("bm25", "syn-0002")
    answer = comparison.pipelines["bm25"].answers["syn-0002"]
    assert trace.root.outputs["answer"] == answer.text
    assert trace.root.outputs["outcome"] == trace.tags["odqa.outcome"] != ""
    assert trace.root.attributes["odqa.em"] == comparison.values("bm25", "em")["syn-0002"]


def ids(shown: list[dict[str, dict[str, object]]]) -> list[object]:
    return [hit["metadata"]["doc_id"] for hit in shown]


def test_every_stage_of_a_composition_is_a_span(composed: Comparison) -> None:
    trace = TraceBuilder(composed).build("good", "q1")
    assert [(span.name, span.type) for span in trace.stages] == [
        ("rewrite", "PARSER"),
        ("retrieve wide", "RETRIEVER"),
        ("rank narrow", "RERANKER"),
        ("retrieve blind", "RETRIEVER"),
        ("fuse", "RERANKER"),
        ("rank late", "RERANKER"),
        ("rank cross", "RERANKER"),
        ("read", "PARSER"),
    ]
    spans = {str(span.attributes["odqa.stage"]): span for span in trace.stages}
    question = "which river flows through Paris"
    queries = [question, "river flows through Paris"]
    assert spans["keywords"].inputs == {"question": question}
    assert spans["keywords"].outputs == queries
    assert spans["wide"].inputs == {"question": question, "queries": queries}
    assert spans["narrow"].inputs == {"question": question, "passages": ["p3", "p2", "p1"]}
    assert spans["both"].inputs == {
        "question": question,
        "passages": {"narrow": ["p3"], "blind": ["p1", "p2"]},
    }
    assert spans["first_word"].inputs == {"question": question, "passages": ["p3"]}
    assert {stage: ids(spans[stage].outputs) for stage in ("wide", "blind", "both", "late")} == {
        "wide": ["p3", "p2", "p1"],
        "blind": ["p1", "p2"],
        "both": ["p1", "p3", "p2"],
        "late": ["p3", "p2"],
    }
    assert spans["wide"].outputs[0]["page_content"] == "Seine Seine water flows through Paris"
    assert spans["first_word"].outputs["answer"] == "Seine"


def test_spans_take_the_time_of_their_stages(composed: Comparison) -> None:
    latency = composed.result("good").latency
    assert latency is not None and latency.questions == ("q1", "q2")
    trace = TraceBuilder(composed).build("good", "q2")
    for span in trace.stages:
        alone = latency.of(str(span.attributes["odqa.stage"]))[1]
        assert span.end_ns - span.start_ns == pytest.approx(1e9 * alone, abs=1)
    batched = TraceBuilder(composed).build("good", "q3")
    costs = {cost.stage_id: cost.online_seconds / 3 for cost in composed.result("good").costs}
    for span in batched.stages:
        share = costs[str(span.attributes["odqa.stage"])]
        assert span.end_ns - span.start_ns == pytest.approx(1e9 * share, abs=1)


def test_a_trace_is_tagged_with_the_stages_that_lost_its_question(composed: Comparison) -> None:
    build = TraceBuilder(composed).build
    lost = [build("drops", question).tags["odqa.lost_by"] for question in ("q1", "q2", "q3")]
    assert lost == ["narrow + blind", "cross", "wide + blind"]
    assert build("good", "q1").tags["odqa.lost_by"] == ""
    assert build("good", "q1").root.attributes["odqa.late/mrr@10"] == 1.0
