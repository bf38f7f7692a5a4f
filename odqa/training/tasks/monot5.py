"""monoT5's training of a BART grown from the base model (Nogueira et al. 2020, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.checkpoints.bart import bart_name, grow_bart
from odqa.checkpoints.base_model import base_model_dir
from odqa.rankers.monot5 import monot5_text
from odqa.training.data.instances import TrainingInstance
from odqa.training.data.length_buckets import bucket_by_length, restore_order
from odqa.training.model.lora import attach_to_bart, extract
from odqa.training.recipes import Part
from odqa.training.tasks.base import TrainedModel
from odqa.training.tasks.pair_ranking import PairRankingTask

# What is said of a relevant passage, and of another.
_ANSWERS = ("true", "false")


class MonoT5Settings(Part):
    """Keys of the monoT5 task."""

    decoder_layers: tuple[int, ...] = Field(
        (6,), description="Layers of the base model that the decoder's start from."
    )
    max_length: int = Field(
        192, ge=16, le=512, description="Tokens per question-passage pair; the rest is cut."
    )
    prior: float = Field(
        0.0, ge=0, description="Weight of the retriever's score beside log P(true), in evaluation."
    )
    evaluated: int = Field(
        20, ge=2, le=1_000_000, description="Candidates ranked per held-out question."
    )


class MonoT5Task(PairRankingTask):
    """An encoder-decoder that says *true* or *false* first; every passage is learnt by itself.

    The loss is the cross-entropy of the two words, gold passages and negatives weighing alike
    together. A training that starts from another of an encoder (a cross-encoder) takes over what
    that changed in the encoder.
    """

    Settings = MonoT5Settings
    weights = (
        "low-rank change (rank {r}, alpha {alpha:g}) of the linear layers of a BART grown from "
        "all-MiniLM-L6-v2 (`odqa/checkpoints/bart.py`); its last cross-attention, the norms behind "
        "cross-attention and the decoder's last norm whole; stored in float16"
    )

    def build(self) -> nn.Module:
        model = grow_bart(base_model_dir(), self.settings.decoder_layers)
        return attach_to_bart(model, self.recipe.lora)

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        pairs = [(instance.question.text, text) for instance in items for text in instance.texts]
        return {**self.encode(pairs), "questions": len(items)}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        log_true, log_false = self._log_probabilities(model, batch).unbind(1)
        questions: int = batch["questions"]
        gold = log_true.view(questions, -1)[:, 0]
        others = log_false.view(questions, -1)[:, 1:]
        return -(gold.mean() + others.mean()) / 2

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {"kind": "bart", "decoder_layers": list(self.settings.decoder_layers)}
        return {self.recipe.name: TrainedModel(extract(model), config)}

    def counterpart(self, name: str) -> str:
        return bart_name(name)

    def encode(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        texts = [monot5_text(question, text) for question, text in pairs]
        encoded = self.tokenizer(texts, truncation=True, max_length=self.settings.max_length)
        rows = {name: encoded[name] for name in ("input_ids", "attention_mask")}
        return dict(bucket_by_length(rows, self.tokenizer.pad_token_id))

    def scores(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        return self._log_probabilities(model, batch)[:, 0]

    def _log_probabilities(self, model: Any, batch: dict[str, Any]) -> Tensor:
        """Log-probabilities of *true* and *false* among the two, float32 [pairs, 2]."""
        words = self.tokenizer.convert_tokens_to_ids(list(_ANSWERS))
        start = model.config.decoder_start_token_id
        parts = []
        for bucket in batch["buckets"]:
            first = torch.full((len(bucket["input_ids"]), 1), start)
            out = model(**bucket, decoder_input_ids=first, use_cache=False)
            parts.append(F.log_softmax(out.logits[:, 0, words].float(), dim=1))
        return restore_order(parts, batch["order"])
