"""A small causal language model grown from the base model: it answers, reads and asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.causal import grow_causal, prompt_tokenizer
from odqa.encoders.batches import padded
from odqa.metrics.answers import answer_figures
from odqa.progress import progress
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.lm_items import KINDS, LmItem, LmTexts, lm_batch, tokenised
from odqa.training.data.lm_prompts import answered, asked
from odqa.training.model.copying_causal import start_copying
from odqa.training.model.lora import attach, extract
from odqa.training.tasks.base import TrainedModel
from odqa.training.tasks.generating import GeneratingSettings, GeneratingTask
from odqa.types import Passage

# Texts that copying is fitted on before training, and their tokens.
_FITTED, _FITTED_TOKENS = 256, 128
# Texts of like length that go through the model together.
_TOGETHER = 2


class LmSettings(GeneratingSettings):
    """Keys of the language model task."""

    tokens: int = Field(
        512, ge=32, le=512, description="Longest text; the base model has 512 positions."
    )
    shares: tuple[float, float, float, float] = Field(
        (0.1, 0.6, 0.1, 0.2),
        description=f"How often each kind of text is drawn: {', '.join(KINDS)}.",
    )
    words: int = Field(
        100, ge=8, le=100_000, description="Longest stretch of a context that is read."
    )
    max_answer_tokens: int = Field(12, ge=1, le=500, description="Longest answer.")


class LmTask(GeneratingTask):
    """A causal model; the loss is on what follows a prompt, every text counts alike."""

    Settings = LmSettings
    weights = (
        "low-rank change (rank {r}, alpha {alpha:g}) of the linear layers of all-MiniLM-L6-v2 as a "
        "causal model (`odqa/checkpoints/causal.py`); the last layer's attention, what stands "
        "before the read-out and its bias whole; stored in float16"
    )

    def build(self) -> nn.Module:
        model = grow_causal(base_model_dir(), "eager")
        self._start_copying(model)
        last = f"bert.encoder.layer.{model.config.num_hidden_layers - 1}.attention."
        # What is trained whole needs no low-rank change.
        targets = rf"(?!{last.replace('.', '[.]')})bert\.encoder\.layer\.\d+\..*"
        targets += "(query|key|value|dense)"
        return attach(model, self.recipe.lora, heads=(last, "cls."), targets=targets)

    def schedule(self) -> LmTexts:
        settings: LmSettings = self.settings
        return LmTexts(
            self.reader_schedule(),
            list(self.data.passages.values()),
            self.tokenizer,
            tokens=settings.tokens,
            shares=settings.shares,
            words=settings.words,
            seed=self.recipe.seed,
        )

    def collate(self, items: Sequence[LmItem]) -> dict[str, Any]:
        ordered = sorted(items, key=lambda item: item.length)
        parts = [ordered[at : at + _TOGETHER] for at in range(0, len(ordered), _TOGETHER)]
        return {"parts": [lm_batch(part, self.tokenizer.pad_token_id) for part in parts]}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        total, texts = torch.zeros(()), 0
        copied, copyable = torch.zeros(()), 0
        for part in batch["parts"]:
            answers, lost = self._losses(model, part)
            total, texts = total + answers, texts + len(part["ids"])
            copied, copyable = copied + lost.sum(), copyable + len(lost)
        loss: Tensor = total / texts + self.settings.pointing * copied / max(1, copyable)
        return loss

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """EM and F1 of greedy answers from the best candidates, and (``off``) without; mean loss of
        a question's tokens given its gold passage (``asked``)."""
        questions, size = self.data.validation, self.settings.per_forward
        read: list[str] = []
        off: list[str] = []
        total = torch.zeros(())
        for start in progress(range(0, len(questions), size), "held-out questions", unit="batch"):
            part = questions[start : start + size]
            read += self._answers(model, [self._prompt(row, self.candidates(row)) for row in part])
            off += self._answers(model, [self._prompt(row, []) for row in part])
            texts = [asked(row.question.text, self.data.passages[row.gold_id]) for row in part]
            items = [tokenised(self.tokenizer, text) for text in texts]
            total += self._losses(model, lm_batch(items, self.tokenizer.pad_token_id))[0]
        accepted = [row.question.answers for row in questions]
        without = {f"{name} off": value for name, value in answer_figures(off, accepted).items()}
        return answer_figures(read, accepted) | without | {"asked": float(total) / len(questions)}

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        return {self.recipe.name: TrainedModel(extract(model), {"kind": "causal"})}

    @cached_property
    def tokenizer(self) -> Any:
        return prompt_tokenizer(base_model_dir())

    def _start_copying(self, model: nn.Module) -> None:
        """Copying in closed form, fitted on some passages of the sources trained on."""
        settings: LmSettings = self.settings
        most = min(_FITTED_TOKENS, settings.tokens) - 1
        texts = [passage.full_text for passage in self.fitting_passages(_FITTED)]
        rows = self.tokenizer(texts, truncation=True, max_length=most)["input_ids"]
        end = self.tokenizer.eos_token_id
        tokens, mask = padded([[*row, end] for row in rows], self.tokenizer.pad_token_id)
        start_copying(
            model,
            torch.from_numpy(tokens),
            torch.from_numpy(mask),
            strength=settings.strength,
            sharpness=settings.sharpness,
        )

    def _losses(self, model: Any, part: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Sum over texts of their mean token loss, and for every token that can be copied what the
        last layer's attention loses [n]."""
        out = model.bert(
            input_ids=part["ids"],
            attention_mask=part["mask"],
            output_attentions=True,
            use_cache=False,
        )
        targets = part["weights"] > 0
        # Read out is only what counts: the vocabulary is most of the work.
        logits = model.cls(out.last_hidden_state[:, :-1][targets]).float()
        losses = F.cross_entropy(logits, part["ids"][:, 1:][targets], reduction="none")
        # Each head's attention to places that a token can be copied from: [B, heads, T - 1].
        looks = out.attentions[-1][:, :, :-1].float()
        mass = (looks * part["sources"][:, None]).sum(-1)
        lost = -mass.clamp(min=1e-6).log().mean(1)
        return (losses * part["weights"][targets]).sum(), lost[part["sources"].any(-1)]

    def _prompt(self, labelled: LabelledQuestion, passages: Sequence[Passage]) -> list[int]:
        """Of as many of the passages as there is room for."""
        most = self.settings.tokens - self.settings.max_answer_tokens
        read = list(passages)
        while True:
            text = answered(labelled.question.text, "", read)
            ids = tokenised(self.tokenizer, text).prompt
            if len(ids) <= most or not read:
                return ids[:most]
            read.pop()

    def _answers(self, model: Any, prompts: Sequence[Sequence[int]]) -> list[str]:
        longest, pad = max(map(len, prompts)), self.tokenizer.pad_token_id
        rows = [[pad] * (longest - len(row)) + list(row) for row in prompts]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in prompts]
        out = model.generate(
            input_ids=torch.tensor(rows),
            attention_mask=torch.tensor(mask),
            max_new_tokens=self.settings.max_answer_tokens,
            do_sample=False,
        )
        decoded = self.tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True)
        return [text.strip() for text in decoded]
