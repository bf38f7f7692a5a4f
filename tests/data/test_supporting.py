"""Supporting pages, in the layouts of HotpotQA, 2WikiMultiHopQA, MuSiQue and FlashRAG."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.data.load import DataConfig, load_dataset
from odqa.data.nq_open import read_questions
from odqa.data.questions import QuestionSet
from odqa.data.supporting import normal_title, supporting_titles, with_titles_to_find
from odqa.errors import DataError
from odqa.types import Passage, Question

STEPS = [
    {"question": "A >> b", "answer": "c", "support_paragraph": {"title": "Ed Wood", "idx": 3}},
    {"question": "#1 >> d", "answer": "e", "support_paragraph": {"title": "Scott", "idx": 5}},
]
PARAGRAPHS = [
    {"idx": 0, "title": "Distractor", "paragraph_text": "…", "is_supporting": False},
    {"idx": 1, "title": "Ed Wood", "paragraph_text": "…", "is_supporting": True},
    {"idx": 2, "title": "Scott", "paragraph_text": "…", "is_supporting": True},
]


@pytest.mark.parametrize(
    "row",
    [
        # HotpotQA's and 2WikiMultiHopQA's own files: a page for every sentence.
        {"supporting_facts": [["Ed Wood", 0], ["Scott", 0], ["Ed Wood", 2]]},
        # hotpotqa/hotpot_qa on the hub.
        {"supporting_facts": {"title": ["Ed Wood", "Scott", "ed_wood"], "sent_id": [0, 0, 1]}},
        # FlashRAG's hotpotqa and 2wikimultihopqa, and its musique.
        {"metadata": {"supporting_facts": {"title": ["Ed Wood", "Scott"], "sent_id": [0, 0]}}},
        {"metadata": {"question_decomposition": STEPS}},
        # MuSiQue's own: its steps point into the paragraphs.
        {"paragraphs": PARAGRAPHS, "question_decomposition": [{"paragraph_support_idx": 1}]},
        {"supporting": ["Ed Wood", "Scott"]},
    ],
)
def test_layouts(row: dict[str, object]) -> None:
    assert supporting_titles(row, "here") == ("Ed Wood", "Scott")


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"metadata": {}},
        {"metadata": None},
        {"metadata": "text"},
        {"supporting_facts": []},
        {"supporting_facts": {"title": [], "sent_id": []}},
        {"supporting_facts": None, "supporting": []},
        {"paragraphs": [{"title": "A", "is_supporting": False}]},
    ],
)
def test_none_are_named(row: dict[str, object]) -> None:
    assert supporting_titles(row, "here") == ()


@pytest.mark.parametrize(
    "row",
    [
        {"supporting": "Ed Wood"},
        {"supporting": [1]},
        {"supporting_facts": "Ed Wood"},
        {"supporting_facts": [["Ed Wood", 0], []]},
        {"supporting_facts": [[1, 0]]},
        {"metadata": {"supporting_facts": {"title": "Ed Wood"}}},
        {"paragraphs": [{"is_supporting": True}]},
    ],
)
def test_another_form_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"^here: 'supporting.* names its pages|'paragraphs' names"):
        supporting_titles(row, "here")


def test_titles_are_compared_as_pages() -> None:
    one = {"The Simpsons", "the_simpsons", '"The  Simpsons"', "THE SIMPSONS"}
    assert {normal_title(title) for title in one} == {"the simpsons"}
    assert normal_title("AT&amp;T") == normal_title("AT&T")
    assert normal_title("Mercury (planet)") != normal_title("Mercury")


def test_musique_has_aliases_of_its_answer(tmp_path: Path) -> None:
    row = {
        "id": "2hop__1_2",
        "question": "who",
        "answer": "A. B.",
        "answer_aliases": ["AB", "A. B."],
    }
    path = tmp_path / "musique.jsonl"
    path.write_text(json.dumps({**row, "paragraphs": PARAGRAPHS, "answerable": True}) + "\n")
    assert read_questions(path).questions == (
        Question("2hop__1_2", "who", ("A. B.", "AB"), ("Ed Wood", "Scott")),
    )


def test_they_are_part_of_the_content() -> None:
    plain, hops = Question("q", "who", ("a",)), Question("q", "who", ("a",), ("A", "B"))
    other = Question("q", "who", ("a",), ("A", "C"))
    prints = {QuestionSet("s", (q,)).fingerprint for q in (plain, hops, other)}
    assert len(prints) == 3


def test_a_corpus_without_titles(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    questions = QuestionSet("s", (Question("q", "who", ("a",), ("A",)),))
    with_titles = Corpus.from_passages([Passage("1", "x"), Passage("2", "y", "A")])
    assert with_titles_to_find(questions, with_titles) is questions
    assert with_titles_to_find(questions, Corpus.empty()) is questions
    caplog.set_level(logging.WARNING)
    bare = with_titles_to_find(questions, Corpus.from_passages([Passage("1", "x")]))
    assert bare.questions == (Question("q", "who", ("a",)),)
    assert "passages have no titles" in caplog.text
    (tmp_path / "p.jsonl").write_text('{"id": "1", "text": "x"}\n')
    row = {"question": "who", "answer": ["a"], "supporting": ["A"]}
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n")
    config = DataConfig(corpus="p.jsonl", questions="q.jsonl")
    data = load_dataset(config, Cache(tmp_path / "cache"), tmp_path)
    assert not data.questions.questions[0].supporting
