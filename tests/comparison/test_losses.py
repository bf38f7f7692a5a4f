"""Which stage lost a question: case by case, from what every stage held."""

from __future__ import annotations

import pytest

from odqa.comparison.losses import losses
from odqa.comparison.pipeline_result import PipelineResult
from odqa.comparison.result import Comparison
from odqa.metrics.rows import MetricRow
from odqa.spec.pipeline import parse_pipeline

BM25, SENTENCE, DPR = "{type: bm25}", "{type: sentence}", "{type: dpr}"
COLBERT, CROSS, RETRO = "{type: colbert}", "{type: cross_encoder}", "{type: retro}"
FUSED = f"retriever: {{fuse: [{BM25}, {SENTENCE}]}}"


def lost(slots: str, held: str, em: float = 0.0, *, judged: bool = True) -> tuple[str, ...] | None:
    """The stages that lost a question, where those in ``held`` held an accepted answer.

    Args:
        judged: without, as in a folder of version 0.1.0: what leaves the slots alone is judged.
    """
    spec = parse_pipeline(f"name: x\n{slots}\nreader: {{type: extractive}}")
    graph = spec.graph
    unknown = set(held.split()) - {node.id for node in graph.with_hits}
    assert not unknown
    values = {node.id: float(node.id in held.split()) for node in graph.with_hits}
    assert graph.retrieved is not None and graph.ranked is not None
    metrics = {
        "em": em,
        "retrieved_oracle": values[graph.retrieved],
        "ranked_oracle": values[graph.ranked],
        **({f"{stage}/oracle": value for stage, value in values.items()} if judged else {}),
    }
    rows = [MetricRow("x", "q", metric, value) for metric, value in metrics.items()]
    by_question = {("x", row.metric): {"q": row.value} for row in rows}
    found = losses({"x": PipelineResult(spec, {}, {}, None, ())}, rows, by_question)
    return found["x"].get("q")


@pytest.mark.parametrize(
    ("slots", "held", "stages"),
    [
        # One after the other.
        (f"retriever: {BM25}", "", "bm25"),
        (f"retriever: {BM25}", "bm25", "extractive"),
        (f"retriever: {BM25}\nranker: {COLBERT}", "", "bm25"),
        (f"retriever: {BM25}\nranker: {COLBERT}", "bm25", "colbert"),
        (f"retriever: {BM25}\nranker: {COLBERT}", "bm25 colbert", "extractive"),
        # A cascade: the first that gave none of what it got.
        (f"retriever: {BM25}\nranker: [{COLBERT}, {CROSS}]", "bm25", "colbert"),
        (f"retriever: {BM25}\nranker: [{COLBERT}, {CROSS}]", "bm25 colbert", "cross_encoder"),
        (f"retriever: {BM25}\nranker: [{COLBERT}, {CROSS}]", "", "bm25"),
        (
            f"retriever: {BM25}\nranker: {{type: cascade, stages: [{COLBERT}, {CROSS}, {RETRO}]}}",
            "bm25 colbert cross_encoder",
            "retro",
        ),
        # A fusion: all its members, or itself where one of them had it.
        (FUSED, "", "bm25 + sentence"),
        (FUSED, "bm25", "rrf"),
        (FUSED, "bm25 sentence", "rrf"),
        (FUSED, "sentence rrf", "extractive"),
        (f"{FUSED}\nranker: {COLBERT}", "sentence rrf", "colbert"),
        (f"{FUSED}\nranker: {COLBERT}", "sentence", "rrf"),
        # A cascade in a member.
        (f"retriever: {{fuse: [[{BM25}, {COLBERT}], {SENTENCE}]}}", "bm25", "colbert + sentence"),
        (f"retriever: {{fuse: [[{BM25}, {COLBERT}], {SENTENCE}]}}", "", "bm25 + sentence"),
        (f"retriever: {{fuse: [[{BM25}, {COLBERT}], {SENTENCE}]}}", "bm25 colbert", "rrf"),
        (f"retriever: {{fuse: [[{BM25}, {COLBERT}], {SENTENCE}]}}", "bm25 sentence", "rrf"),
        # A fusion in a fusion.
        (
            f"retriever: {{fuse: [{{fuse: [{BM25}, {SENTENCE}], by: rank}}, {DPR}]}}",
            "",
            "bm25 + sentence + dpr",
        ),
        (
            f"retriever: {{fuse: [{{fuse: [{BM25}, {SENTENCE}], by: rank}}, {DPR}]}}",
            "bm25",
            "rank + dpr",
        ),
        (
            f"retriever: {{fuse: [{{fuse: [{BM25}, {SENTENCE}], by: rank}}, {DPR}]}}",
            "bm25 rank",
            "rrf",
        ),
        # Rankers side by side: both, and what feeds both once.
        (
            f"retriever: {BM25}\nranker: {{fuse: [{COLBERT}, {CROSS}]}}",
            "bm25",
            "colbert + cross_encoder",
        ),
        (f"retriever: {BM25}\nranker: {{fuse: [{COLBERT}, {CROSS}]}}", "bm25 colbert", "rrf"),
        (f"retriever: {BM25}\nranker: {{fuse: [{COLBERT}, {CROSS}]}}", "", "bm25"),
        (
            f"retriever: {BM25}\nranker: [{RETRO}, {{fuse: [{COLBERT}, {CROSS}]}}]",
            "bm25",
            "retro",
        ),
        # The rewriter gives no passages, and loses none.
        (f"rewriter: {{type: keywords}}\nretriever: {BM25}", "", "bm25"),
        (
            f"retriever: {{fuse: [{{rewriter: {{type: keywords}}, retriever: {BM25}}}, {DPR}]}}",
            "",
            "bm25 + dpr",
        ),
    ],
)
def test_the_stage_that_got_it_and_gave_none(slots: str, held: str, stages: str) -> None:
    assert lost(slots, held) == tuple(stages.split(" + "))


