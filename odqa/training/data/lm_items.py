"""Blocks of tokens that a small causal language model is trained on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.lm_prompts import (
    PromptedText,
    answer_in,
    answered,
    asked,
    cropped,
    plain,
)
from odqa.training.data.training_data import TrainingData
from odqa.types import Passage

#: Ways to write a text, in the order of `LmBlocks`' shares.
KINDS = ("passage", "context", "question", "asked")


@dataclass(frozen=True, slots=True)
class Block:
    """As many tokens as the model takes, of several texts, and how much each counts as target."""

    ids: list[int]
    weights: list[float]


class LmBlocks:
    """Every block of a training in the order of use; item i is the same on every run.

    Args:
        data: what is drawn from.
        tokenizer: of transformers; texts are followed by its end token.
        length: blocks.
        tokens: per block.
        shares: how often each of `KINDS` is drawn.
        sources: source -> how often its questions are drawn.
        words: longest stretch of a context.
        emphasis: what a token of an answer or a written question counts; others count 1.
        seed: decides everything.
    """

    def __init__(
        self,
        data: TrainingData,
        tokenizer: Any,
        *,
        length: int,
        tokens: int,
        shares: Sequence[float],
        sources: Mapping[str, float],
        words: int,
        emphasis: float,
        seed: int,
    ) -> None:
        self._data, self._tokenizer = data, tokenizer
        self._length, self._tokens, self._seed = length, tokens, seed
        self._shares, self._words, self._emphasis = shares, words, emphasis
        self._passages = list(data.passages.values())
        self._sources = [name for name, weight in sources.items() if weight > 0]
        self._source_weights = [sources[name] for name in self._sources]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Block:
        rng = random.Random(f"{self._seed}/{index}")
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) < self._tokens:
            kind = rng.choices(KINDS, self._shares)[0]
            prompt, target = tokenised(self._tokenizer, self._text(kind, rng))
            emphasis = 1.0 if kind == "passage" else self._emphasis
            ids += [*prompt, *target]
            weights += [1.0] * len(prompt) + [emphasis] * len(target)
        return Block(ids[: self._tokens], weights[: self._tokens])

    def _text(self, kind: str, rng: random.Random) -> PromptedText:
        if kind == "passage":
            return plain(cropped(rng.choice(self._passages), "", 3 * self._words, rng))
        source = rng.choices(self._sources, self._source_weights)[0]
        labelled = rng.choice(self._data.train[source])
        gold, answer = self.reading(labelled, rng)
        question = labelled.question.text
        if kind == "question":
            return answered(question, answer)
        if kind == "asked":
            return asked(question, gold)
        passages = [gold]
        if rng.random() < 0.3:
            other = rng.choice(self._passages)
            passages.insert(rng.randrange(2), cropped(other, "", self._words, rng))
        return answered(question, answer, passages)

    def reading(self, labelled: LabelledQuestion, rng: random.Random) -> tuple[Passage, str]:
        """A stretch of a question's gold passage, and the answer as it stands there."""
        gold = self._data.passages[labelled.gold_id]
        answer = answer_in(gold, labelled.question)
        return cropped(gold, answer, self._words, rng), answer


def tokenised(tokenizer: Any, text: PromptedText) -> tuple[list[int], list[int]]:
    """Tokens of the prompt, and of what follows it with the end token."""
    prompt = tokenizer(text.prompt, add_special_tokens=False)["input_ids"] if text.prompt else []
    target = tokenizer(text.target, add_special_tokens=False)["input_ids"]
    return prompt, [*target, tokenizer.eos_token_id]
