"""A run file as retriever: another system takes part in the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.foreign_run import RunFileConfig, read_foreign_run
from odqa.interfaces import Retriever
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class RunFileRetriever(Retriever[RunFileConfig]):
    """Hits of a run file (TREC, or DPR's retrieval JSON), looked up by question."""

    Config = RunFileConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Read the file and check that its passages exist.

        Raises:
            DataError: the file cannot be read, or names passages that the corpus does not have.
        """
        self._run = read_foreign_run(Path(self.config.path), corpus)

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        """The best ``k`` of the file; a question that it does not have gets no hits.

        Raises:
            DataError: the file was made for another question set.
        """
        return [(hits or [])[:k] for hits in self._run.of(queries)]

    def describe(self) -> Mapping[str, str]:
        """How many questions the file answers."""
        return {"run": self.config.path, "questions": str(len(self._run))}
