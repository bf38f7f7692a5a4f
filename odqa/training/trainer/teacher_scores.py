"""Teacher scores: those of a trained ranker on training questions, for distillation."""

from __future__ import annotations

import hashlib
from pathlib import Path

from odqa.errors import SpecError
from odqa.training.load_recipe import load_recipe
from odqa.training.recipes import Recipe
from odqa.training.trainer.candidate_scores import write_candidate_scores


def write_teacher_scores(
    recipe_path: Path,
    weights: Path,
    out: Path,
    depth: int = 24,
    sources: tuple[str, ...] = ("nq",),
) -> Path:
    """Score the gold passage and the best candidates of each training question.

    Stopped at any point, it goes on behind the last question when called again with the same
    arguments: ``OUT.partial-DIGEST`` keeps what was scored.

    Args:
        recipe_path: the recipe of a cross-encoder or of a RETRO ranker.
        weights: folder that `odqa train` left behind, or that of one model of it.
        out: the run file to write, TREC format.
        depth: candidates per question.
        sources: which of the recipe's sources.

    Returns:
        ``out``.

    Raises:
        SpecError: the recipe's task does not score passages one question at a time.
        DataError: its data is missing or broken. CheckpointError: ``weights`` are not of its task.
    """
    import torch

    from odqa.training.model.trained_weights import load_trained
    from odqa.training.tasks import task_class
    from odqa.training.tasks.base import CandidateRankingTask
    from odqa.training.trainer.precision import forward_precision

    recipe = load_recipe(recipe_path)
    kind = task_class(recipe.task)
    if not issubclass(kind, CandidateRankingTask):
        raise SpecError(
            f"task '{recipe.task}' is no teacher",
            where=str(recipe_path),
            cure="use the recipe of a cross-encoder or retro-ranker, or a reader's scores with "
            "--score attention, likelihood or span",
        )
    task = kind.load(recipe)
    model = task.build()
    sha256 = load_trained(task, model, weights)
    model.eval()
    with torch.no_grad(), forward_precision(recipe.optim):
        return write_candidate_scores(
            task.data,
            out,
            lambda labelled, hits: task.rank(model, labelled, hits),
            depth=depth,
            sources=sources,
            digest=_digest(recipe, sha256, depth, sources),
        )


def _digest(recipe: Recipe, weights: str, depth: int, sources: tuple[str, ...]) -> str:
    content = recipe.model_dump_json(exclude={"data": {"root", "mined"}})
    return hashlib.sha256(f"{content}{weights}{depth}{sources}".encode()).hexdigest()[:12]
