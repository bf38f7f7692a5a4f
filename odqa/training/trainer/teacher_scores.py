"""Teacher scores: those of a trained ranker on training questions, for distillation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from odqa.cache.kept import note_kept
from odqa.data.trec import write_run
from odqa.errors import SpecError
from odqa.progress import progress
from odqa.training.data.instances import retriever_scores
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.load_recipe import load_recipe
from odqa.training.recipes import Recipe
from odqa.types import Hit


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
            cure="use the recipe of a cross-encoder or retro-ranker",
        )
    task = kind.load(recipe)
    model = task.build()
    sha256 = load_trained(task, model, weights)
    model.eval()
    partial = out.with_name(f"{out.name}.partial-{_digest(recipe, sha256, depth, sources)}")
    scores = _read_partial(partial)
    questions = list(_questions_of(task.data.train, sources))
    remaining = [labelled for labelled in questions if labelled.question.id not in scores]
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        torch.no_grad(),
        forward_precision(recipe.optim),
        partial.open("a", encoding="utf-8") as file,
    ):
        for labelled in progress(remaining, "teacher scores", unit="question"):
            mined = task.data.candidates.get(labelled.question.id, [])[:depth]
            ids = list(dict.fromkeys([labelled.gold_id, *(hit.passage_id for hit in mined)]))
            # The retriever's scores go along: a task may add them to its own.
            retrieved = zip(ids, retriever_scores(mined, ids), strict=True)
            hits = task.rank(model, labelled, [Hit(pid, score) for pid, score in retrieved])
            scores[labelled.question.id] = hits
            row = [labelled.question.id, [[hit.passage_id, hit.score] for hit in hits]]
            file.write(json.dumps(row) + "\n")
            file.flush()
            note_kept(partial)
    run = {labelled.question.id: scores[labelled.question.id] for labelled in questions}
    write_run(out, run, "teacher")
    partial.unlink()
    return out


def _read_partial(partial: Path) -> dict[str, list[Hit]]:
    """What an interrupted call has scored; the line it was writing does not count."""
    if not partial.is_file():
        return {}
    text = partial.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    if complete != text:
        partial.write_text(complete, encoding="utf-8")
    rows = (json.loads(line) for line in complete.splitlines())
    return {question: [Hit(pid, score) for pid, score in hits] for question, hits in rows}


def _digest(recipe: Recipe, weights: str, depth: int, sources: tuple[str, ...]) -> str:
    content = recipe.model_dump_json(exclude={"data": {"root", "mined"}})
    return hashlib.sha256(f"{content}{weights}{depth}{sources}".encode()).hexdigest()[:12]


def _questions_of(
    train: Mapping[str, Sequence[LabelledQuestion]], sources: tuple[str, ...]
) -> Iterator[LabelledQuestion]:
    for source in sources:
        yield from train.get(source, [])
