"""DPR's reader: which passage holds the answer, and where in it (Karpukhin et al. 2020, 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from transformers import DPRConfig, DPRReader

from odqa.metrics.answers import answer_figures
from odqa.progress import progress
from odqa.readers.dpr_spans import DprInput, dpr_answer, dpr_inputs, dpr_spans
from odqa.training.data.answer_spans import find_answers, spans_of_ranges
from odqa.training.data.instances import InstanceSchedule, TrainingInstance
from odqa.training.data.length_buckets import bucket_by_length, restore_order
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.answering import AnsweringTask
from odqa.training.tasks.base import TrainedModel
from odqa.training.tasks.losses import listwise, span
from odqa.types import Passage

_ENCODER = "span_predictor.encoder.bert_model."
_HEADS = ("span_predictor.qa_outputs.", "span_predictor.qa_classifier.")


class DprReaderSettings(Part):
    """Keys of the DPR reader task."""

    max_length: int = Field(
        256, ge=64, le=512, description="Tokens of question, title and text; the rest is cut."
    )
    max_answer_tokens: int = Field(
        10, ge=1, le=1_000_000, description="Longest answer, in evaluation."
    )
    evaluated: int = Field(
        5, ge=1, le=1_000_000, description="Candidates read per held-out question."
    )


class DprReaderTask(AnsweringTask):
    """transformers' DPRReader. The loss is that of the gold passage among a question's own, by
    relevance, plus that of all right spans in it; negatives are not read for spans.

    A training that starts from an extractive reader takes over its encoder and its span head.
    """

    Settings = DprReaderSettings

    def build(self) -> nn.Module:
        encoder = base_encoder(
            "BertModel", self.recipe.lora.encoder_dropout, add_pooling_layer=False
        )
        shape = encoder.config.to_dict()
        shape.pop("model_type")
        model = DPRReader(DPRConfig(**shape, projection_dim=0))
        model.span_predictor.encoder.bert_model = encoder
        # No passage is preferred at first.
        nn.init.zeros_(model.span_predictor.qa_classifier.weight)
        return attach(model, self.recipe.lora, heads=_HEADS)

    def schedule(self) -> InstanceSchedule:
        return self.usable_instances()

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        """Inputs of all passages, a question's gold passage first. ``starts``, ``ends`` and
        ``allowed``, int64 [questions, tokens of the longest input], mark its right starts, right
        ends and text."""
        inputs = [row for item in items for row in self._inputs(item.question.text, item.passages)]
        width = max(len(row.ids) for row in inputs)
        golds = inputs[:: len(items[0].passages)]
        targets = [
            self._targets(item, gold, width) for item, gold in zip(items, golds, strict=True)
        ]
        starts, ends, allowed = (torch.tensor(rows) for rows in zip(*targets, strict=True))
        return {**self._batch(inputs), "starts": starts, "ends": ends, "allowed": allowed}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        start, end, relevance = self._logits(model, batch, batch["starts"].shape[1])
        questions = len(batch["starts"])
        selected = listwise(relevance.view(questions, -1))
        width = len(relevance) // questions
        # A gold passage whose answer was cut off teaches its selection alone.
        read = batch["starts"].any(1) & batch["ends"].any(1)
        if not bool(read.any()):
            return selected
        spans = span(
            start[::width][read],
            end[::width][read],
            batch["starts"][read],
            batch["ends"][read],
            batch["allowed"][read],
        )
        return selected + spans

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """EM and F1 of answers from the best candidates; share of questions with a right passage
        among them whose selected one holds an accepted answer (``selected``)."""
        answers, selected = [], []
        questions = progress(
            self.data.validation, "held-out questions", len(self.data.validation), unit="question"
        )
        for labelled in questions:
            passages = self.candidates(labelled)
            inputs = self._inputs(labelled.question.text, passages)
            width = max(len(row.ids) for row in inputs)
            logits = self._logits(model, self._batch(inputs), width)
            spans = dpr_spans(*logits, inputs, self.settings.max_answer_tokens)
            answer = dpr_answer(passages, inputs, [row for row in spans if row is not None])
            answers.append(answer.text)
            right = {p.id for p in passages if find_answers(p.text, labelled.question.answers)}
            if right:
                selected.append(float(answer.passage_id in right))
        golds = [labelled.question.answers for labelled in self.data.validation]
        share = sum(selected) / max(1, len(selected))
        return answer_figures(answers, golds) | {"selected": share}

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {
            "kind": "dpr-reader",
            "prefix": _ENCODER,
            "max_length": self.settings.max_length,
        }
        return {self.recipe.name: TrainedModel(extract(model), config)}

    def counterpart(self, name: str) -> str:
        if name.startswith("bert."):
            return _ENCODER + name.removeprefix("bert.")
        return f"span_predictor.{name}" if name.startswith("qa_outputs.") else name

    def _inputs(self, question: str, passages: Sequence[Passage]) -> list[DprInput]:
        return dpr_inputs(self.tokenizer, question, passages, self.settings.max_length)

    def _batch(self, inputs: Sequence[DprInput]) -> dict[str, Any]:
        encoded = {
            "input_ids": [row.ids for row in inputs],
            "attention_mask": [[1] * len(row.ids) for row in inputs],
        }
        return dict(bucket_by_length(encoded, self.tokenizer.pad_token_id))

    def _targets(
        self, item: TrainingInstance, gold: DprInput, width: int
    ) -> tuple[list[int], list[int], list[int]]:
        """0/1 per token of the gold passage: right starts, right ends, and its text."""
        starts, ends, allowed = ([0] * width for _ in range(3))
        allowed[gold.first : len(gold.ids)] = [1] * len(gold.starts)
        ranges = find_answers(item.passages[0].text, item.question.answers)
        every = np.ones(len(gold.starts), dtype=bool)
        for first, last in spans_of_ranges(gold.starts, gold.ends, every, ranges):
            starts[gold.first + first] = 1
            ends[gold.first + last] = 1
        return starts, ends, allowed

    def _logits(
        self, model: nn.Module, batch: dict[str, Any], width: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """float32: starts and ends [inputs, width], padded with 0; relevance [inputs]."""
        starts, ends, relevance = [], [], []
        for bucket in batch["buckets"]:
            out = model(**bucket)
            room = (0, width - out.start_logits.shape[1])
            starts.append(nn.functional.pad(out.start_logits.float(), room))
            ends.append(nn.functional.pad(out.end_logits.float(), room))
            relevance.append(out.relevance_logits.float())
        order = batch["order"]
        return (
            restore_order(starts, order),
            restore_order(ends, order),
            restore_order(relevance, order),
        )
