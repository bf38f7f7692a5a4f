"""Fusion-in-Decoder (Izacard and Grave 2021) by a BART that has grown from the base model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from odqa.checkpoints.bart import bart_name, grow_bart
from odqa.checkpoints.base_model import base_model_dir
from odqa.encoders.batches import padded
from odqa.metrics.answers import answer_figures
from odqa.progress import progress
from odqa.readers.fid import fid_text
from odqa.training.data.fused_rows import FusedRows
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.lm_prompts import answer_in, cropped
from odqa.training.data.reader_instances import ReaderInstance, ReaderSchedule
from odqa.training.model.copying_bart import start_copying
from odqa.training.model.fusion import fused
from odqa.training.model.lora import attach_to_bart, extract
from odqa.training.tasks.base import TrainedModel
from odqa.training.tasks.generating import GeneratingSettings, GeneratingTask
from odqa.types import Passage

# Texts that copying is fitted on before training, and their tokens.
_FITTED, _FITTED_TOKENS = 256, 128


class FidSettings(GeneratingSettings):
    """Keys of the Fusion-in-Decoder task."""

    decoder_layers: tuple[int, ...] = Field(
        (2, 4, 6), description="Layers of the base model that the decoder's start from."
    )
    words: int = Field(100, ge=8, le=100_000, description="Longest stretch of a context.")
    max_length: int = Field(200, ge=16, le=1_000_000, description="Tokens of one passage's input.")
    max_answer_tokens: int = Field(16, ge=2, le=1_000, description="Longest answer, end included.")
    readout: float = Field(2.0, gt=0, description="Of the first state of copying.")


class FidTask(GeneratingTask):
    """An encoder-decoder; the loss is on the answer and its end.

    A training that starts from another of an encoder (an extractive reader) takes over what that
    changed in the encoder.
    """

    Settings = FidSettings
    weights = (
        "low-rank change (rank {r}, alpha {alpha:g}) of the linear layers of a BART grown from "
        "all-MiniLM-L6-v2 (`odqa/checkpoints/bart.py`); its last cross-attention, the norms behind "
        "cross-attention and the decoder's last norm whole; stored in float16"
    )

    def build(self) -> nn.Module:
        settings: FidSettings = self.settings
        model = grow_bart(base_model_dir(), settings.decoder_layers, "eager")
        self._start_copying(model)
        return attach_to_bart(model, self.recipe.lora)

    def schedule(self) -> ReaderSchedule:
        return self.reader_schedule()

    def collate(self, items: Sequence[ReaderInstance]) -> dict[str, Any]:
        rows, answers = [], []
        for item in items:
            rng = random.Random(f"{item.question.id}/{'/'.join(p.id for p in item.passages)}")
            answer = answer_in(item.gold, item.question)
            read = [self._stretch(item.gold, p, answer, rng) for p in item.passages]
            rows.append(self._tokens([fid_text(item.question.text, p) for p in read]))
            answers.append(answer)
        # The decoder's start begins a tokenised text, and is not predicted.
        targets = [ids[1:] for ids in self._tokens(answers, self.settings.max_answer_tokens + 1)]
        fused_rows = FusedRows(rows, self.tokenizer.pad_token_id)
        gold = [item.gold_position for item in items]
        labels, _ = padded(targets, -100)
        return {
            **fused_rows.tensors(),
            "labels": torch.from_numpy(labels),
            "sources": fused_rows.sources(targets, gold),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        states, mask = fused(model, batch["ids"], batch["mask"], batch["counts"])
        out = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            labels=batch["labels"],
            output_attentions=True,
            use_cache=False,
        )
        loss: Tensor = out.loss
        # Each head's attention to places that a token can be copied from: [B, heads, S].
        mass = (out.cross_attentions[-1].float() * batch["sources"][:, None]).sum(-1)
        copyable = batch["sources"].any(-1)
        if self.settings.pointing and bool(copyable.any()):
            lost = -mass.clamp(min=1e-6).log().mean(1)
            loss = loss + self.settings.pointing * lost[copyable].mean()
        return loss

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """EM and F1 of greedy answers from the best candidates, and (``gold``) from the gold
        passage alone."""
        questions, size = self.data.validation, self.settings.per_forward
        read: list[str] = []
        gold: list[str] = []
        for start in progress(range(0, len(questions), size), "held-out questions", unit="batch"):
            part = questions[start : start + size]
            read += self._answers(model, part, [self.candidates(row) for row in part])
            golds = [[self.data.passages[row.gold_id]] for row in part]
            gold += self._answers(model, part, golds)
        accepted = [row.question.answers for row in questions]
        alone = {f"{name} gold": value for name, value in answer_figures(gold, accepted).items()}
        return answer_figures(read, accepted) | alone

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {"kind": "bart", "decoder_layers": list(self.settings.decoder_layers)}
        return {self.recipe.name: TrainedModel(extract(model), config)}

    def counterpart(self, name: str) -> str:
        return bart_name(name)

    def _start_copying(self, model: nn.Module) -> None:
        """Copying in closed form, fitted on some passages of the sources trained on."""
        settings: FidSettings = self.settings
        # The encoder has to see some question.
        texts = [fid_text("what", passage) for passage in self.fitting_passages(_FITTED)]
        rows, mask = padded(
            self._tokens(texts, min(_FITTED_TOKENS, settings.max_length)),
            self.tokenizer.pad_token_id,
        )
        start_copying(
            model,
            torch.from_numpy(rows),
            torch.from_numpy(mask),
            strength=settings.strength,
            sharpness=settings.sharpness,
            readout=settings.readout,
        )

    def _stretch(self, gold: Passage, passage: Passage, answer: str, rng: random.Random) -> Passage:
        return cropped(passage, answer if passage.id == gold.id else "", self.settings.words, rng)

    def _tokens(self, texts: Sequence[str], length: int | None = None) -> list[list[int]]:
        length = length or self.settings.max_length
        encoded = self.tokenizer(list(texts), truncation=True, max_length=length)
        return [list(ids) for ids in encoded["input_ids"]]

    def _answers(
        self,
        model: Any,
        questions: Sequence[LabelledQuestion],
        passages: Sequence[Sequence[Passage]],
    ) -> list[str]:
        """Greedy answers to some questions, each from its passages."""
        rows = [
            self._tokens([fid_text(row.question.text, passage) for passage in read])
            for row, read in zip(questions, passages, strict=True)
        ]
        batch = FusedRows(rows, self.tokenizer.pad_token_id).tensors()
        states, mask = fused(model, batch["ids"], batch["mask"], batch["counts"])
        out = model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            max_new_tokens=self.settings.max_answer_tokens,
            do_sample=False,
        )
        return [text.strip() for text in self.tokenizer.batch_decode(out, skip_special_tokens=True)]
