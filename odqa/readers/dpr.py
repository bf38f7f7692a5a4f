"""DPR's reader (Karpukhin et al. 2020, section 6.1): a passage is selected, then a span of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.batches import equal_batches
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, Reader
from odqa.prepared_component import ModelComponent
from odqa.progress import progress
from odqa.readers.dpr_spans import DprInput, DprSpan, dpr_answer, dpr_inputs, dpr_spans
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache

# Questions whose passages are sorted by length together: full batches, bounded memory.
_GROUP = 16


class DprReaderConfig(ModelConfig):
    """Parameters of DPR's reader."""

    checkpoint: PathText = Field(
        "embedded:dpr-reader",
        description="Folder, embedded:NAME or hub id of a DPRReader, such as "
        "facebook/dpr-reader-single-nq-base.",
    )
    passages: int = Field(
        24, ge=1, le=100_000, description="How many of the best passages one is selected from."
    )
    max_length: int = Field(
        350, ge=16, le=1_000_000, description="Tokens of question, title and text; the rest is cut."
    )
    max_answer_tokens: int = Field(10, ge=1, le=1_000_000, description="Longest answer.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Passages per forward pass.")


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
                finite = self._finite(question, of_question, [next(spans) for _ in part])
                out.append(dpr_answer(of_question, part, finite))
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
        return dpr_inputs(self._model.tokenizer, question.text, passages, self.config.max_length)

    def _predict(self, inputs: Sequence[DprInput]) -> list[DprSpan | None]:
        """The best span of each passage; `None` for one whose scores are no finite numbers."""
        out: list[DprSpan | None] = [None] * len(inputs)
        for batch in equal_batches([len(one.ids) for one in inputs], self.config.batch_size):
            for i, span in zip(batch, self._forward([inputs[i] for i in batch]), strict=True):
                out[i] = span
        return out

    def _forward(self, inputs: Sequence[DprInput]) -> list[DprSpan | None]:
        output = self._model.forward(
            [{"input_ids": one.ids, "attention_mask": [1] * len(one.ids)} for one in inputs]
        )
        start, end, relevance = (
            logits.float().cpu()
            for logits in (output.start_logits, output.end_logits, output.relevance_logits)
        )
        return dpr_spans(start, end, relevance, inputs, self.config.max_answer_tokens)

    def _finite(
        self, question: Query, passages: Sequence[Passage], spans: Sequence[DprSpan | None]
    ) -> list[DprSpan]:
        """The spans, all of which must have finite scores."""
        finite = []
        for passage, span in zip(passages, spans, strict=True):
            if span is None:
                raise CheckpointError(
                    f"scores passage '{passage.id}' for question '{question.id}' with no finite "
                    "number (NaN or infinity)",
                    where=self.config.checkpoint,
                    cure=not_finite_cure(self._model.dtype),
                )
            finite.append(span)
        return finite
