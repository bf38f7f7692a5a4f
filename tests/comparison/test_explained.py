"""Explanations of rankers in a terminal and in a notebook."""

from __future__ import annotations

from odqa.comparison.explained import as_html, as_text
from odqa.explanation import Explanation, Match, Piece
from odqa.testing.synthetic import synthetic_comparison
from odqa.types import Passage

PASSAGE = Passage("p", "Brunel <built> it.", "Tower & Bridge")
ALIGNED = Explanation(
    "p",
    "alignment",
    # [CLS], "Bridge", "<", "built", ">"
    (Piece(0, 0, 0.3), Piece(8, 14, 1.0), Piece(22, 23, 0.2), Piece(23, 28, 0.5)),
    (
        Match("[CLS]", 2, 0.2),
        Match("bridge", 1, 1.0),
        Match("##s", 1, 0.4),
        Match("made", 3, 0.5),
        Match("it", 0, 0.3),
    ),
)
ATTENDED = Explanation(
    "p", "attention", (Piece(0, 0, 0.1), Piece(0, 5, 0.2), Piece(8, 14, 0.05)), share=0.35
)


def test_an_alignment_in_one_line() -> None:
    line = "bridge>Bridge 1.00, ##s>Bridge 0.40, made>built 0.50, it>(marker) 0.30"
    assert as_text(ALIGNED, PASSAGE) == line
    assert as_text(ATTENDED, PASSAGE) == "attention 35%"


def test_question_tokens_stand_over_what_they_chose() -> None:
    def ruby(shade: str, text: str, over: str) -> str:
        mark = f"<span style='background:rgba(15,157,136,{shade})'>{text}</span>"
        return f"<ruby>{mark}<rt>{over}</rt></ruby>"

    # Pieces that only fillers chose are not marked; everything is escaped.
    assert as_html(ALIGNED, PASSAGE) == (
        f"<div style='line-height:1.7'>Tower &amp; {ruby('0.45', 'Bridge', 'bridge s')} Brunel "
        f"&lt;{ruby('0.23', 'built', 'made')}&gt; it.</div>"
    )


def test_attention_is_relative_to_its_deepest() -> None:
    html = as_html(ATTENDED, PASSAGE)
    assert "rgba(15,157,136,0.45)'>Tower</span>" in html
    assert "rgba(15,157,136,0.11)'>Bridge</span>" in html
    assert "Brunel &lt;built&gt; it." in html


def test_a_trace_shows_them_under_the_passages_that_have_them() -> None:
    trace = synthetic_comparison(2, 5, explained=1).trace("syn-0000")
    hits_of = {pipeline.pipeline: pipeline.hits for pipeline in trace.pipelines}
    assert [hit.explanation is not None for hit in hits_of["sbert-colbert"]] == [True] * 3 + [
        False
    ] * 2
    assert all(hit.explanation is None for hit in hits_of["bm25"])
    for hit in hits_of["sbert-retro"][:3]:
        assert hit.explanation is not None
        assert hit.explanation.passage_id == hit.passage.id
    assert "attention 50%\n" in str(trace)
    html = trace._repr_html_()
    assert html.count("<summary>token alignment</summary>") == 6
    assert "<summary>attention 38%</summary>" in html
    assert "<script" not in html
