"""What tasks of models that generate read, for training and for held-out questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import DataError
from odqa.testing.tiny_recipe import tiny_recipe
from odqa.training.load_recipe import load_recipe
from odqa.training.tasks import task_class
from odqa.training.tasks.generating import GeneratingTask


def task(folder: Path) -> GeneratingTask:
    """Of Fusion-in-Decoder, with mined candidates, of the last question none; nothing is built."""
    settings = {"evaluated": 2, "with_negatives": 1}
    path = tiny_recipe(folder, candidates="mined", task="fid", settings=settings)
    run = folder / "mined/nq.run"
    lines = run.read_text(encoding="utf-8").splitlines(keepends=True)
    run.write_text("".join(line for line in lines if not line.startswith("q5 ")), encoding="utf-8")
    loaded = task_class("fid").load(load_recipe(path))
    assert isinstance(loaded, GeneratingTask)
    return loaded


def test_held_out_questions_read_their_best_candidates(tmp_path: Path) -> None:
    loaded = task(tmp_path)
    for row in [*loaded.data.validation, *loaded.data.train["nq"]]:
        ids = [passage.id for passage in loaded.candidates(row)]
        number = int(row.question.id.removeprefix("q"))
        # Nothing was mined for the last one: it reads its gold passage.
        expected = [f"p{number}", f"p{(number + 1) % 6}"] if number < 5 else ["p5"]
        assert ids == expected


def test_only_questions_that_a_passage_answers_are_trained_on(tmp_path: Path) -> None:
    loaded = task(tmp_path)
    row = loaded.data.train["nq"][0]
    loaded.data.passages[row.gold_id] = type(loaded.data.passages[row.gold_id])(
        row.gold_id, "It says nothing."
    )
    schedule = loaded.reader_schedule()
    questions = {schedule[i].question.id for i in range(len(schedule))}
    assert row.question.id not in questions
    assert questions <= {other.question.id for other in loaded.data.train["nq"]}
    assert all(len(schedule[i].passages) == 3 for i in range(len(schedule)))


def test_copying_is_fitted_on_gold_passages_of_the_training_part(tmp_path: Path) -> None:
    loaded = task(tmp_path)
    gold = {row.gold_id for row in loaded.data.train["nq"]}
    assert {passage.id for passage in loaded.fitting_passages(100)} == gold
    assert [p.id for p in loaded.fitting_passages(2)] == [p.id for p in loaded.fitting_passages(2)]


def test_questions_without_answers_in_their_passages_are_refused(tmp_path: Path) -> None:
    loaded = task(tmp_path)
    for pid, passage in loaded.data.passages.items():
        loaded.data.passages[pid] = type(passage)(pid, "It says nothing.")
    with pytest.raises(DataError, match="no question has an accepted answer in its gold passage"):
        loaded.reader_schedule()
