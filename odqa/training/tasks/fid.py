"""A small Fusion-in-Decoder (Izacard and Grave 2021), a T5 trained from scratch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput

from odqa.encoders.batches import padded
from odqa.metrics.answers import answer_figures
from odqa.readers.fid import fid_text
from odqa.training.data.answer_spans import find_answers
from odqa.training.data.instances import InstanceSchedule
from odqa.training.data.lm_prompts import answer_in, cropped
from odqa.training.data.reader_instances import ReaderInstance, ReaderSchedule
from odqa.training.model.copying_t5 import start_copying
from odqa.training.recipes import Part
from odqa.training.tasks.whole_model import WholeModelTask
from odqa.types import Passage


class FidSettings(Part):
    """Keys of the Fusion-in-Decoder task."""

    vocabulary: int = Field(
        4096, ge=300, le=1_000_000, description="Byte-level tokens, learnt from the texts."
    )
    width: int = Field(
        256, ge=32, le=65_536, multiple_of=8, description="Of all layers, with four heads."
    )
    ffw: int = Field(512, ge=8, le=1_000_000, description="Width of feed-forward layers.")
    layers: int = Field(2, ge=1, le=1_000, description="Of the encoder.")
    decoder_layers: int = Field(1, ge=1, le=1_000, description="Of the decoder.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Of states and attention.")
    words: int = Field(48, ge=8, le=100_000, description="Longest stretch of a context.")
    max_length: int = Field(160, ge=16, le=1_000_000, description="Tokens of one passage's input.")
    max_answer_tokens: int = Field(16, ge=2, le=1_000, description="Longest answer, end included.")
    with_negatives: float = Field(
        0.5, ge=0, le=1, description="Share of items that read negatives beside the gold passage."
    )


_LIMITS = (
    "English only. Trained from scratch for minutes on a part of one CPU core: it shows how "
    "Fusion-in-Decoder runs and what it costs, and answers hardly any question. For answers name a "
    "trained T5.",
)


class FidTask(WholeModelTask):
    """A T5 with copying at the start; the checkpoint is chosen by held-out questions."""

    Settings = FidSettings
    limits = _LIMITS

    def build(self) -> nn.Module:
        import transformers

        settings: FidSettings = self.settings
        config = transformers.T5Config(
            vocab_size=len(self.tokenizer),
            d_model=settings.width,
            d_kv=settings.width // 4,
            num_heads=4,
            d_ff=settings.ffw,
            num_layers=settings.layers,
            num_decoder_layers=settings.decoder_layers,
            dropout_rate=settings.dropout,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
            decoder_start_token_id=self.tokenizer.pad_token_id,
        )
        model: nn.Module = transformers.T5ForConditionalGeneration(config)
        start_copying(model, self.recipe.seed)
        return model

    def schedule(self) -> ReaderSchedule:
        recipe = self.recipe
        usable = {
            source: [
                row
                for row in rows
                if find_answers(self.data.passages[row.gold_id].text, row.question.answers)
            ]
            for source, rows in self.data.train.items()
        }
        instances = InstanceSchedule(
            replace(self.data, train=usable),
            recipe.data.weights,
            recipe.negatives,
            self.schedule_length,
            recipe.seed,
        )
        return ReaderSchedule(instances, 0.0, self.settings.with_negatives, recipe.seed)

    def collate(self, items: Sequence[ReaderInstance]) -> dict[str, Any]:
        texts, answers = [], []
        for item in items:
            rng = random.Random(f"{item.question.id}/{'/'.join(p.id for p in item.passages)}")
            answer = answer_in(item.gold, item.question)
            answers.append(answer)
            texts.append(
                [
                    fid_text(item.question.text, self._stretch(item.gold, p, answer, rng))
                    for p in item.passages
                ]
            )
        labels = self.tokenizer(
            answers, truncation=True, max_length=self.settings.max_answer_tokens
        )["input_ids"]
        ids, _ = padded(labels, -100)
        return {**self._inputs(texts), "labels": torch.from_numpy(ids)}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        states, mask = fused(model, batch["ids"], batch["mask"], batch["counts"])
        out = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            labels=batch["labels"],
            use_cache=False,
        )
        loss: Tensor = out.loss
        return loss

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Mean loss of an answer's token (``nll``), EM and F1 of greedy answers: read are the gold
        passage and that of another question."""
        rows = self.data.validation
        items = []
        for number, row in enumerate(rows):
            gold, other = (self.data.passages[r.gold_id] for r in (row, rows[number - 1]))
            passages = (gold, other) if number % 2 else (other, gold)
            items.append(ReaderInstance(row.question, gold, passages))
        batch = self.collate(items)
        loss = float(self.loss(model, batch))
        states, mask = fused(model, batch["ids"], batch["mask"], batch["counts"])
        generator: Any = model
        out = generator.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            max_new_tokens=self.settings.max_answer_tokens,
            do_sample=False,
        )
        answers = [t.strip() for t in self.tokenizer.batch_decode(out, skip_special_tokens=True)]
        return {"nll": loss, **answer_figures(answers, [row.question.answers for row in rows])}

    @cached_property
    def tokenizer(self) -> Any:
        return self.train_tokenizer(of_encoder=True)

    def _stretch(self, gold: Passage, passage: Passage, answer: str, rng: random.Random) -> Passage:
        return cropped(passage, answer if passage.id == gold.id else "", self.settings.words, rng)

    def _inputs(self, texts: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Passages of all questions [n, tokens], and how many each question has."""
        rows = self.tokenizer(
            [text for part in texts for text in part],
            truncation=True,
            max_length=self.settings.max_length,
        )["input_ids"]
        ids, mask = padded(rows, self.tokenizer.pad_token_id)
        return {
            "ids": torch.from_numpy(ids),
            "mask": torch.from_numpy(mask),
            "counts": [len(part) for part in texts],
        }


def fused(model: Any, ids: Tensor, mask: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """States of every question's passages, encoded apart and joined.

    Args:
        model: an encoder-decoder of transformers.
        ids, mask: passages [n, tokens], padded on the right.
        counts: passages of each question, in order.

    Returns:
        [questions, tokens of all passages, width], padded on the right, and the mask.
    """
    states = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    real = [state[: int(m.sum())] for state, m in zip(states, mask, strict=True)]
    joined, at = [], 0
    for count in counts:
        joined.append(torch.cat(real[at : at + count]))
        at += count
    lengths = torch.tensor([len(state) for state in joined])
    out = pad_sequence(joined, batch_first=True)
    return out, (torch.arange(out.shape[1])[None] < lengths[:, None]).long()
