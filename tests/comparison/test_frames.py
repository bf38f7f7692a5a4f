from __future__ import annotations

import html
import math
from dataclasses import replace

import pytest

from odqa.comparison.costs import NOT_REPORTED
from odqa.comparison.result import Comparison
from odqa.meters.meter import Spent
from odqa.report.terminal.render import render
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(20)


def silent(comparison: Comparison) -> Comparison:
    """The same from a machine that reports neither energy nor memory, without latency."""
    pipelines = {
        name: replace(
            result,
            latency=None,
            costs=tuple(
                replace(c, offline=Spent(c.offline.seconds), online=Spent(c.online.seconds))
                for c in result.costs
            ),
        )
        for name, result in comparison.pipelines.items()
    }
    return replace(comparison, pipelines=pipelines)


def test_every_stage_has_its_costs(comparison: Comparison) -> None:
    frame = comparison.stages().set_index(["pipeline", "stage"])
    retriever = frame.loc["sbert-colbert", "retriever"]
    # 2 ms a question in batches, 4 ms when asked alone; 0.5 J a question.
    assert retriever["online ms"] == pytest.approx(2)
    assert retriever["questions / s"] == pytest.approx(500)
    assert [retriever[f"p{q} ms"] for q in (50, 95, 99)] == [pytest.approx(4)] * 3
    assert (retriever["parameters M"], retriever["stored MB"]) == (22.0, 4.0)
    assert (retriever["offline peak MB"], retriever["peak MB"]) == (300.0, 400.0)
    assert retriever["J / question"] == pytest.approx(0.5)
    assert math.isnan(retriever["offline J"])
    assert retriever["offline"] == "passage vectors, hnsw index"
    assert retriever["cached"] == "online"
    assert frame.loc[("bm25", "reader"), "offline"] == "nothing"


def test_a_pipeline_has_every_cost_column(comparison: Comparison) -> None:
    row = comparison.table().loc["sbert-colbert"]
    # 2 + 20 + 10 ms in batches; 4 + 8 + 12 ms alone; three stages of 22M and 0.5 J each.
    assert row["questions / s"] == "31.2"
    assert (row["p50 ms"], row["p95 ms"], row["p99 ms"]) == ("24", "24", "24")
    assert (row["parameters M"], row["peak MB"], row["J / question"]) == ("66.0", "400", "1.5")
    assert (
        row["offline"] == "retriever: passage vectors, hnsw index; ranker: nothing; reader: nothing"
    )


def test_what_is_not_reported_is_said_and_never_estimated(comparison: Comparison) -> None:
    row = silent(comparison).table().loc["bm25"]
    assert (row["peak MB"], row["J / question"], row["p99 ms"]) == (NOT_REPORTED, NOT_REPORTED, "")
    text = render(silent(comparison))
    assert f"peak MB: {NOT_REPORTED}\nJ / question: {NOT_REPORTED}\n" in text
    assert "p99" in render(comparison) and "p99 ms" not in text


def test_the_terminal_shows_statistics_and_stages(comparison: Comparison) -> None:
    lines = render(comparison).splitlines()
    (cross,) = [line for line in lines if line.startswith("em             bm25-cross")]
    test = comparison.tests().set_index(["metric", "pipeline"]).loc["em", "bm25-cross"]
    wins = f"{test['wins']} / {test['ties']} / {test['losses']}"
    assert wins in cross
    assert cross.split()[-2:] == [f"{test['needed']:.0f}", f"{test['detectable']:.3f}"]
    assert any(line.startswith("sbert-colbert  sentence") for line in lines)
    # The verdict is a sentence, which a terminal wraps.
    assert max(map(len, lines[1:])) <= 160


def test_losses_are_counted_by_outcome_and_by_stage(comparison: Comparison) -> None:
    outcomes = comparison.losses()
    assert list(outcomes.index) == list(comparison.pipelines)
    assert list(outcomes.columns) == ["retriever miss", "ranker drop", "reader miss", "answered"]
    assert set(outcomes.sum(axis=1)) == {20}
    stages = comparison.losses(by="stage")
    assert stages.index.names == ["pipeline", "stage"]
    for name in comparison.pipelines:
        assert dict(stages.loc[name, "lost"]) == comparison.lost_counts(name)
    assert stages.loc[("sbert-colbert", "colbert"), "role"] == "ranker"


def test_a_comparison_prints_itself(comparison: Comparison) -> None:
    assert repr(comparison).startswith("<Comparison ") and repr(comparison).endswith("questions>")
    assert str(comparison).startswith(comparison.verdict())
    shown = comparison._repr_html_()
    assert comparison.verdict() in html.unescape(shown)
    assert all(f">{name}</th>" in shown for name in comparison.pipelines)
    assert ">p50 ms<" in shown and ">p50 ms<" not in silent(comparison)._repr_html_()


def test_tests_are_plain_numbers(comparison: Comparison) -> None:
    frame = comparison.tests()
    assert list(frame["pipeline"]) == ["sbert-colbert", "dpr-colbert", "bm25-cross"] * 2
    assert (frame["wins"] + frame["ties"] + frame["losses"] == frame["questions"]).all()
    assert ((frame["low"] <= frame["difference"]) & (frame["difference"] <= frame["high"])).all()
    assert synthetic_comparison(5, 1).tests().empty


def test_stages_have_their_ids_and_the_questions_they_lost(composed: Comparison) -> None:
    frame = composed.stages()
    assert set(frame["pipeline"]) == {"plain", "good", "drops"}
    bad = frame[frame["pipeline"] == "drops"].set_index("id")
    assert list(bad.index) == [*("wide", "narrow", "blind", "rrf", "late", "cross", "first_word")]
    assert dict(bad["lost"]) == {
        **dict.fromkeys(("wide", "narrow", "cross"), 1.0),
        **dict.fromkeys(("rrf", "late", "first_word"), 0.0),
        "blind": 2.0,
    }
    good = frame[frame["pipeline"] == "good"].set_index("id")
    assert good.loc["narrow", ["stage", "component"]].tolist() == ["ranker", "overlap"]
    # Not 0: a rewriter gives no passages that could be lost.
    assert math.isnan(good.loc["keywords", "lost"])
    assert (good["p50 ms"] > 0).all()
