"""The pool of a finished run: the passages that it found or that are judged, as a corpus.

Exact search over the pool returns the same best k as over the whole corpus, so that rankers whose
offline side is large (keys and values of every passage) can be compared at a fraction of its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.analysis.judged_run import Run
from odqa.comparison.run_files import MANIFEST, RunFiles, read_manifest, refuse_links_out
from odqa.data.dpr_tsv import write_passages
from odqa.data.qrels import Qrels, read_qrels, write_qrels
from odqa.data.trec import read_run, write_run
from odqa.errors import DataError, RunError
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages that a pipeline of a finished run retrieved.

    Attributes:
        pipeline: its name.
        hits: question id -> best passages.
        qrels: relevance judgements; empty where the run has none.
    """

    pipeline: str
    hits: Run
    qrels: Qrels

    def rows(self, corpus: Corpus) -> list[int]:
        """Rows of the passages that the hits or the judgements name, ascending.

        Judged passages that the corpus lacks are left out.

        Raises:
            DataError: the corpus lacks a hit.
        """
        retrieved = {hit.passage_id for hits in self.hits.values() for hit in hits}
        judged = {passage for grades in self.qrels.values() for passage in grades}
        rows = {*corpus.rows(sorted(retrieved)), *corpus.find(sorted(judged))}
        return sorted(row for row in rows if row is not None)


def read_retrieved(folder: Path, pipeline: str, k: int) -> Retrieved:
    """The best k retrieved passages of each question of a run, and its judgements.

    Args:
        folder: of a finished run or comparison.
        pipeline: whose retriever is taken.
        k: passages per question.

    Raises:
        RunError: there is no such run or pipeline. DataError: a file is broken.
    """
    if not (folder / "pipelines").is_dir():
        raise RunError(
            "is no run folder",
            where=str(folder),
            cure="pass one that odqa run or odqa compare finished",
        )
    names = [path.name for path in (folder / "pipelines").iterdir()]
    if pipeline not in names:
        raise RunError(
            f"no pipeline '{pipeline}'", where=str(folder), cure=did_you_mean(pipeline, names)
        )
    refuse_links_out(folder)
    is_listed = (folder / MANIFEST).is_file()
    files = read_manifest(folder)[1] if is_listed else RunFiles(folder, None)
    hits = read_run(files.path(f"pipelines/{pipeline}/retrieved.trec"))
    qrels = files.find("gold.qrels")
    return Retrieved(
        pipeline,
        {question: best[:k] for question, best in hits.items()},
        {} if qrels is None else read_qrels(qrels),
    )


def write_pool(retrieved: Retrieved, corpus: Corpus, out: Path) -> int:
    """Write ``passages.tsv``, in the order of the corpus, ``first-stage.run`` and ``gold.qrels``.

    Without judgements there is no ``gold.qrels``.

    Args:
        retrieved: what is pooled.
        corpus: the passages that were searched.
        out: folder to write into.

    Returns:
        How many passages the pool has.

    Raises:
        DataError: the corpus is another one, or ``out`` cannot be written.
    """
    rows = retrieved.rows(corpus)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot be made ({error.strerror})", where=str(out), cure="choose another --out"
        ) from None
    write_passages(out / "passages.tsv", (corpus[row] for row in rows))
    write_run(out / "first-stage.run", retrieved.hits, retrieved.pipeline)
    if retrieved.qrels:
        write_qrels(out / "gold.qrels", retrieved.qrels)
    return len(rows)
