"""A run of another system (TREC run, or DPR's retrieval JSON) over a dataset of odqa."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.data.by_question import ByQuestion
from odqa.data.dpr_results import read_dpr_results
from odqa.data.paths import is_file
from odqa.data.trec import read_run
from odqa.errors import DataError
from odqa.interfaces import StageConfig
from odqa.types import Hit

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus

Run = ByQuestion[list[Hit]]


class RunFileConfig(StageConfig):
    """Parameters of the components that look their hits up in a file."""

    path: PathText = Field(
        description="TREC run file, or DPR's retrieval results (.json), plain or gzipped; "
        "relative to the working folder."
    )

    def identity(self) -> Mapping[str, object]:
        """The file enters by its content; ``prepare`` reports a missing one."""
        return {"k": self.k, "run": content_or_path(self.path)}


def content_or_path(path: str) -> str:
    """SHA-256 (hex) of a file's content; the path itself where there is no file to be read."""
    file = Path(path)
    try:
        if is_file(file):
            with file.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        pass
    return path


def read_foreign_run(path: Path, corpus: Corpus) -> Run:
    """Hits by question, best first, their ids as the corpus has them.

    DPR's ids may have their source as a prefix (``wiki:123``); it is removed where the corpus has
    only the id without it.

    Raises:
        DataError: the file cannot be read, or names passages that the corpus does not have.
    """
    rows: Sequence[tuple[str, str | None, str | None, list[Hit]]]
    if ".json" in path.suffixes[-2:]:
        rows = read_dpr_results(path)
    else:
        rows = [(str(path), key, None, hits) for key, hits in read_run(path).items()]
    names = _names([hit.passage_id for *_, hits in rows for hit in hits], corpus, path)
    run: Run = ByQuestion(path)
    for where, question_id, text, hits in rows:
        corpus_hits = [Hit(names[hit.passage_id], hit.score) for hit in hits]
        run.add(corpus_hits, where, question_id, text)
    return run


def _names(ids: list[str], corpus: Corpus, path: Path) -> dict[str, str]:
    """Id in the file -> id in the corpus."""
    names = {passage_id: passage_id for passage_id in ids}
    rows = corpus.find(list(names))
    unknown = [passage_id for passage_id, row in zip(names, rows, strict=True) if row is None]
    names |= {passage_id: passage_id.partition(":")[2] or passage_id for passage_id in unknown}
    try:
        corpus.rows([names[passage_id] for passage_id in unknown])
    except DataError as error:
        raise DataError(error.what, where=str(path), cure=error.cure) from None
    return names
