"""A prediction file as reader: another system's answers take part in the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.data.foreign_run import content_or_path
from odqa.data.predictions import read_predictions
from odqa.interfaces import ComponentConfig, Reader
from odqa.types import Answer, Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class PredictionsConfig(ComponentConfig):
    """Parameters of `PredictionsReader`."""

    path: PathText = Field(
        description="SQuAD's {id: answer} (.json) or NQ-open's predictions (.jsonl), plain or "
        "gzipped; relative to the working folder."
    )

    @property
    def reads_passages(self) -> bool:
        """The answers are in the file."""
        return False

    def identity(self) -> Mapping[str, object]:
        """The file enters by its content; ``prepare`` reports a missing one."""
        return {"predictions": content_or_path(self.path)}


class PredictionsReader(Reader[PredictionsConfig]):
    """Answers of a prediction file, looked up by question; passages are ignored."""

    Config = PredictionsConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Read the file.

        Raises:
            DataError: it cannot be read.
        """
        self._predictions = read_predictions(Path(self.config.path))

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        """The predictions, without evidence; a question that the file does not have gets none.

        Raises:
            DataError: the file was made for another question set.
        """
        return [Answer(text or "", 0.0) for text in self._predictions.of(questions)]

    def describe(self) -> Mapping[str, str]:
        """How many questions the file answers."""
        return {"predictions": self.config.path, "questions": str(len(self._predictions))}
