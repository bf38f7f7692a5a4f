"""Fusion-in-Decoder (Izacard and Grave 2021): passages are encoded apart and read together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.seq2seq import Seq2Seq, load_seq2seq
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, Reader
from odqa.prepared_component import Opened, PreparedComponent
from odqa.progress import progress
from odqa.readers.evidence import with_evidence
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus


class FidConfig(ModelConfig):
    """Parameters of the Fusion-in-Decoder reader."""

    checkpoint: PathText = Field(
        "embedded:fid",
        description="Folder, embedded:NAME or hub id of an encoder-decoder (T5, BART).",
    )
    passages: int = Field(
        10, ge=1, le=100_000, description="How many of the best passages are read (n)."
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


class FidReader(Reader[FidConfig], PreparedComponent[FidConfig, Seq2Seq, None]):
    """Generates the answer from the states of all passages, concatenated (section 3).

    The score is the log-probability of the answer, its end included. Evidence is the first passage
    that holds the answer.
    """

    Config = FidConfig
    type_name = "fid"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        answers = [Answer("", 0.0)] * len(questions)
        answerable = [i for i, question_hits in enumerate(hits) if question_hits]
        size = max(1, self.config.batch_size // self.config.passages)
        starts = range(0, len(answerable), size)
        for start in progress(starts, "FiD reads", len(starts), unit="batch"):
            batch = answerable[start : start + size]
            passages = [self._passages(hits[i]) for i in batch]
            read = self._read([questions[i] for i in batch], passages)
            for i, answer in zip(batch, read, strict=True):
                answers[i] = answer
        return answers

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Every passage encoded once, and ``max_answer_tokens`` decoded over all, beam by beam."""
        rows = self._rows(question, self._passages(hits))
        if not rows:
            return Cost(self._model.parameters, 0.0)
        lengths, beams = [len(row) for row in rows], self.config.beams
        one = self._model.cost(lengths, self.config.max_answer_tokens)
        encoded = self._model.cost(lengths, 0)
        if one.gflop is None or encoded.gflop is None:
            return one
        return Cost(one.parameters, encoded.gflop + beams * (one.gflop - encoded.gflop))

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

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[None]:
        return Opened(None)

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id) for hit in hits[: self.config.passages]]

    def _rows(self, question: Query, passages: Sequence[Passage]) -> list[list[int]]:
        texts = [fid_text(question.text, passage) for passage in passages]
        return self._model.tokenise(texts, self.config.max_length)

    def _read(
        self, questions: Sequence[Query], passages: Sequence[Sequence[Passage]]
    ) -> list[Answer]:
        import torch

        model = self._model
        rows = [self._rows(*pair) for pair in zip(questions, passages, strict=True)]
        states = model.encode([row for part in rows for row in part], self.config.batch_size)
        joined, at = [], 0
        for part in rows:
            joined.append(torch.cat(states[at : at + len(part)]))
            at += len(part)
        generated = model.generate(
            joined, max_new=self.config.max_answer_tokens, beams=self.config.beams
        )
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


def fid_text(question: str, passage: Passage) -> str:
    """What the encoder reads: the words of the paper before question, title and text."""
    return f"question: {question} title: {passage.title} context: {passage.text}"
