from __future__ import annotations

import json
from dataclasses import replace

import pytest

from odqa.comparison.result import Comparison
from odqa.metrics.attribution import outcomes
from odqa.report.data import as_script, browser_data
from odqa.report.explained import explained
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(8)


def test_rows_say_what_the_comparison_says(comparison: Comparison) -> None:
    data = browser_data(comparison)
    outcome_of = outcomes(comparison.rows)
    for p, name in enumerate(data["pipelines"]):
        result = comparison.pipelines[name]
        for q, (key, text, answers, _) in enumerate(data["questions"]):
            row = data["rows"][p][q]
            assert data["outcomes"][row[0]] == outcome_of[name][key]
            assert row[1] == result.answers[key].text
            assert row[6] == (outcome_of[name][key] == "answered")
            passage_ids = [data["passages"][number][0] for number in row[7][::3]]
            assert passage_ids == [hit.passage_id for hit in result.ranked[key]]
            before = [hit.passage_id for hit in result.retrieved[key]]
            assert row[7][1::3] == [before.index(passage) + 1 for passage in passage_ids]
            assert (text, tuple(answers)) == (comparison.questions[q].text, (f"Answer{q}",))


def test_values_stand_in_the_order_of_their_names(comparison: Comparison) -> None:
    data = browser_data(comparison)
    assert data["metrics"] == ["em", "f1", "ranked_mrr@10", "retrieved_oracle", "ranked_oracle"]
    expected = [comparison.values("bm25", metric)["syn-0003"] for metric in data["metrics"]]
    assert data["rows"][0][3][5] == pytest.approx(expected, abs=1e-4)


def test_relevant_passages_have_both_ranks_and_0_where_dropped(comparison: Comparison) -> None:
    result = comparison.pipelines["sbert-colbert"]
    gold = "2-all-0"
    dropped = [hit for hit in result.ranked["syn-0002"] if hit.passage_id != gold]
    changed = replace(result, ranked={**result.ranked, "syn-0002": dropped})
    pipelines = {**comparison.pipelines, "sbert-colbert": changed}
    data = browser_data(replace(comparison, pipelines=pipelines))
    number, before, after = data["rows"][1][2][8]
    assert data["passages"][number][0] == gold
    assert before == [hit.passage_id for hit in result.retrieved["syn-0002"]].index(gold) + 1
    assert after == 0


def test_every_passage_is_there_once(comparison: Comparison) -> None:
    ids = [passage[0] for passage in browser_data(comparison)["passages"]]
    assert len(ids) == len(set(ids)) == 8 * (4 + 4 * 6)


def test_depth_shrinks_to_the_budget(comparison: Comparison) -> None:
    complete = browser_data(comparison)
    small = browser_data(comparison, budget=60_000)
    assert complete["depth"] == 10
    assert 1 < small["depth"] < 10
    assert sum(len("".join(passage)) for passage in small["passages"]) < 60_000
    assert len(small["rows"][0][0][7]) == 3 * small["depth"]


def test_nothing_in_a_passage_ends_the_script(comparison: Comparison) -> None:
    data = browser_data(comparison)
    script = as_script(data)
    assert "<" not in script and "\u2028" not in script
    assert json.loads(script) == data
    assert any("</script>" in passage[2] for passage in data["passages"])


def test_explanations_refer_to_passages_by_number() -> None:
    comparison = synthetic_comparison(3, 5, explained=2)
    data = browser_data(comparison)
    bm25, colbert, _, _, retro = data["explained"]
    assert bm25 == {} and list(colbert) == list(retro) == ["0", "1"]
    for by_question, name in ((colbert, "sbert-colbert"), (retro, "sbert-retro")):
        expected = comparison.result(name).explanations["syn-0001"]
        for (number, kind, share, pieces, matches), explanation in zip(
            by_question["1"], expected, strict=True
        ):
            assert data["passages"][number][0] == explanation.passage_id
            assert (kind, share) == (explanation.kind, explanation.share)
            assert pieces[:2] == [explanation.pieces[0].start, explanation.pieces[0].end]
            assert pieces[2::3] == pytest.approx([p.weight for p in explanation.pieces], rel=1e-2)
            assert matches[::3] == [match.token for match in explanation.matches]
            assert matches[1::3] == [match.piece for match in explanation.matches]
    # The best three of a row are those that are explained.
    assert [entry[0] for entry in colbert["1"]] == data["rows"][1][1][7][:9:3]


def test_explanations_end_where_their_budget_does() -> None:
    comparison = synthetic_comparison(6, 5, explained=6)
    numbers = {key: n for n, key in enumerate(comparison.passages)}
    complete = explained(comparison, numbers)
    half = explained(comparison, numbers, len(json.dumps(complete)) // 2)
    assert 0 < len(half[1]) < 6
    assert all(len(by_question) <= len(half[1]) for by_question in half)
    assert explained(comparison, numbers, 10) == [{}] * 5
    assert explained(comparison, {}) == [{}] * 5


def test_not_a_number_is_refused_rather_than_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_script([float("nan")])


def test_rows_have_ranks_in_every_stage_and_what_lost_the_question(composed: Comparison) -> None:
    data = browser_data(composed)
    assert data["inner"] == [[], *[["wide", "narrow", "blind", "late"]] * 2]
    lost, inner = ([[row[at] for row in rows] for rows in data["rows"]] for at in (9, 10))
    assert lost == [
        ["", "", "overlap"],
        ["", "", "wide + blind"],
        ["narrow + blind", "cross", "wide + blind"],
    ]
    # One passage is left: p3, p2, p1 of the good composition, p1 always of the bad one.
    assert inner[1] == [[1, 1, 0, 1], [1, 1, 2, 1], [1, 1, 1, 1]]
    assert inner[2] == [[3, 1, 1, 1], [3, 1, 1, 1], [1, 1, 1, 1]]
    assert inner[0] == [[], [], []]
