"""A small causal language model, trained from scratch on passages, questions and answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from odqa.metrics.answers import answer_figures
from odqa.training.data.lm_items import KINDS, Block, LmBlocks, tokenised
from odqa.training.data.lm_prompts import PromptedText, answered, asked
from odqa.training.model.copying_lm import start_copying
from odqa.training.recipes import Part
from odqa.training.tasks.whole_model import WholeModelTask


class LmSettings(Part):
    """Keys of the language model task."""

    vocabulary: int = Field(
        4096, ge=300, le=1_000_000, description="Byte-level tokens, learnt from the texts."
    )
    width: int = Field(192, ge=48, le=65_536, multiple_of=48, description="Of all layers.")
    layers: int = Field(3, ge=2, le=1_000, description="Of the decoder; each has three heads.")
    positions: int = Field(
        512, ge=32, le=1_000_000, description="Longest text, and tokens of a training block."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Of states and attention.")
    shares: tuple[float, float, float, float] = Field(
        (0.25, 0.4, 0.1, 0.25),
        description=f"How often each kind of text is drawn: {', '.join(KINDS)}.",
    )
    words: int = Field(
        60, ge=8, le=100_000, description="Longest stretch of a context that is read."
    )
    emphasis: float = Field(
        4.0, gt=0, description="What a token of an answer or of a written question counts."
    )
    max_answer_tokens: int = Field(12, ge=1, le=1_000, description="Longest answer.")
    per_forward: int = Field(
        25, ge=1, le=65_536, description="Held-out questions answered together."
    )


_LIMITS = (
    "English only. Trained from scratch for minutes on a part of one CPU core: it shows how "
    "language models rank and read and what they cost, and knows next to nothing. For answers name "
    "a trained one.",
    "Prompts it was trained on: `question: …`, a new line, `answer:`; the same behind one or two "
    "lines `context: …`; and `Passage: …. Please write a question based on this passage.`",
)


class LmTask(WholeModelTask):
    """A GPT-2 with copying heads at the start; the checkpoint is chosen by held-out questions."""

    Settings = LmSettings
    limits = _LIMITS

    def build(self) -> nn.Module:
        import transformers

        settings: LmSettings = self.settings
        config = transformers.GPT2Config(
            vocab_size=len(self.tokenizer),
            n_embd=settings.width,
            n_layer=settings.layers,
            n_head=3,
            n_positions=settings.positions,
            resid_pdrop=settings.dropout,
            embd_pdrop=settings.dropout,
            attn_pdrop=settings.dropout,
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        model: nn.Module = transformers.GPT2LMHeadModel(config)
        start_copying(model, self.recipe.seed)
        return model

    def schedule(self) -> LmBlocks:
        return self._blocks

    def collate(self, items: Sequence[Block]) -> dict[str, Any]:
        return {
            "input_ids": torch.tensor([item.ids for item in items]),
            "weights": torch.tensor([item.weights for item in items]),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        logits = model(input_ids=batch["input_ids"]).logits[:, :-1].float()
        weights = batch["weights"][:, 1:]
        losses = F.cross_entropy(
            logits.flatten(0, 1), batch["input_ids"][:, 1:].flatten(), reduction="none"
        )
        loss: Tensor = (losses * weights.flatten()).sum() / weights.sum()
        return loss

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Mean loss of a token of an answer given the gold passage (``nll``) and of a question
        given it (``asked``); EM and F1 of greedy answers, with and (``off``) without it."""
        rng = random.Random(0)
        read: list[PromptedText] = []
        off, asking = list(read), list(read)
        for labelled in self.data.validation:
            gold, answer = self._blocks.reading(labelled, rng)
            read.append(answered(labelled.question.text, answer, [gold]))
            off.append(answered(labelled.question.text, answer))
            asking.append(asked(labelled.question.text, gold))
        golds = [labelled.question.answers for labelled in self.data.validation]
        with_passage = answer_figures(self._answers(model, read), golds)
        without = answer_figures(self._answers(model, off), golds)
        return {
            "nll": self._target_loss(model, read),
            "asked": self._target_loss(model, asking),
            **with_passage,
            **{f"{name} off": value for name, value in without.items()},
        }

    @cached_property
    def tokenizer(self) -> Any:
        tokenizer = self.train_tokenizer()
        tokenizer.model_max_length = self.settings.positions
        return tokenizer

    @cached_property
    def _blocks(self) -> LmBlocks:
        settings: LmSettings = self.settings
        return LmBlocks(
            self.data,
            self.tokenizer,
            length=self.schedule_length,
            tokens=settings.positions,
            shares=settings.shares,
            sources=self.recipe.data.weights,
            words=settings.words,
            emphasis=settings.emphasis,
            seed=self.recipe.seed,
        )

    def _batches(self, texts: Sequence[PromptedText]) -> list[list[tuple[list[int], list[int]]]]:
        most = self.settings.positions - self.settings.max_answer_tokens
        pairs = [tokenised(self.tokenizer, text) for text in texts]
        # A prompt loses its beginning, not the question at its end.
        rows = [(prompt[-max(1, most - len(target)) :], target) for prompt, target in pairs]
        size = self.settings.per_forward
        return [rows[at : at + size] for at in range(0, len(rows), size)]

    def _target_loss(self, model: nn.Module, texts: Sequence[PromptedText]) -> float:
        total, count = 0.0, 0
        for rows in self._batches(texts):
            longest = max(len(prompt) + len(target) for prompt, target in rows)
            ids = torch.full((len(rows), longest), self.tokenizer.pad_token_id)
            labels = torch.full((len(rows), longest), -100)
            for row, (prompt, target) in enumerate(rows):
                end = len(prompt) + len(target)
                ids[row, :end] = torch.tensor([*prompt, *target])
                labels[row, len(prompt) : end] = torch.tensor(target)
            logits = model(input_ids=ids).logits[:, :-1].float()
            total += float(
                F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
            )
            count += int((labels[:, 1:] >= 0).sum())
        return total / count

    def _answers(self, model: Any, texts: Sequence[PromptedText]) -> list[str]:
        answers: list[str] = []
        pad = self.tokenizer.pad_token_id
        for rows in self._batches(texts):
            longest = max(len(prompt) for prompt, _ in rows)
            ids = torch.full((len(rows), longest), pad)
            for row, (prompt, _) in enumerate(rows):
                ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            out = model.generate(
                input_ids=ids,
                attention_mask=(ids != pad).long(),
                max_new_tokens=self.settings.max_answer_tokens,
                do_sample=False,
            )
            texts_out = self.tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True)
            answers += [text.strip() for text in texts_out]
        return answers
