"""What readers with an encoder-decoder have in common: FiD and RAG.

Passages are encoded apart; how one answer comes of their states is each reader's own.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.seq2seq import Generated, Seq2Seq, load_seq2seq
from odqa.errors import CheckpointError
from odqa.interfaces import ModelConfig, Reader
from odqa.prepared_component import ModelComponent
from odqa.progress import progress
from odqa.readers.evidence import with_evidence
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache


class GenerativeConfig(ModelConfig):
    """Parameters of these readers."""

    checkpoint: PathText = Field(
        description="Folder, embedded:NAME or hub id of an encoder-decoder (T5, BART)."
    )
    passages: int = Field(
        10, ge=1, le=100_000, description="How many of the best passages are read."
    )
    max_length: int = Field(
        200,
        ge=8,
        le=1_000_000,
        description="Tokens of question, title and text of one passage; the rest is cut.",
    )
    max_answer_tokens: int = Field(
        32, ge=1, le=1_000_000, description="Longest answer, its end included."
    )
    beams: int = Field(1, ge=1, le=100, description="Beams of the search; 1 is greedy.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Passages per forward pass.")


C = TypeVar("C", bound=GenerativeConfig, covariant=True)


class GenerativeReader(Reader[C], ModelComponent[C, Seq2Seq]):
    """Generates an answer from the encoder's states of the best passages.

    The score is the log-probability of the answer, its end included. Evidence is the first passage
    that holds the answer.
    """

    #: What the progress bar calls it.
    label: ClassVar[str]
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    @abstractmethod
    def _text(self, question: str, passage: Passage) -> str:
        """What the encoder reads of one passage."""

    @abstractmethod
    def _generate(
        self, states: Sequence[Sequence[Tensor]], hits: Sequence[Sequence[Hit]]
    ) -> list[Generated]:
        """One answer per question.

        Args:
            states: question -> passage -> encoder states [tokens, width].
            hits: those that are read, of every question.
        """

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        answers = [Answer("", 0.0)] * len(questions)
        answerable = [i for i, question_hits in enumerate(hits) if question_hits]
        size = max(1, self.config.batch_size // self.config.passages)
        starts = range(0, len(answerable), size)
        for start in progress(starts, f"{self.label} reads", len(starts), unit="batch"):
            batch = answerable[start : start + size]
            read = [hits[i][: self.config.passages] for i in batch]
            of_batch = self._read([questions[i] for i in batch], read)
            for i, answer in zip(batch, of_batch, strict=True):
                answers[i] = answer
        return answers

    def describe(self) -> dict[str, str]:
        beams = self.config.beams
        return {
            **self._model.facts(),
            "passages": str(self.config.passages),
            "passage tokens (at most)": str(self.config.max_length),
            "search": "greedy" if beams == 1 else f"{beams} beams",
        }

    def _load(self, cache: Cache) -> Seq2Seq:
        config = self.config
        return load_seq2seq(
            config.checkpoint,
            cache,
            max_length=config.max_length,
            max_new=config.max_answer_tokens,
            device=config.device,
            precision=config.precision,
        )

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id) for hit in hits[: self.config.passages]]

    def _rows(self, question: Query, passages: Sequence[Passage]) -> list[list[int]]:
        """Token ids of every passage with the question."""
        texts = [self._text(question.text, passage) for passage in passages]
        return self._model.tokenise(texts, self.config.max_length)

    def _read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        model = self._model
        passages = [self._passages(question_hits) for question_hits in hits]
        rows = [self._rows(*pair) for pair in zip(questions, passages, strict=True)]
        flat = iter(model.encode([row for part in rows for row in part], self.config.batch_size))
        generated = self._generate([[next(flat) for _ in part] for part in rows], hits)
        for question, one in zip(questions, generated, strict=True):
            if not math.isfinite(one.score):
                raise CheckpointError(
                    f"scores the answer to question '{question.id}' with no finite number (NaN or "
                    "infinity)",
                    where=self.config.checkpoint,
                    cure=not_finite_cure(model.dtype),
                )
        return [
            with_evidence(model.text(one.ids), one.score, read)
            for one, read in zip(generated, passages, strict=True)
        ]
