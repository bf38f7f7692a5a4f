from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.errors import DataError
from odqa.training.data.training_data import (
    load_training_data,
)
from odqa.training.recipes import DataPart
from odqa.types import Hit


@pytest.fixture
def data(tmp_path: Path) -> DataPart:
    (tmp_path / "corpus.tsv").write_text(
        "id\ttext\ttitle\n1\tRome is in Italy.\tRome\n2\tBonn is in Germany.\tBonn\n"
        "3\tOslo is in Norway.\tOslo\n",
        encoding="utf-8",
    )
    rows = [("q1", "where is rome", "Italy"), ("q2", "where is bonn", "Germany")]
    rows += [("q3", "where is oslo", "Norway")]
    (tmp_path / "questions.jsonl").write_text(
        "".join(
            json.dumps({"id": i, "question": question, "answer": [answer]}) + "\n"
            for i, question, answer in rows
        ),
        encoding="utf-8",
    )
    (tmp_path / "gold.qrels").write_text("q1 0 1 1\nq2 0 2 1\nq3 0 3 1\n", encoding="utf-8")
    (tmp_path / "reading.jsonl").write_text(
        "".join(
            json.dumps(
                {"question": f"Where is {place}?", "context": "They sleep .", "answers": ["sleep"]}
            )
            + "\n"
            for place in ("Rome", "Bonn", "Oslo", "Lima")
        ),
        encoding="utf-8",
    )
    (tmp_path / "mined.run").write_text("q1 Q0 2 1 0.5 x\n", encoding="utf-8")
    return DataPart(
        root=tmp_path,
        mined=tmp_path,
        corpus=Path("corpus.tsv"),
        questions=Path("questions.jsonl"),
        qrels=Path("gold.qrels"),
        reading={"reading": Path("reading.jsonl")},
        candidates=[Path("mined.run")],
        held_out=1,
    )


def test_validation_questions_are_in_no_source(data: DataPart) -> None:
    loaded = load_training_data(data, seed=3)
    assert len(loaded.validation) == 1
    held_out = loaded.validation[0].question
    assert len(loaded.train["nq"]) == 2
    assert held_out.id not in {example.question.id for example in loaded.train["nq"]}
    # Case and punctuation do not hide that a reading source asks the same.
    assert len(loaded.train["reading"]) == 3
    assert held_out.text not in {
        example.question.text.lower().rstrip("?") for example in loaded.train["reading"]
    }


def test_the_split_depends_on_the_seed_only(data: DataPart) -> None:
    def apart(seed: int) -> str:
        return load_training_data(data, seed).validation[0].question.id

    assert apart(3) == apart(3)
    assert len({apart(seed) for seed in range(12)}) > 1


def test_mined_runs_are_read(data: DataPart) -> None:
    assert load_training_data(data, 0).candidates == {"q1": [Hit("2", 0.5)]}


def test_of_several_teachers_the_mean_counts_where_all_have_a_score(data: DataPart) -> None:
    (data.mined / "a.run").write_text("q1 Q0 1 1 3.0 a\nq1 Q0 2 2 1.0 a\nq2 Q0 2 1 9.0 a\n")
    (data.mined / "b.run").write_text("q1 Q0 1 1 5.0 b\nq1 Q0 3 2 4.0 b\n")
    two_teachers = data.model_copy(update={"teacher": [Path("a.run"), Path("b.run")]})
    assert load_training_data(two_teachers, 0).teacher_scores == {"q1": {"1": 4.0}, "q2": {}}
    alone = data.model_copy(update={"teacher": [Path("a.run")]})
    assert load_training_data(alone, 0).teacher_scores == {
        "q1": {"1": 3.0, "2": 1.0},
        "q2": {"2": 9.0},
    }


def test_a_gold_passage_outside_the_corpus_is_an_error(data: DataPart) -> None:
    (data.root / "gold.qrels").write_text("q1 0 99 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="'99'"):
        load_training_data(data, 0)


def test_holding_out_everything_is_an_error(data: DataPart) -> None:
    with pytest.raises(DataError, match="hold out fewer"):
        load_training_data(data.model_copy(update={"held_out": 3}), 0)


def test_last_rows_of_a_reading_source_are_validated_and_never_trained_on(data: DataPart) -> None:
    part = data.model_copy(update={"validation": {"reading": 2}})
    loaded = load_training_data(part, 0)
    apart = [row.question.text for row in loaded.validation if row.source == "reading"]
    assert apart == ["Where is Oslo?", "Where is Lima?"]
    assert [row.source for row in loaded.validation] == ["nq", "reading", "reading"]
    trained = {row.question.text for row in loaded.train["reading"]}
    assert not trained & set(apart)
    # A training on all questions leaves them out too, so that a later stage may validate on them.
    whole = load_training_data(part.model_copy(update={"held_out": 0}), 0)
    assert whole.validation == []
    assert {row.question.text for row in whole.train["reading"]} == {
        "Where is Rome?",
        "Where is Bonn?",
    }
    with pytest.raises(DataError, match="4 rows, 4 to be set apart"):
        load_training_data(data.model_copy(update={"validation": {"reading": 4}}), 0)
