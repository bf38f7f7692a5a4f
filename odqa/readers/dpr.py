"""DPR's reader (Karpukhin et al. 2020, section 6.1): a passage is selected, then a span of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.batches import equal_batches
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, Reader
from odqa.prepared_component import ModelComponent
from odqa.progress import progress
from odqa.readers.windows import word_spans
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache

# Questions whose passages are sorted by length together: full batches, bounded memory.
_GROUP = 16


class DprReaderConfig(ModelConfig):
    """Parameters of DPR's reader."""

    checkpoint: PathText = Field(
        description="Folder or hub id of a DPRReader, such as facebook/dpr-reader-single-nq-base."
    )
    passages: int = Field(
        24, ge=1, le=100_000, description="How many of the best passages one is selected from."
    )
    max_length: int = Field(
        350, ge=16, le=1_000_000, description="Tokens of question, title and text; the rest is cut."
    )
    max_answer_tokens: int = Field(10, ge=1, le=1_000_000, description="Longest answer.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Passages per forward pass.")


@dataclass(frozen=True, slots=True)
class DprInput:
    """One passage as the model reads it.

    Attributes:
        ids: ``[CLS] question [SEP] title [SEP] text``, without an end marker.
        first: position of the text's first token; ``len(ids)`` where none is left.
        starts, ends: int [text tokens], characters of each token's word in the text.
    """

    ids: list[int]
    first: int
    starts: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True, slots=True)
class DprSpan:
    """The best span of one passage: its tokens, counted from the text's first, and scores.

    ``relevance`` is the passage's own logit, ``span`` the log-probability of start and end in it.
    """

    relevance: float
    first: int
    last: int
    span: float


class DprReader(Reader[DprReaderConfig], ModelComponent[DprReaderConfig, TaskModel]):
    """Answers with the best span of the passage that its own relevance head finds the best.

    ``P_selected = softmax(P_hat^T w_r)`` over the passages read, ``P_start,i(s)`` and
    ``P_end,i(t)`` softmax over the passage's tokens; the score is the logarithm of their product.
    Incoming scores do not count. Spans are of the text alone, as in DPR's own code; those of
    transformers' ``decode_best_spans`` may lie in the title.
    """

    Config = DprReaderConfig
    type_name = "dpr"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        out: list[Answer] = []
        groups = range(0, len(questions), _GROUP)
        for start in progress(groups, "DPR reads", len(groups), unit="group"):
            group = slice(start, start + _GROUP)
            passages = [self._passages(question_hits) for question_hits in hits[group]]
            inputs = [
                self._inputs(question, of_question)
                for question, of_question in zip(questions[group], passages, strict=True)
            ]
            spans = iter(self._predict([one for part in inputs for one in part]))
            for question, of_question, part in zip(questions[group], passages, inputs, strict=True):
                found = [next(spans) for _ in part]
                out.append(self._answer(question, of_question, part, found))
        return out

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the tokens of each passage."""
        inputs = self._inputs(question, self._passages(hits))
        return self._model.cost(len(one.ids) for one in inputs)

    def describe(self) -> dict[str, str]:
        return {**self._model.facts(), "passage tokens (at most)": str(self.config.max_length)}

    def _load(self, cache: Cache) -> TaskModel:
        config = self.config
        return load_task_model(
            "DPRReader",
            config.checkpoint,
            cache,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
        )

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id) for hit in hits[: self.config.passages]]

    def _inputs(self, question: Query, passages: Sequence[Passage]) -> list[DprInput]:
        if not passages:
            return []
        tokenizer, most = self._model.tokenizer, self.config.max_length
        heads = tokenizer(
            [question.text] * len(passages), [p.title for p in passages], verbose=False
        )["input_ids"]
        texts = tokenizer([p.text for p in passages], add_special_tokens=False, verbose=False)
        out = []
        for head, text in zip(heads, texts.encodings, strict=True):
            ids = [*head, *text.ids][:most]
            size = max(0, len(ids) - len(head))
            _, starts, ends = word_spans(text) if text.ids else ((), np.empty(0), np.empty(0))
            out.append(DprInput(ids, len(ids) - size, starts[:size], ends[:size]))
        return out

    def _predict(self, inputs: Sequence[DprInput]) -> list[DprSpan | None]:
        """The best span of each passage; `None` for one whose scores are no finite numbers."""
        out: list[DprSpan | None] = [None] * len(inputs)
        for batch in equal_batches([len(one.ids) for one in inputs], self.config.batch_size):
            for i, span in zip(batch, self._forward([inputs[i] for i in batch]), strict=True):
                out[i] = span
        return out

    def _forward(self, inputs: Sequence[DprInput]) -> list[DprSpan | None]:
        import torch

        from odqa.readers.span_scores import best_spans, offset_between_windows

        output = self._model.forward(
            [{"input_ids": one.ids, "attention_mask": [1] * len(one.ids)} for one in inputs]
        )
        start, end = output.start_logits.float().cpu(), output.end_logits.float().cpu()
        relevance = output.relevance_logits.float().cpu()
        allowed = torch.zeros(start.shape, dtype=torch.bool)
        for row, one in enumerate(inputs):
            allowed[row, one.first : len(one.ids)] = True
        finite = ((start.isfinite() & end.isfinite()) | ~allowed).all(1) & relevance.isfinite()
        logits, first, last = best_spans(start, end, allowed, self.config.max_answer_tokens, 1)
        # The first token of the text stands in for [CLS], so that text tokens alone are counted.
        texts = torch.tensor([min(one.first, len(one.ids) - 1) for one in inputs])
        total = offset_between_windows(start, end, allowed, texts, "probability")
        return [
            DprSpan(
                float(relevance[row]),
                int(first[row, 0]) - one.first,
                int(last[row, 0]) - one.first,
                float(logits[row, 0] - total[row]),
            )
            if finite[row]
            else None
            for row, one in enumerate(inputs)
        ]

    def _answer(
        self,
        question: Query,
        passages: Sequence[Passage],
        inputs: Sequence[DprInput],
        spans: Sequence[DprSpan | None],
    ) -> Answer:
        for passage, span in zip(passages, spans, strict=True):
            if span is None:
                raise CheckpointError(
                    f"scores passage '{passage.id}' for question '{question.id}' with no finite "
                    "number (NaN or infinity)",
                    where=self.config.checkpoint,
                    cure=not_finite_cure(self._model.dtype),
                )
        # A passage of which no token is left cannot answer.
        known = [
            (passage, one, span)
            for passage, one, span in zip(passages, inputs, spans, strict=True)
            if span is not None and len(one.starts)
        ]
        if not known:
            return Answer("", 0.0)
        passage, one, best = max(known, key=lambda row: row[2].relevance)
        total = _log_sum([span.relevance for _, _, span in known])
        start, end = int(one.starts[best.first]), int(one.ends[best.last])
        score = best.relevance - total + best.span
        return Answer(passage.text[start:end], score, passage.id, start, end)


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(value - top) for value in values))
