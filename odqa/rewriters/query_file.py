"""Rewritten questions from a file, by a language model or another tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.data.foreign_run import content_or_path
from odqa.data.query_file import read_query_file
from odqa.errors import DataError
from odqa.interfaces import Rewriter, RewriterConfig
from odqa.types import Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class QueryFileConfig(RewriterConfig):
    """Parameters of `QueryFileRewriter`."""

    path: PathText = Field(
        description="JSON lines with id or question, and queries: a list of texts; plain or "
        "gzipped; relative to the working folder."
    )

    def identity(self) -> Mapping[str, object]:
        """The file enters by its content; ``prepare`` reports a missing one."""
        return {"by": self.by, "queries": content_or_path(self.path)}


class QueryFileRewriter(Rewriter[QueryFileConfig]):
    """Looks up the texts to search for by question."""

    Config = QueryFileConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Read the file.

        Raises:
            DataError: it cannot be read.
        """
        self._queries = read_query_file(Path(self.config.path))

    def rewrite(self, queries: Sequence[Query]) -> list[list[str]]:
        """The texts of the file.

        Raises:
            DataError: the file lacks a question, which would be taken for a rewritten one.
        """
        rewritten = self._queries.of(queries)
        for query, texts in zip(queries, rewritten, strict=True):
            if texts is None:
                raise DataError(
                    f"has nothing for question '{query.id}'",
                    where=self.config.path,
                    cure="give every question a line",
                )
        return [list(texts) for texts in rewritten if texts is not None]

    def describe(self) -> Mapping[str, str]:
        """How many questions the file rewrites."""
        return {"queries": self.config.path, "questions": str(len(self._queries))}
