"""Scores of training questions' candidates as a run file; stopped, it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from odqa.cache.kept import note_kept
from odqa.data.trec import write_run
from odqa.progress import progress
from odqa.training.data.instances import retriever_scores
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.types import Hit


def write_candidate_scores(
    data: TrainingData,
    out: Path,
    rank: Callable[[LabelledQuestion, list[Hit]], list[Hit]],
    *,
    depth: int,
    sources: Sequence[str],
    digest: str,
) -> Path:
    """Score the gold passage and the best candidates of each training question.

    Args:
        data: questions, candidates and passages.
        out: the run file to write, TREC format.
        rank: hits of one question, which have the retriever's scores, with those of the teacher.
        depth: candidates per question.
        sources: whose questions.
        digest: of everything that the scores depend on; ``OUT.partial-DIGEST`` keeps what was
            scored.

    Returns:
        ``out``.
    """
    partial = out.with_name(f"{out.name}.partial-{digest}")
    scores = _read_partial(partial)
    questions = [labelled for source in sources for labelled in data.train.get(source, [])]
    remaining = [labelled for labelled in questions if labelled.question.id not in scores]
    out.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("a", encoding="utf-8") as file:
        for labelled in progress(remaining, "teacher scores", unit="question"):
            mined = data.candidates.get(labelled.question.id, [])[:depth]
            ids = list(dict.fromkeys([labelled.gold_id, *(hit.passage_id for hit in mined)]))
            # The retriever's scores go along: a task may add them to its own.
            retrieved = zip(ids, retriever_scores(mined, ids), strict=True)
            hits = rank(labelled, [Hit(pid, score) for pid, score in retrieved])
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
