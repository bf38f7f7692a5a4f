"""Figures of trained weights on questions that no training saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa.data.nq_open import read_questions
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run, write_run
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import NQ, load_training_data
from odqa.training.load_recipe import load_recipe


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Questions to evaluate on, with gold passages and a retriever's run."""

    questions: Path
    qrels: Path
    candidates: Path

    def labelled_questions(self) -> list[LabelledQuestion]:
        """The questions that have a gold passage.

        Raises:
            DataError: a file is missing or broken.
        """
        qrels = read_qrels(self.qrels)
        return [
            LabelledQuestion(question, next(iter(qrels[question.id])), NQ)
            for question in read_questions(self.questions).questions
            if qrels.get(question.id)
        ]


def evaluate(
    recipe_path: Path,
    run: Path,
    evaluation_set: EvaluationSet | None = None,
    depth: int | None = None,
    out: Path | None = None,
) -> dict[str, float]:
    """Load what `odqa.training.train` left in ``run`` and evaluate it.

    Args:
        recipe_path: the recipe of the run.
        run: its folder.
        evaluation_set: the questions; default: the validation split of the recipe.
        depth: candidates per question; default: the recipe's ``settings.evaluated``.
        out: where a ranking task writes its order, as a run file.

    Returns:
        Figures by name, each 0 to 1.

    Raises:
        SpecError: the recipe is wrong. DataError: its data is missing or broken.
        CheckpointError: the weights are missing, or of another task or rank.
    """
    import torch

    from odqa.training.model.trained_weights import load_trained
    from odqa.training.tasks import task_class
    from odqa.training.tasks.base import RankingTask
    from odqa.training.trainer.precision import forward_precision

    recipe = load_recipe(recipe_path)
    settings = dict(recipe.settings)
    if depth is not None:
        settings["evaluated"] = depth
    recipe = recipe.model_copy(update={"settings": settings})
    part = recipe.data.model_copy(update={"teacher": []})
    task = task_class(recipe.task)(recipe, load_training_data(part, recipe.split_seed))
    if evaluation_set is not None:
        task.data.validation = evaluation_set.labelled_questions()
        task.data.candidates |= read_run(evaluation_set.candidates)
    model = task.build()
    load_trained(task, model, run)
    model.eval()
    with torch.no_grad(), forward_precision(recipe.optim):
        if out is not None and isinstance(task, RankingTask):
            ranked = task.rank_all(model, task.data.validation, settings["evaluated"])
            write_run(out, ranked, recipe.name)
            return task.figures(ranked)
        return task.evaluate(model)
