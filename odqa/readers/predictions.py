"""A prediction file as reader: another system's answers take part in the comparison."""

from __future__ import annotations

import logging
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


_LOG = logging.getLogger(__name__)
#: How many names a warning gives.
_NAMED = 3


class PredictionsConfig(ComponentConfig):
    """Parameters of `PredictionsReader`."""

    path: PathText = Field(
        description="Answers by question id or text: {id: answer} or a list (.json), or lines "
        "(.jsonl), plain or gzipped; relative to the working folder."
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
    #: All at once, so that what the file lacks can be counted.
    questions_per_call = 1_000_000

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
        texts = self._predictions.of(questions)
        if len(questions) > 1:
            self._warn(questions)
        return [Answer(text or "", 0.0) for text in texts]

    def _warn(self, questions: Sequence[Query]) -> None:
        missing, unknown = self._predictions.uncovered(questions)
        if missing:
            _LOG.warning(
                "%s: no prediction for %d of %d questions, which count as wrong: %s",
                self.config.path,
                len(missing),
                len(questions),
                _first(missing),
            )
        if unknown:
            _LOG.warning(
                "%s: %d predictions are for other questions: %s",
                self.config.path,
                len(unknown),
                _first(unknown),
            )

    def describe(self) -> Mapping[str, str]:
        """How many questions the file answers."""
        return {"predictions": self.config.path, "questions": str(len(self._predictions))}


def _first(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
