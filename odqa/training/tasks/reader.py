"""Extractive reader: the answer's span in the gold passage, [CLS] in passages without it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.metrics.answers import answer_figures
from odqa.readers.span_scores import best_spans, null_scores
from odqa.readers.windows import Window, make_windows
from odqa.training.data.answer_spans import find_answers, span_targets
from odqa.training.data.instances import InstanceSchedule, TrainingInstance
from odqa.training.data.length_buckets import bucket_by_length, restore_order
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import Task, TrainedModel
from odqa.training.tasks.losses import span
from odqa.types import Passage, Question

# What a bucket has beside the model's inputs, in the order of the loss.
_TARGETS = ("start_targets", "end_targets", "allowed")


class ReaderSettings(Part):
    """Keys of the reader task."""

    max_length: int = Field(
        256, ge=64, le=1_000_000, description="Tokens per window, question included."
    )
    doc_stride: int = Field(
        64, ge=8, le=1_000_000, description="Tokens that neighbouring windows share."
    )
    max_answer_tokens: int = Field(
        30, ge=1, le=1_000_000, description="Longest answer, in evaluation."
    )
    evaluated: int = Field(
        3, ge=1, le=1_000_000, description="Candidates read per held-out question."
    )


class ReaderTask(Task):
    """BertForQuestionAnswering; spans of several passages compare by their odds against [CLS]."""

    Settings = ReaderSettings
    metric: ClassVar[str] = "F1"

    def build(self) -> nn.Module:
        model = base_encoder(
            "AutoModelForQuestionAnswering",
            self.recipe.lora.encoder_dropout,
        )
        return attach(model, self.recipe.lora, heads=("qa_outputs.",))

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        rows = [
            row
            for instance in items
            for n, passage in enumerate(instance.passages)
            if (row := self._row(instance.question, passage, gold=n == 0)) is not None
        ]
        encoded = {name: [row[name] for row in rows] for name in rows[0]}
        return {"buckets": bucket_by_length(encoded, self.tokenizer.pad_token_id)["buckets"]}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        total, rows = torch.zeros(()), 0
        for bucket in batch["buckets"]:
            logits = model(**_inputs(bucket))
            loss = span(
                logits.start_logits, logits.end_logits, *(bucket[name] for name in _TARGETS)
            )
            size = len(bucket["input_ids"])
            total, rows = total + size * loss, rows + size
        return total / rows

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        windows: list[tuple[int, Passage, Window]] = []
        for number, labelled in enumerate(self.data.validation):
            hits = self.data.candidates[labelled.question.id][: self.settings.evaluated]
            passages = [self.data.passages[hit.passage_id] for hit in hits]
            windows += [
                (number, passages[window.passage], window)
                for window in self._windows(labelled.question.text, passages)
            ]
        answers = self._best_answers(model, windows)
        golds = [labelled.question.answers for labelled in self.data.validation]
        return answer_figures([answers.get(number, "") for number in range(len(golds))], golds)

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {
            "kind": "question-answering",
            "prefix": "bert.",
            "max_length": self.settings.max_length,
        }
        return {self.recipe.name: TrainedModel(extract(model), config)}

    def _windows(self, question: str, passages: Sequence[Passage]) -> list[Window]:
        return make_windows(
            self.tokenizer,
            question,
            passages,
            max_length=self.settings.max_length,
            doc_stride=self.settings.doc_stride,
            title=True,
        )

    def _row(
        self, question: Question, passage: Passage, *, gold: bool
    ) -> dict[str, list[int]] | None:
        """Features and targets of one window: one with an answer, or any one of a negative.

        None where the gold passage has no window with an answer.
        """
        windows = self._windows(question.text, [passage])
        if not gold:
            window = random.Random(f"{question.id}/{passage.id}").choice(windows)
            null = [int(i == window.null) for i in range(len(window.allowed))]
            return _features(window, null, null)
        ranges = find_answers(passage.text, question.answers)
        for window in windows:
            starts, ends = span_targets(window, ranges)
            if any(starts):
                return _features(window, starts, ends)
        return None

    def _best_answers(
        self, model: nn.Module, windows: Sequence[tuple[int, Passage, Window]]
    ) -> Mapping[int, str]:
        """Question -> its best span over all of its windows, by odds against no answer."""
        rows = []
        for _, _, window in windows:
            no_targets = [0] * len(window.allowed)
            rows.append(_features(window, no_targets, no_targets))
        encoded = {name: [row[name] for row in rows] for name in rows[0]}
        bucketed = bucket_by_length(encoded, self.tokenizer.pad_token_id)
        parts = []
        for bucket in bucketed["buckets"]:
            logits = model(**_inputs(bucket))
            start, end = logits.start_logits.float(), logits.end_logits.float()
            null = torch.zeros(len(start), dtype=torch.long)
            allowed = bucket["allowed"].bool()
            allowed[:, 0] = False
            scores, first, last = best_spans(
                start, end, allowed, self.settings.max_answer_tokens, 1
            )
            odds = scores - null_scores(start, end, null)[:, None]
            parts.append(torch.cat([odds, first.float(), last.float()], dim=1))
        best: dict[int, tuple[float, str]] = {}
        for (number, passage, window), (odds, first, last) in zip(
            windows, restore_order(parts, bucketed["order"]).tolist(), strict=True
        ):
            text = passage.text[window.starts[int(first)] : window.ends[int(last)]]
            best[number] = max(best.get(number, (float("-inf"), "")), (odds, text))
        return {number: text for number, (_, text) in best.items()}


def _features(window: Window, starts: list[int], ends: list[int]) -> dict[str, list[int]]:
    allowed = window.allowed.astype(int).tolist()
    allowed[window.null] = 1
    return {**window.features, "start_targets": starts, "end_targets": ends, "allowed": allowed}


def _inputs(bucket: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in bucket.items() if name not in _TARGETS}
