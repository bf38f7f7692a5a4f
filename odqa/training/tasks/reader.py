"""Extractive reader: the answer's span in the gold passage, [CLS] in passages without it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from odqa.metrics.answers import best_exact_match, best_f1
from odqa.readers.span_scores import best_spans, null_scores
from odqa.readers.windows import Window, make_windows
from odqa.training.data.answer_spans import find_answers, span_targets
from odqa.training.data.instances import Group, GroupSchedule
from odqa.training.data.length_buckets import chunked, restored
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import Task, Trained
from odqa.training.tasks.losses import span
from odqa.types import Passage


class ReaderSettings(Part):
    """Keys of the reader task."""

    max_length: int = Field(256, ge=64, description="Tokens per window, question included.")
    doc_stride: int = Field(64, ge=8, description="Tokens that neighbouring windows share.")
    max_answer_tokens: int = Field(30, ge=1, description="Longest answer, in evaluation.")
    evaluated: int = Field(3, ge=1, description="Candidates read per held-out question.")


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

    def schedule(self) -> GroupSchedule:
        recipe = self.recipe
        return GroupSchedule(
            self.examples, recipe.data.weights, recipe.negatives, self.items, recipe.seed
        )

    def collate(self, items: Sequence[Group]) -> dict[str, Any]:
        rows = [
            row
            for group in items
            for place, passage in enumerate(group.passages)
            if (row := self._row(group, passage, place == 0)) is not None
        ]
        encoded = {name: [row[name] for row in rows] for name in rows[0]}
        return {"chunks": chunked(encoded, self.tokenizer.pad_token_id)["chunks"]}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        total, rows = torch.zeros(()), 0
        for chunk in batch["chunks"]:
            found = model(**_inputs(chunk))
            here = len(chunk["first"])
            one = span(
                found.start_logits, found.end_logits, chunk["first"], chunk["last"], chunk["seen"]
            )
            total, rows = total + here * one, rows + here
        return total / rows

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        rows: list[tuple[int, Passage, Window]] = []
        for number, example in enumerate(self.examples.held_out):
            hits = self.examples.candidates[example.question.id][: self.settings.evaluated]
            passages = [self.examples.passages[hit.passage_id] for hit in hits]
            windows = self._windows(example.question.text, passages)
            rows += [(number, passages[window.passage], window) for window in windows]
        best = self._best(model, rows)
        scores = [
            (best_exact_match(best.get(i, ""), gold), best_f1(best.get(i, ""), gold))
            for i, gold in enumerate(e.question.answers for e in self.examples.held_out)
        ]
        count = len(scores)
        return {"EM": sum(s[0] for s in scores) / count, "F1": sum(s[1] for s in scores) / count}

    def trained(self, model: nn.Module) -> dict[str, Trained]:
        config = {
            "kind": "question-answering",
            "prefix": "bert.",
            "max_length": self.settings.max_length,
        }
        return {self.recipe.name: Trained(extract(model), config)}

    def _windows(self, question: str, passages: Sequence[Passage]) -> list[Window]:
        return make_windows(
            self.tokenizer,
            question,
            passages,
            max_length=self.settings.max_length,
            doc_stride=self.settings.doc_stride,
            title=True,
        )

    def _row(self, group: Group, passage: Passage, gold: bool) -> dict[str, list[int]] | None:
        """Features and targets of one window: one with an answer, or any one of a negative."""
        windows = self._windows(group.question.text, [passage])
        if not gold:
            chance = random.Random(f"{group.question.id}/{passage.id}")
            window = chance.choice(windows)
            null = [int(i == window.null) for i in range(len(window.allowed))]
            return _features(window, null, null)
        ranges = find_answers(passage.text, group.question.answers)
        for window in windows:
            first, last = span_targets(window, ranges)
            if any(first):
                return _features(window, first, last)
        return None

    def _best(
        self, model: nn.Module, rows: Sequence[tuple[int, Passage, Window]]
    ) -> Mapping[int, str]:
        """Question -> its best span over all of its windows, by odds against no answer."""
        features = [_features(w, [0] * len(w.allowed), [0] * len(w.allowed)) for _, _, w in rows]
        encoded = {name: [row[name] for row in features] for name in features[0]}
        chunks = chunked(encoded, self.tokenizer.pad_token_id)
        parts = []
        for chunk in chunks["chunks"]:
            found = model(**_inputs(chunk))
            start, end = found.start_logits.float(), found.end_logits.float()
            null = torch.zeros(len(start), dtype=torch.long)
            allowed = chunk["seen"].bool()
            allowed[:, 0] = False
            scores, first, last = best_spans(
                start, end, allowed, self.settings.max_answer_tokens, 1
            )
            odds = scores - null_scores(start, end, null)[:, None]
            parts.append(torch.cat([odds, first.float(), last.float()], dim=1))
        best: dict[int, tuple[float, str]] = {}
        for (number, passage, window), (odds, first, last) in zip(
            rows, restored(parts, chunks["order"]).tolist(), strict=True
        ):
            text = passage.text[window.starts[int(first)] : window.ends[int(last)]]
            best[number] = max(best.get(number, (float("-inf"), "")), (odds, text))
        return {number: text for number, (_, text) in best.items()}


def _features(window: Window, first: list[int], last: list[int]) -> dict[str, list[int]]:
    seen = window.allowed.astype(int).tolist()
    seen[window.null] = 1
    return {**window.features, "first": first, "last": last, "seen": seen}


def _inputs(chunk: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in chunk.items() if k not in ("first", "last", "seen")}
