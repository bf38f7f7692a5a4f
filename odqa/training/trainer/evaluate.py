"""Figures of trained weights on questions that no training saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa.data.nq_open import read_questions
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run, write_run
from odqa.training.data.training_data import NQ, Example, load_examples
from odqa.training.recipes import load_recipe


@dataclass(frozen=True, slots=True)
class Measured:
    """Questions to evaluate on, with gold passages and a retriever's run."""

    questions: Path
    qrels: Path
    candidates: Path

    def examples(self) -> list[Example]:
        """The questions that have a gold passage."""
        gold = read_qrels(self.qrels)
        return [
            Example(question, next(iter(gold[question.id])), NQ)
            for question in read_questions(self.questions).questions
            if gold.get(question.id)
        ]


def evaluate(
    recipe_path: Path,
    run: Path,
    measured: Measured | None = None,
    depth: int | None = None,
    out: Path | None = None,
) -> dict[str, float]:
    """Load what `odqa.training.trainer.run.train` left in ``run`` and evaluate it.

    Args:
        recipe_path: the recipe of the run.
        run: its folder.
        measured: the questions; default: those held out of training.
        depth: candidates per question; default: the recipe's ``settings.evaluated``.
        out: where a ranking task writes its order, as a run file.
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
    data = recipe.data.model_copy(update={"teacher": []})
    task = task_class(recipe.task)(recipe, load_examples(data, recipe.split_seed))
    if measured is not None:
        task.examples.held_out = measured.examples()
        task.examples.candidates |= read_run(measured.candidates)
    model = task.build()
    load_trained(task, model, run)
    model.eval()
    with torch.no_grad(), forward_precision(recipe.optim):
        if out is not None and isinstance(task, RankingTask):
            ranked = task.rank_all(model, task.examples.held_out, settings["evaluated"])
            write_run(out, ranked, recipe.name)
            return task.figures(ranked)
        return task.evaluate(model)
