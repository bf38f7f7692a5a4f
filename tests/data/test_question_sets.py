"""Several question sets over one corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.load import DataConfig, load_dataset
from odqa.data.questions import QuestionSet, put_together
from odqa.errors import DataError
from odqa.types import Question


def a_set(name: str, *ids: str) -> QuestionSet:
    return QuestionSet(name, tuple(Question(key, f"what is {key}", ("x",)) for key in ids))


def test_ids_stay_where_they_are_unique() -> None:
    whole = put_together({"nq": a_set("nq-dev", "a", "b"), "pop": a_set("pop", "c")})
    assert [question.id for question in whole] == ["a", "b", "c"]
    assert whole.sets == (("nq", 2), ("pop", 1))
    assert [question.id for question in whole.parts()["pop"]] == ["c"]


def test_ids_in_common_get_the_name_of_their_set() -> None:
    whole = put_together({"nq": a_set("nq", "test_0", "test_1"), "pop": a_set("pop", "test_0")})
    assert [question.id for question in whole] == ["nq:test_0", "nq:test_1", "pop:test_0"]


def test_a_part_is_taken_of_each() -> None:
    whole = put_together({"nq": a_set("nq", "a", "b", "c"), "pop": a_set("pop", "d", "e")})
    assert [question.id for question in whole.take(2)] == ["a", "b", "d", "e"]
    assert whole.take(1).sets == (("nq", 1), ("pop", 1))
    assert whole.take(2, seed=1).sets == (("nq", 2), ("pop", 2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "passages.tsv").write_text("id\ttext\ttitle\np1\tone\tA\np2\ttwo\tB\n")
    for name in ("nq", "pop"):
        rows = [{"id": f"q{n}", "question": f"{name} {n}?", "answer": ["one"]} for n in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / f"{name}.qrels").write_text(f"q{1 if name == 'nq' else 2} 0 p1 1\n")
    return tmp_path


def load(folder: Path, **keys: object) -> object:
    config = DataConfig.model_validate({"corpus": "passages.tsv", **keys})
    return load_dataset(config, Cache(folder / "cache"), folder)


SETS = {"nq": "nq.jsonl", "pop": "pop.jsonl"}


def test_questions_and_judgements_of_each(folder: Path) -> None:
    data = load(folder, questions=SETS, qrels={"nq": "nq.qrels", "pop": "pop.qrels"})
    assert len(data.questions) == 6
    assert data.qrels == {"nq:q1": {"p1": 1}, "pop:q2": {"p1": 1}}
    taken = data.take(2)
    assert taken.questions.sets == (("nq", 2), ("pop", 2))
    assert taken.qrels == {"nq:q1": {"p1": 1}}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"questions": SETS, "qrels": "nq.qrels"}, "one file of judgements, and there are several"),
        ({"questions": "nq.jsonl", "qrels": {"nq": "nq.qrels"}}, "qrels of several sets"),
        ({"questions": SETS, "qrels": {"nqq": "nq.qrels"}}, "no set is named 'nqq'"),
        ({"questions": {"nq": "none.jsonl"}}, "no such file"),
    ],
)
def test_what_does_not_fit_is_one_line(folder: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(folder, **keys)
