"""Texts that a small causal language model is trained on, as tokens with their targets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from odqa.encoders.batches import padded
from odqa.training.data.lm_prompts import (
    PromptedText,
    answer_in,
    answered,
    asked,
    cropped,
    plain,
)
from odqa.training.data.reader_instances import ReaderInstance, ReaderSchedule
from odqa.types import Passage

#: Ways to write a text, in the order of `LmTexts`' shares.
KINDS = ("passage", "context", "question", "asked")


@dataclass(frozen=True, slots=True)
class LmItem:
    """Tokens of a prompt and of what follows it, its end included.

    ``sources`` has, for each token of the target, the places of the prompt that it can be copied
    from.
    """

    prompt: list[int]
    target: list[int]
    sources: list[list[int]]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.target)


class LmTexts:
    """Every text of a training in the order of use; item i is the same on every run.

    Args:
        instances: questions with the passages that are read; text i is made of instance i.
        passages: that a text of the kind ``passage`` is drawn from.
        tokenizer: of transformers; texts are followed by its end token.
        tokens: longest text; negatives are left out to keep to it.
        shares: how often each of `KINDS` is drawn.
        words: longest stretch of a context.
        seed: decides everything.
    """

    def __init__(
        self,
        instances: ReaderSchedule,
        passages: Sequence[Passage],
        tokenizer: Any,
        *,
        tokens: int,
        shares: Sequence[float],
        words: int,
        seed: int,
    ) -> None:
        self._instances, self._passages, self._tokenizer = instances, passages, tokenizer
        self._tokens, self._shares, self._words, self._seed = tokens, shares, words, seed

    def __len__(self) -> int:
        return len(self._instances)

    def __getitem__(self, index: int) -> LmItem:
        rng = random.Random(f"{self._seed}/{index}")
        kind = rng.choices(KINDS, self._shares)[0]
        if kind == "passage":
            passage = cropped(rng.choice(self._passages), "", self._words, rng)
            return self._cut(self._item(plain(passage)))
        instance = self._instances[index]
        answer = answer_in(instance.gold, instance.question)
        gold = cropped(instance.gold, answer, self._words, rng)
        question = instance.question.text
        if kind == "question":
            return self._cut(self._item(answered(question, answer)))
        if kind == "asked":
            return self._cut(self._item(asked(question, gold)))
        return self._reading(instance, gold, answer, rng)

    def _reading(
        self, instance: ReaderInstance, gold: Passage, answer: str, rng: random.Random
    ) -> LmItem:
        """A question with as many of its passages as there is room for, the gold one always."""
        read = [
            gold if passage.id == gold.id else cropped(passage, "", self._words, rng)
            for passage in instance.passages
        ]
        while True:
            item = self._item(answered(instance.question.text, answer, read))
            others = [i for i, passage in enumerate(read) if passage.id != gold.id]
            if item.length <= self._tokens or not others:
                return self._cut(item)
            del read[others[-1]]

    def _item(self, text: PromptedText) -> LmItem:
        return tokenised(self._tokenizer, text)

    def _cut(self, item: LmItem) -> LmItem:
        """A text that is too long loses the end of its target, or the middle of its prompt."""
        target = item.target[: self._tokens - 1]
        room = self._tokens - len(target)
        if len(item.prompt) <= room:
            return LmItem(item.prompt, target, item.sources[: len(target)])
        prompt = item.prompt[: room // 2] + item.prompt[-(room - room // 2) :]
        return LmItem(prompt, target, _sources(prompt, target))


def tokenised(tokenizer: Any, text: PromptedText) -> LmItem:
    """Tokens of the prompt, and of what follows it with the end token.

    Where the prompt has the whole target, its tokens can be copied from there, and its end from
    the token that begins the text.
    """
    prompt = list(tokenizer(text.prompt, verbose=False)["input_ids"])
    target = [*tokenizer(text.target, add_special_tokens=False)["input_ids"]]
    target.append(tokenizer.eos_token_id)
    return LmItem(prompt, target, _sources(prompt, target))


def _sources(prompt: Sequence[int], target: Sequence[int]) -> list[list[int]]:
    answer = list(target[:-1])
    last = len(prompt) - len(answer) + 1
    starts = [i for i in range(last) if answer and list(prompt[i : i + len(answer)]) == answer]
    places = [[start + step for start in starts] for step in range(len(answer))]
    return [*places, [0] if starts else []]


def lm_batch(items: Sequence[LmItem], padding: int) -> dict[str, Tensor]:
    """Tensors of B texts of at most T tokens, padded on the right.

    Returns:
        ``ids``, ``mask`` int64 [B, T]. ``weights`` float32 [B, T - 1]: what the token behind each
        place counts as a target; those of a text sum to 1. ``sources`` bool [B, T - 1, T].
    """
    ids, mask = padded([[*item.prompt, *item.target] for item in items], padding)
    count, longest = ids.shape
    weights = torch.zeros(count, longest - 1)
    sources = torch.zeros(count, longest - 1, longest, dtype=torch.bool)
    for row, item in enumerate(items):
        first = len(item.prompt) - 1
        weights[row, first : first + len(item.target)] = 1 / len(item.target)
        for step, places in enumerate(item.sources):
            sources[row, first + step, places] = True
    return {
        "ids": torch.from_numpy(ids),
        "mask": torch.from_numpy(mask),
        "weights": weights,
        "sources": sources,
    }
