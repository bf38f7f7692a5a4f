"""From a YAML file to a checked `Recipe`."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from odqa.errors import SpecError
from odqa.training.recipes.schema import Recipe


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        SpecError: not readable, not YAML, or a key or value is wrong; task settings included.
    """
    from odqa.training.tasks import task_class

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError("recipe cannot be read", where=str(path), cure="check the path") from error
    except yaml.YAMLError as error:
        raise SpecError(f"not YAML ({_one_line(error)})", where=str(path)) from error
    try:
        recipe = Recipe.model_validate(raw)
        settings = task_class(recipe.task).Settings.model_validate(recipe.settings)
    except ValidationError as error:
        raise SpecError(_problems(error), where=str(path), cure="correct the recipe") from error
    sources = {"nq", *recipe.data.reading}
    if unknown := sorted(set(recipe.data.weights) - sources):
        raise SpecError(
            f"data.weights names '{unknown[0]}', which is no source",
            where=str(path),
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


def _problems(error: ValidationError) -> str:
    return ", ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'recipe'}: {problem['msg']}"
        for problem in error.errors()
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
