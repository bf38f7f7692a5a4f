"""A TREC run file in the place of a retriever: somebody else's system enters the comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.data.trec import read_run
from odqa.errors import ComponentError, DataError
from odqa.interfaces import Retriever, StageConfig
from odqa.types import Hit, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class RunFileConfig(StageConfig):
    """Parameters of `RunFileRetriever`."""

    path: str = Field(description="TREC run file over the same question and passage ids.")

    def identity(self) -> Mapping[str, object]:
        """The file counts by its content; a missing one is reported by ``prepare``."""
        path = Path(self.path)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else self.path
        return {"k": self.k, "run": content}


class RunFileRetriever(Retriever[RunFileConfig]):
    """Hits of a TREC run file, looked up by question id."""

    Config = RunFileConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Read the file and check that its passages exist.

        Raises:
            DataError: the file cannot be read, or names passages that the corpus does not have.
        """
        self._hits = read_run(Path(self.config.path))
        ids = list(dict.fromkeys(h.passage_id for hits in self._hits.values() for h in hits))
        try:
            corpus.rows(ids)
        except DataError as error:
            raise DataError(error.what, where=self.config.path, cure=error.cure) from None

    def retrieve(self, questions: Sequence[Question], k: int) -> list[list[Hit]]:
        """The best ``k`` of the file; a question that it does not have gets no hits.

        Raises:
            ComponentError: the file has none of a batch of questions.
        """
        if questions and not any(question.id in self._hits for question in questions):
            raise ComponentError(
                f"no hits for '{questions[0].id}' or any other question of its batch",
                where=self.config.path,
                cure="check that the run was made for this question set",
            )
        return [self._hits.get(question.id, [])[:k] for question in questions]

    def describe(self) -> Mapping[str, str]:
        """How many questions the file answers."""
        return {"run": self.config.path, "questions": str(len(self._hits))}
