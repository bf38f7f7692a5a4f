"""Questions with gold passages, a validation split, mined candidates and teacher scores."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from odqa.data.dpr_tsv import read_passages
from odqa.data.nq_open import read_questions
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run
from odqa.errors import DataError
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.reading_comprehension import read_reading_comprehension
from odqa.training.recipes import DataPart
from odqa.types import Hit, Passage, Question

#: The source whose questions have their gold passages in the corpus.
NQ = "nq"


@dataclass(slots=True)
class TrainingData:
    """Everything a task draws its batches from.

    Attributes:
        passages: id -> passage: the corpus, and the contexts of the reading sources.
        train: source -> questions with their gold passages.
        validation: questions that are not trained on: the checkpoint is chosen by them.
        candidates: question id -> mined hits, best first.
        teacher_scores: question id -> passage id -> a teacher's score.
    """

    passages: dict[str, Passage]
    train: dict[str, list[LabelledQuestion]]
    validation: list[LabelledQuestion]
    candidates: dict[str, list[Hit]] = field(default_factory=dict)
    teacher_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    _gold_ids: dict[str, set[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        training = (labelled for source in self.train.values() for labelled in source)
        for labelled in [*self.validation, *training]:
            text = _normalised(labelled.question.text)
            self._gold_ids.setdefault(text, set()).add(labelled.gold_id)

    def gold_ids(self, question: Question) -> set[str]:
        """Gold passages of all rows that ask the same, of any source."""
        return self._gold_ids.get(_normalised(question.text), set())


def load_training_data(data: DataPart, seed: int) -> TrainingData:
    """Read the sources of a recipe; runs must have been mined before.

    Args:
        data: the part of the recipe that names them.
        seed: decides which questions make the validation split, or the folds.

    Raises:
        DataError: a file is missing, not named or broken, or a gold passage is not in the corpus.
    """
    if data.questions is None or data.qrels is None:
        raise DataError(
            "the task needs questions and their gold passages",
            where="data",
            cure="name data.questions and data.qrels in the recipe",
        )
    passages = {passage.id: passage for passage in read_passages(data.root / data.corpus)}
    qrels = read_qrels(data.root / data.qrels)
    labelled: list[LabelledQuestion] = []
    for question in read_questions(data.root / data.questions).questions:
        relevant = [pid for pid, grade in qrels.get(question.id, {}).items() if grade > 0]
        if relevant and relevant[0] not in passages:
            raise DataError(
                f"gold passage '{relevant[0]}' of '{question.id}' is not in the corpus",
                where=str(data.root / data.qrels),
            )
        if question.answers:
            labelled.extend(LabelledQuestion(question, pid, NQ) for pid in relevant[:1])
    validation, train = _validation_split(labelled, data, seed)
    sources = {NQ: train}
    for name, path in data.reading.items():
        sources[name], contexts = read_reading_comprehension(data.root / path, name)
        passages |= contexts
        if apart := data.validation.get(name):
            if apart >= len(sources[name]):
                raise DataError(
                    f"{len(sources[name])} rows, {apart} to be set apart",
                    where=f"data.validation.{name}",
                    cure="set apart fewer",
                )
            sources[name], last = sources[name][:-apart], sources[name][-apart:]
            validation = [*validation, *last]
    reserved = {_normalised(labelled.question.text) for labelled in validation}
    for name in data.reading:
        rows = sources[name]
        sources[name] = [row for row in rows if _normalised(row.question.text) not in reserved]
    if not data.validates:
        validation = []
    loaded = TrainingData(passages, sources, validation)
    for path in data.candidates:
        loaded.candidates |= read_run(data.mined / path)
    loaded.teacher_scores = _mean_scores([read_run(data.mined / path) for path in data.teacher])
    return loaded


def _mean_scores(runs: Sequence[Mapping[str, Sequence[Hit]]]) -> dict[str, dict[str, float]]:
    """Mean score of every passage that all of the runs hold for a question."""
    if not runs:
        return {}
    first, *others = (
        {question: {hit.passage_id: hit.score for hit in hits} for question, hits in run.items()}
        for run in runs
    )
    return {
        question: {
            pid: fmean([score, *(other[question][pid] for other in others)])
            for pid, score in scores.items()
            if all(pid in other.get(question, {}) for other in others)
        }
        for question, scores in first.items()
    }


def _validation_split(
    labelled: list[LabelledQuestion], data: DataPart, seed: int
) -> tuple[list[LabelledQuestion], list[LabelledQuestion]]:
    """Validation and training questions, each in the order of the file."""
    size = data.held_out if data.folds is None else 0
    if size >= len(labelled) or len(labelled) < (data.folds or 0):
        raise DataError(
            f"{len(labelled)} questions with a gold passage, "
            + (f"{data.folds} folds" if data.folds else f"{size} to be held out"),
            where="data.folds" if data.folds else "data.held_out",
            cure="hold out fewer",
        )
    order = random.Random(seed).sample(range(len(labelled)), len(labelled))
    reserved = set(order[:size])
    if data.folds is not None and data.fold is not None:
        reserved = set(order[data.fold - 1 :: data.folds])
    return (
        [row for i, row in enumerate(labelled) if i in reserved],
        [row for i, row in enumerate(labelled) if i not in reserved],
    )


def _normalised(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.lower()))
