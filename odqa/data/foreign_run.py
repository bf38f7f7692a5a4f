"""A run of another system (TREC run, or DPR's retrieval JSON) over our questions and passages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.data.by_question import ByQuestion
from odqa.data.dpr_results import read_dpr_results
from odqa.data.trec import read_run
from odqa.errors import DataError
from odqa.interfaces import StageConfig
from odqa.types import Hit

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus

Run = ByQuestion[list[Hit]]


class RunFileConfig(StageConfig):
    """Parameters of the components that look their hits up in a file."""

    path: str = Field(
        description="TREC run file, or DPR's retrieval results (.json), plain or gzipped; "
        "relative to the working folder."
    )

    def identity(self) -> Mapping[str, object]:
        """The file counts by its content; a missing one is reported by ``prepare``."""
        return {"k": self.k, "run": content_or_path(self.path)}


def content_or_path(path: str) -> str:
    """SHA-256 (hex) of a file's content; the path itself where there is no file."""
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else path


def read_foreign_run(path: Path, corpus: Corpus) -> Run:
    """Hits by question, best first, their ids as the corpus has them.

    DPR's ids may carry the name of their source (``wiki:123``); it is taken off where the corpus
    knows only the rest.

    Raises:
        DataError: the file cannot be read, or names passages that the corpus does not have.
    """
    placed: Sequence[tuple[str, str | None, str | None, list[Hit]]]
    if ".json" in path.suffixes[-2:]:
        placed = read_dpr_results(path)
    else:
        placed = [(str(path), key, None, hits) for key, hits in read_run(path).items()]
    names = _names([hit.passage_id for *_, hits in placed for hit in hits], corpus, path)
    run: Run = ByQuestion(path)
    for where, question_id, text, hits in placed:
        known = [Hit(names[hit.passage_id], hit.score) for hit in hits]
        run.add(known, where, question_id, text)
    return run


def _names(ids: list[str], corpus: Corpus, path: Path) -> dict[str, str]:
    """Id in the file -> id in the corpus."""
    names = {each: each for each in ids}
    rows = corpus.find(list(names))
    unknown = [each for each, row in zip(names, rows, strict=True) if row is None]
    names |= {each: each.partition(":")[2] or each for each in unknown}
    try:
        corpus.rows([names[each] for each in unknown])
    except DataError as error:
        raise DataError(error.what, where=str(path), cure=error.cure) from None
    return names
