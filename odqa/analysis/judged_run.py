"""A run with the judgements of its questions, and its figures as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from odqa.data.qrels import Qrels, read_qrels
from odqa.data.trec import read_run
from odqa.errors import DataError
from odqa.metrics.retrieval import ranking_figures
from odqa.types import Hit

Run = Mapping[str, Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """Hits by question, best first, and the relevance of passages by question.

    At least one question of the run has a relevant passage. ``where`` is its file, for error
    messages.
    """

    hits: Run
    qrels: Qrels
    where: str = ""

    def figures(self) -> dict[str, float]:
        """R@1, R@5 and MRR@10: means over the judged questions of the run."""
        return ranking_figures(self.hits, self.qrels)

    def judged(self) -> list[str]:
        """Questions of the run that have a relevant passage, in its order."""
        return [
            question
            for question in self.hits
            if any(grade > 0 for grade in self.qrels.get(question, {}).values())
        ]


def read_judged_run(run: Path, qrels: Path) -> JudgedRun:
    """Read a TREC run and the qrels of its questions.

    Raises:
        DataError: a file is missing or broken, or no question of the run has a relevant passage.
    """
    judged_run = JudgedRun(read_run(run), read_qrels(qrels), str(run))
    if not judged_run.judged():
        raise DataError(
            f"no question of {run} has a relevant passage in it",
            where=str(qrels),
            cure="pass a run and the qrels of the same questions",
        )
    return judged_run


def figure_line(label: str, figures: Mapping[str, float]) -> str:
    """``label: R@1 0.500  R@5 …``."""
    cells = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
    return f"{label}: {cells}"
