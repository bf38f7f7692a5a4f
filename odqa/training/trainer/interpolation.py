"""How much of a training to keep: figures of points between the base model and the trained one.

A point between two models keeps more of what the base model does on other data than the trained
one (Wortsman et al. 2022, WiSE-FT, section 3). Which one is a question to cross-validation: the
recipe's key ``lora.keep``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from odqa.training.recipes import Recipe


def interpolated_curves(
    recipe: Recipe, out: Path, shares: Sequence[float]
) -> list[list[dict[str, float]]]:
    """Validation figures of every fold by the share of its low-rank change.

    Args:
        recipe: with ``data.folds``; its folds lie in ``OUT/folds/N``.
        out: folder of the run.
        shares: of the change, 0 (the base model) to 1 (all of it).

    Returns:
        For each fold a row for each share, under ``step`` the share: what `mean_curve` takes.

    Raises:
        CheckpointError: a fold has no weights.
    """
    import torch

    from odqa.training.model.lora import kept
    from odqa.training.model.trained_weights import load_trained
    from odqa.training.tasks import task_class
    from odqa.training.trainer.precision import forward_precision

    assert recipe.data.folds is not None
    curves = []
    for fold in range(1, recipe.data.folds + 1):
        part = recipe.in_fold(fold, recipe.data.folds)
        task = task_class(part.task).load(part)
        model = task.build()
        load_trained(task, model, out / "folds" / str(fold))
        model.eval()
        rows = []
        for share in shares:
            with torch.no_grad(), forward_precision(part.optim), kept(model, share):
                rows.append({"step": share, **task.evaluate(model)})
        curves.append(rows)
    return curves