def test_what_was_answered_is_not_lost() -> None:
    assert lost(FUSED, "bm25 rrf", em=1.0) is None
    # Also by chance, from passages that hold no answer.
    assert lost(FUSED, "", em=1.0) is None


@pytest.mark.parametrize(
    ("slots", "held", "stages"),
    [
        (f"retriever: {BM25}", "", "bm25"),
        (f"retriever: {BM25}\nranker: {COLBERT}", "bm25", "colbert"),
        # A cascade was one ranker then: its last stage stands for all of it.
        (f"retriever: {BM25}\nranker: [{COLBERT}, {CROSS}]", "bm25", "cross_encoder"),
        (f"retriever: {BM25}\nranker: [{COLBERT}, {CROSS}]", "bm25 cross_encoder", "extractive"),
        (f"retriever: {BM25}\nranker: [{COLBERT}, {CROSS}]", "", "bm25"),
    ],
)
def test_folders_of_before_know_the_slots_alone(slots: str, held: str, stages: str) -> None:
    assert lost(slots, held, judged=False) == (stages,)


def test_a_reader_alone_loses_what_it_answers_wrong() -> None:
    spec = parse_pipeline("name: x\nretriever: null\nreader: {type: predictions, path: x.json}")
    rows = [MetricRow("x", question, "em", em) for question, em in (("a", 0.0), ("b", 1.0))]
    result = PipelineResult(spec, {}, {}, {}, ())
    by_question = {("x", "em"): {"a": 0.0, "b": 1.0}}
    assert losses({"x": result}, rows, by_question) == {"x": {"a": ("predictions",)}}


def test_without_a_reader_nothing_is_lost() -> None:
    spec = parse_pipeline("name: x\nretriever: {type: bm25}")
    rows = [MetricRow("x", "q", "retrieved_oracle", 0.0), MetricRow("x", "q", "ranked_oracle", 0.0)]
    assert losses({"x": PipelineResult(spec, {}, {}, None, ())}, rows, {}) == {}


def test_a_comparison_names_and_counts_them(composed: Comparison) -> None:
    # The third question has no answer in any passage.
    assert composed.lost_by == {
        "plain": {"q3": ("overlap",)},
        "good": {"q3": ("wide", "blind")},
        "drops": {"q1": ("narrow", "blind"), "q2": ("cross",), "q3": ("wide", "blind")},
    }
    # Of every stage that can lose a question, also of those that lost none.
    assert composed.lost_counts("drops") == {
        "wide": 1,
        "narrow": 1,
        "blind": 2,
        "rrf": 0,
        "late": 0,
        "cross": 1,
        "first_word": 0,
    }
    assert "keywords" not in composed.lost_counts("good")
    assert composed.lost_counts("good")["first_word"] == 0


def test_a_diff_says_what_lost_each_question(composed: Comparison) -> None:
    for a, b, change in (("good", "drops", "fixed"), ("drops", "good", "broken")):
        diff = composed.diff(a, b).set_index("question")
        assert dict(diff["change"]) == {"q1": change, "q2": change}
        assert dict(diff["lost by"]) == {"q1": "narrow + blind", "q2": "cross"}
        assert dict(diff["stage"]) == {"q1": "retriever", "q2": "ranker"}
    # Where both are right or both wrong there is no difference to tell.
    assert list(composed.diff("good", "plain")["question"]) == []
