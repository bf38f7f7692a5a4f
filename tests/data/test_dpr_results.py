from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.corpus import Corpus
from odqa.data.dpr_results import read_dpr_results, write_dpr_results
from odqa.errors import DataError
from odqa.types import Hit, Passage, Question

CORPUS = Corpus.from_passages([Passage("p1", "Paris is big", "Paris"), Passage("p2", "Rome")])
QUESTIONS = (Question("q1", "what is big", ("Paris",)), Question("q2", "what else", ("Rome",)))
HITS = {"q1": [Hit("p1", 2.5), Hit("p2", 0.1)], "q2": []}


def contains(question: Question, passage: Passage) -> bool:
    return any(answer in passage.text for answer in question.answers)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_dpr_results(path, QUESTIONS, HITS, CORPUS, contains)
    first = json.loads(path.read_text())[0]
    assert first["ctxs"][0] == {
        "id": "p1",
        "title": "Paris",
        "text": "Paris is big",
        "score": 2.5,
        "has_answer": True,
    }
    assert first["ctxs"][1]["has_answer"] is False
    results = read_dpr_results(path)
    assert [(key, text) for _, key, text, _ in results] == [(q.id, q.text) for q in QUESTIONS]
    assert {key: hits for _, key, _, hits in results} == HITS


def test_dprs_own_output_has_no_ids_and_scores_as_texts(tmp_path: Path) -> None:
    path = tmp_path / "nq.json"
    ctxs = [{"id": "wiki:2", "score": "71.5"}, {"id": "wiki:1", "score": "80.25"}]
    path.write_text(json.dumps([{"question": "a", "answers": ["b"], "ctxs": ctxs}]))
    hits = [Hit("wiki:1", 80.25), Hit("wiki:2", 71.5)]
    assert read_dpr_results(path) == [(f"{path}, item 1", None, "a", hits)]


def test_unknown_passage_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no passage 'p9'"):
        write_dpr_results(
            tmp_path / "a.json", QUESTIONS, {"q1": [Hit("p9", 1.0)]}, CORPUS, contains
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ctxs", "line"),
    [
        (None, ", item 1: 'ctxs' is missing or no list"),
        ([{"score": 1}], ", item 1, ctx 1: expected an object with 'id' and a finite 'score'"),
        ([{"id": "a", "score": "x"}], ", item 1, ctx 1: expected an object"),
        (["a"], ", item 1, ctx 1: expected an object"),
        ([{"id": "a", "score": 1}] * 2, ", item 1: 'ctxs' has a passage twice"),
    ],
)
def test_bad_results(tmp_path: Path, ctxs: object, line: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"question": "a", "answers": ["b"], "ctxs": ctxs}]))
    with pytest.raises(DataError) as caught:
        read_dpr_results(path)
    assert str(caught.value).startswith(f"{path}{line}")
