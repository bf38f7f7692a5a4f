"""From a YAML file to a checked `Recipe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from odqa.errors import SpecError, SpecErrors
from odqa.spec.problems import build
from odqa.spec.source import read_source
from odqa.training.recipes.schema import Recipe


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        SpecError: not readable, not YAML, or a key or value is wrong; task settings included.
        SpecErrors: several of them are, each with its line.
    """
    from odqa.training.tasks import task_class

    source = read_source(path)
    problems: list[SpecError] = []
    # The keys of the task have a schema of their own, and errors that name them.
    keys = {key: value for key, value in source.data.items() if key != "settings"}
    recipe = build(Recipe, keys, source, (), problems)
    if recipe is None:
        raise _together(problems)
    kind = task_class(recipe.task).Settings
    settings = build(kind, source.data.get("settings", {}), source, ("settings",), problems)
    if settings is None:
        raise _together(problems)
    sources = {"nq", *recipe.data.reading}
    if unknown := sorted(set(recipe.data.weights) - sources):
        raise SpecError(
            f"data.weights names '{unknown[0]}', which is no source",
            where=source.where(("data", "weights")),
            cure=f"known: {', '.join(sorted(sources))}",
        )
    base = path.parent
    folders = {
        "root": (base / recipe.data.root).resolve(),
        "mined": (base / recipe.data.mined).resolve(),
    }
    return recipe.model_copy(
        update={
            "start": recipe.start and (base / recipe.start).resolve(),
            "data": recipe.data.model_copy(update=folders),
            "settings": settings.model_dump(),
        }
    )


def _together(problems: Sequence[SpecError]) -> SpecError | SpecErrors:
    return problems[0] if len(problems) == 1 else SpecErrors(problems)
