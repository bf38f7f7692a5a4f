"""Scores of a trained cross-encoder on the candidates of training questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from odqa.data.trec import write_run
from odqa.progress import progress
from odqa.training.examples import Example, load_examples
from odqa.training.recipe import load_recipe
from odqa.types import Hit


def teach(
    recipe_path: Path, run: Path, out: Path, depth: int = 24, sources: tuple[str, ...] = ("nq",)
) -> Path:
    """Score the gold passage and the best candidates of each training question.

    Args:
        recipe_path: the cross-encoder's recipe.
        run: folder that `odqa.training.run.train` left behind.
        out: the run file to write, TREC format.
        depth: candidates per question.
        sources: which of the recipe's sources.

    Returns:
        ``out``.
    """
    import torch

    from odqa.models.delta import read_delta
    from odqa.training.lora import load
    from odqa.training.precision import forward_precision
    from odqa.training.tasks.cross_encoder import CrossEncoderTask

    recipe = load_recipe(recipe_path)
    task = CrossEncoderTask(recipe, load_examples(recipe.data, recipe.seed))
    model = task.build()
    load(model, read_delta(run / recipe.name).tensors)
    model.eval()
    found: dict[str, list[Hit]] = {}
    examples = list(_of(task.examples.train, sources))
    with torch.no_grad(), forward_precision(recipe.optim):
        for example in progress(examples, "teacher scores", unit="question"):
            mined = task.examples.candidates.get(example.question.id, [])[:depth]
            ids = dict.fromkeys([example.gold, *(hit.passage_id for hit in mined)])
            hits = [Hit(pid, 0.0) for pid in ids]
            found[example.question.id] = task.rank(model, example, hits)
    write_run(out, found, "teacher")
    return out


def _of(train: dict[str, list[Example]], sources: tuple[str, ...]) -> Iterator[Example]:
    for source in sources:
        yield from train.get(source, [])
