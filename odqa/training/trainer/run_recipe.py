"""One training: from a recipe that has been read, from scratch or from the last checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from odqa.checkpoints.trained import CURVE, RECIPE
from odqa.errors import RunError
from odqa.training.recipes import Recipe
from odqa.training.trainer.checkpoints import Checkpoints
from odqa.training.trainer.drafts import unwritable, write_whole

_LOCK = ".lock"


def train_recipe(
    recipe: Recipe,
    out: Path,
    resume: bool = False,
    chosen_by: Sequence[Mapping[str, float]] | None = None,
) -> Path:
    """Train one recipe as it stands, and write what it trained.

    Args:
        recipe: what is trained.
        out: folder of the run.
        resume: go on from the last whole checkpoint.
        chosen_by: the learning curve that its number of steps was chosen by, where it has none of
            its own.
    """
    content = recipe_content(recipe)
    checkpoints = Checkpoints(out / "checkpoints", hashlib.sha256(content.encode()).hexdigest())
    _check_folder(out, content, checkpoints, resume)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    from transformers import set_seed

    from odqa.training.model.lora import kept
    from odqa.training.model.trained_weights import initialise_from
    from odqa.training.tasks import task_class
    from odqa.training.trainer.task_trainer import TaskTrainer, learning_curve

    task = task_class(recipe.task).load(recipe)
    set_seed(recipe.seed)
    model = task.build()
    if recipe.start is not None:
        initialise_from(task, model, recipe.start)
    with _alone(out):
        recipe_is_known = _check_folder(out, content, checkpoints, resume)
        checkpoint = checkpoints.latest(recipe_is_known=recipe_is_known)
        write_whole(out / RECIPE, lambda draft: draft.write_text(content, encoding="utf-8"))
        trainer = TaskTrainer(task, model, checkpoints)
        if checkpoint is not None and trainer.has_ended(checkpoint):
            trainer.restore(checkpoint)
        else:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        curve = chosen_by or learning_curve(trainer.state.log_history)
        with kept(trainer.model, recipe.lora.keep):
            for name, trained in task.trained(trainer.model).items():
                # Bound now: the draft is written before the loop goes on.
                write_whole(out / name, lambda draft: task.write(draft, name, trained, curve))  # noqa: B023
        rows = json.dumps(curve, indent=1)
        write_whole(out / CURVE, lambda draft: draft.write_text(rows, encoding="utf-8"))
    return out


def recipe_content(recipe: Recipe) -> str:
    """What decides a training, as JSON: not where its files lie."""
    return recipe.model_dump_json(exclude={"data": {"root", "mined"}, "start": True})


def _check_folder(out: Path, content: str, checkpoints: Checkpoints, resume: bool) -> bool:
    """Whether the folder says that its checkpoints are of this recipe.

    Raises:
        RunError: it holds a run that is not to be resumed, or one by another recipe.
    """
    recipe = _read_recipe(out / RECIPE)
    has_run = recipe is not None or bool(checkpoints.steps())
    if has_run and not resume:
        if (out / CURVE).is_file():
            raise RunError(
                "holds a run that has ended", where=str(out), cure="name another folder with --out"
            )
        what = "" if checkpoints.steps() else ", stopped before its first checkpoint"
        raise RunError(
            f"holds a run that has not ended{what}",
            where=str(out),
            cure="go on with --resume, or name another folder with --out",
        )
    if recipe is not None and recipe != content:
        raise RunError("was started with another recipe", where=str(out), cure="name another")
    return recipe is not None


def _read_recipe(path: Path) -> str | None:
    """The recipe of a run; `None` without one, or with a part of one, left by a kill."""
    try:
        content = path.read_text(encoding="utf-8")
        json.loads(content)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise RunError(f"cannot be read ({error.strerror})", where=str(path)) from None
    return content


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """The folder, made where it is missing, for one process at a time."""
    from filelock import FileLock, Timeout

    lock = FileLock(out / _LOCK)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise RunError(
            "another process trains there", where=str(out), cure="wait for it, or name another"
        ) from None
    except OSError as error:
        raise unwritable(error, out) from error
    try:
        yield
    finally:
        lock.release()
