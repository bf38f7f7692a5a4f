"""Extractive reader: the answer is the best span of the best passages.

Spans of all passages compete; the ranker's score enters as a prior over passages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from odqa.bounds import PathText
from odqa.encoders.batches import equal_batches
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.errors import CheckpointError, DataError
from odqa.interfaces import Cost, ModelConfig, Reader
from odqa.prepared_component import ModelComponent
from odqa.progress import progress
from odqa.readers.merge import Compare, merged, passage_prior
from odqa.readers.windows import Window, make_windows
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache


# Candidate spans kept per window; later steps merge equal ones.
_PER_WINDOW = 20
# Characters of a passage: a thousand windows. It is read whole or not at all.
_LONGEST = 1_000_000
# Questions whose windows are sorted by length together: full batches, bounded memory.
_GROUP = 16


class ExtractiveConfig(ModelConfig):
    """Parameters of the extractive reader."""

    checkpoint: PathText = Field(
        "embedded:reader",
        description="Folder, embedded:NAME or hub id of an extractive question answering model.",
    )
    passages: int = Field(
        10, ge=1, le=100_000, description="How many of the best passages are read."
    )
    title: bool = Field(True, description="Show the model the title too; answers come from text.")
    max_length: int = Field(
        384, ge=16, le=1_000_000, description="Tokens per window, question included."
    )
    doc_stride: int = Field(
        128, ge=1, le=1_000_000, description="Tokens that neighbouring windows share."
    )
    max_answer_tokens: int = Field(30, ge=1, le=1_000_000, description="Longest answer.")
    compare: Compare = Field(
        "logits",
        description="How spans of different passages compare: by logits, by odds against no answer "
        "(for models trained on SQuAD 2.0), or by probability within the window.",
    )
    passage_weight: float = Field(
        1.0, ge=0, description="Weight of the log-probability of the passage; 0: reader only."
    )
    aggregate: bool = Field(
        False, description="Add up the probability of equal answers from several spans."
    )
    null_threshold: float | None = Field(
        None,
        description="Abstain where no answer scores higher than the answer by more than this.",
    )
    batch_size: int = Field(16, ge=1, le=65_536, description="Windows per forward pass.")

    @model_validator(mode="after")
    def _windows_advance(self) -> ExtractiveConfig:
        if self.max_length < 2 * self.doc_stride + 8:
            raise ValueError(
                f"max_length {self.max_length} is too small for doc_stride {self.doc_stride}; "
                f"use at least {2 * self.doc_stride + 8}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Span:
    """A candidate answer: offsets in the passage's text, and scores.

    ``score`` compares spans of different windows; ``logit`` (start + end) and
    ``null`` (the window's score of "no answer") are the model's own.
    """

    passage: int
    start: int
    end: int
    score: float
    logit: float
    null: float


class ExtractiveReader(Reader[ExtractiveConfig], ModelComponent[ExtractiveConfig, TaskModel]):
    """Answers with a span of one of the first ``passages`` hits."""

    Config = ExtractiveConfig
    type_name = "extractive"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        out: list[Answer] = []
        groups = range(0, len(questions), _GROUP)
        for start in progress(groups, "reading", len(groups), unit="group"):
            group = slice(start, start + _GROUP)
            n_best = self._n_best(questions[group], hits[group], 1)
            out.extend(best[0] if best else Answer("", 0.0) for best in n_best)
        return out

    def spans(self, question: Query, hits: Sequence[Hit], n: int) -> list[Answer]:
        """The ``n`` best different answers to one question, best first.

        An empty answer means that the reader abstains; without passages the list is empty.
        """
        return self._n_best([question], [hits], n)[0]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the tokens of each window."""
        windows = self._windows(question, self._passages(hits))
        return self._model.cost(len(window.features["input_ids"]) for window in windows)

    def describe(self) -> dict[str, str]:
        return {**self._model.facts(), "window tokens (at most)": str(self.config.max_length)}

    def _load(self, cache: Cache) -> TaskModel:
        config = self.config
        return load_task_model(
            "AutoModelForQuestionAnswering",
            config.checkpoint,
            cache,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
        )

    def _n_best(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], n: int
    ) -> list[list[Answer]]:
        passages = [self._passages(question_hits) for question_hits in hits]
        windows = [
            (i, window)
            for i, question in enumerate(questions)
            for window in self._windows(question, passages[i])
        ]
        spans: list[list[Span]] = [[] for _ in questions]
        for (i, window), window_spans in zip(
            windows, self._predict([w for _, w in windows]), strict=True
        ):
            if window_spans is None:
                raise CheckpointError(
                    f"scores words of passage '{passages[i][window.passage].id}' for question "
                    f"'{questions[i].id}' with no finite number (NaN or infinity)",
                    where=self.config.checkpoint,
                    cure=not_finite_cure(self._model.dtype),
                )
            spans[i].extend(window_spans)
        return [
            self._decide(*of_question)[:n]
            for of_question in zip(spans, passages, hits, strict=True)
        ]

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        corpus = self._corpus
        passages = [corpus.get(hit.passage_id) for hit in hits[: self.config.passages]]
        for passage in passages:
            if (length := len(passage.full_text)) > _LONGEST:
                raise DataError(
                    f"passage '{passage.id}' has {length:,} characters, too many to be read whole",
                    where=f"corpus {corpus.name}",
                    cure=f"split it into passages, of {_LONGEST:,} characters at most",
                )
        return passages

    def _windows(self, question: Query, passages: Sequence[Passage]) -> list[Window]:
        return make_windows(
            self._model.tokenizer,
            question.text,
            passages,
            max_length=self.config.max_length,
            doc_stride=self.config.doc_stride,
            title=self.config.title,
        )

    def _predict(self, windows: Sequence[Window]) -> list[list[Span] | None]:
        """The best spans of each window; `None` for one whose scores are no finite numbers."""
        out: list[list[Span] | None] = [[] for _ in windows]
        lengths = [len(window.allowed) for window in windows]
        for batch in equal_batches(lengths, self.config.batch_size):
            batch_spans = self._forward([windows[i] for i in batch])
            for i, spans in zip(batch, batch_spans, strict=True):
                out[i] = spans
        return out

    def _forward(self, windows: Sequence[Window]) -> list[list[Span] | None]:
        import torch

        from odqa.readers.span_scores import best_spans, null_scores, offset_between_windows
        from odqa.readers.window_logits import window_logits

        read = window_logits(self._model, windows)
        start, end, allowed, null = read.start, read.end, read.allowed, read.null
        counted = allowed.clone()
        counted[torch.arange(len(windows)), null] = True
        finite = ((start.isfinite() & end.isfinite()) | ~counted).all(dim=1).tolist()
        logits, first, last = best_spans(
            start, end, allowed, self.config.max_answer_tokens, _PER_WINDOW
        )
        nulls = null_scores(start, end, null)
        shift = offset_between_windows(start, end, allowed, null, self.config.compare)
        return [
            [
                Span(
                    window.passage,
                    int(window.starts[i]),
                    int(window.ends[j]),
                    logit - float(shift[row]),
                    logit,
                    float(nulls[row]),
                )
                for logit, i, j in zip(
                    logits[row].tolist(), first[row].tolist(), last[row].tolist(), strict=True
                )
                if math.isfinite(logit)
            ]
            if finite[row]
            else None
            for row, window in enumerate(windows)
        ]

    def _decide(
        self, spans: Sequence[Span], passages: Sequence[Passage], hits: Sequence[Hit]
    ) -> list[Answer]:
        if not spans:
            return []
        weight = self.config.passage_weight
        prior = [0.0] * len(passages)
        if weight > 0:
            prior = [weight * p for p in passage_prior([h.score for h in hits[: len(passages)]])]
        candidates: dict[tuple[int, int, int], Span] = {}
        for span in spans:
            key = (span.passage, span.start, span.end)
            if key not in candidates or span.score > candidates[key].score:
                candidates[key] = span
        ranked = sorted(candidates.values(), key=lambda s: -(s.score + prior[s.passage]))
        answers = [
            Answer(
                passages[s.passage].text[s.start : s.end],
                s.score + prior[s.passage],
                passages[s.passage].id,
                s.start,
                s.end,
            )
            for s in ranked
        ]
        answers = merged(answers, add=self.config.aggregate)
        threshold = self.config.null_threshold
        if threshold is not None:
            # SQuAD 2.0: the lowest score of a window counts for all of them.
            null = min(span.null for span in spans)
            if null - ranked[0].logit > threshold:
                answers.insert(0, Answer("", null))
        return answers
