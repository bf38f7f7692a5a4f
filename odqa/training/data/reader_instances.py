"""Training instances of a generative reader: what it reads, and the tokens it is to predict."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from odqa.retro.model.layouts import pad_passages
from odqa.retro.read.answering import Answering
from odqa.training.data.answer_spans import find_answers
from odqa.training.data.instances import InstanceSchedule
from odqa.types import Passage, Question


@dataclass(frozen=True, slots=True)
class ReaderInstance:
    """A question, its gold passage, and the passages read for it (none: closed-book)."""

    question: Question
    gold: Passage
    passages: tuple[Passage, ...]

    @property
    def gold_position(self) -> int:
        """Where the gold passage stands among those read; 0 where none is."""
        return self.passages.index(self.gold) if self.passages else 0


@dataclass(frozen=True, slots=True)
class TargetTokens:
    """What follows a prompt: the answer and its end, then a stretch of the gold passage.

    Attributes:
        ids: tokens.
        in_answer, in_continuation: for each, whether it is to be predicted, and as which of both.
        sources: for each, the positions in the gold passage that it can be copied from.
    """

    ids: list[int]
    in_answer: list[bool]
    in_continuation: list[bool]
    sources: list[list[int]]


class ReaderSchedule:
    """Training instances of a reader in the order of use, their passages shuffled.

    Args:
        instances: item i here is made of item i there.
        closed_book: share of items that read nothing.
        with_negatives: share of the others that read negatives beside the gold passage.
        seed: decides which.
    """

    def __init__(
        self, instances: InstanceSchedule, closed_book: float, with_negatives: float, seed: int
    ) -> None:
        self._instances, self._seed = instances, seed
        self._closed_book, self._with_negatives = closed_book, with_negatives

    def __len__(self) -> int:
        return len(self._instances)

    def __getitem__(self, index: int) -> ReaderInstance:
        instance = self._instances[index]
        # The word in this key stays: by another, the same recipe would draw other items.
        rng = random.Random(f"{self._seed}/{index}/lesson")
        gold, *negatives = instance.passages
        if rng.random() < self._closed_book:
            return ReaderInstance(instance.question, gold, ())
        if rng.random() >= self._with_negatives:
            negatives = []
        passages = rng.sample([gold, *negatives], len(negatives) + 1)
        return ReaderInstance(instance.question, gold, tuple(passages))


class ReaderCollator:
    """Training instances as tensors, prompted as a reader is prompted.

    Args:
        answering: prompts and passages.
        max_answer_tokens: longest answer.
        continuation_tokens: length of the stretch that is continued, 0 for none.
    """

    def __init__(
        self, answering: Answering, max_answer_tokens: int, continuation_tokens: int
    ) -> None:
        self.answering = answering
        self.max_answer_tokens = max_answer_tokens
        self.continuation_tokens = continuation_tokens

    def target(self, question: Question, passage: Passage) -> str:
        """The first accepted answer that the model gets to see in a passage, as it stands there;
        empty where there is none, or none short enough."""
        text, tokens = passage.full_text, self.answering.tokens
        for answer in question.answers:
            for start, end in find_answers(text, [answer])[:1]:
                prefix_ids, answer_ids = tokens.bare([text[:end], text[start:end]])
                seen = len(prefix_ids) + tokens.markers <= tokens.max_length
                if seen and len(answer_ids) <= self.max_answer_tokens:
                    return text[start:end]
        return ""

    def batch(self, instances: Sequence[ReaderInstance]) -> dict[str, Any]:
        """Tensors of B instances whose G passages stand one after the other.

        Returns:
            ``ids``, ``mask`` [B, T + S]: prompts that end a chunk, and targets of S tokens.
            ``in_answer``, ``in_continuation`` bool [B, S]: which of these are to be predicted.
            ``sources`` bool [B, S, n, r]: from where a token can be copied.
            ``passages``, ``passage_mask`` [G, r], and ``pairs`` [G, 2]: instance of each, and its
            position there.
        """
        answering, pad_id = self.answering, self.answering.tokens.pad
        prompt = answering.frame([instance.question.text for instance in instances])
        targets = [self.target_tokens(instance) for instance in instances]
        ids, mask = pad_passages([t.ids for t in targets], length=answering.chunk_length)
        passage_ids, passage_mask = pad_passages(
            answering.read([passage for instance in instances for passage in instance.passages]),
            length=answering.tokens.max_length,
            pad_id=pad_id,
        )
        pairs = [
            (row, position)
            for row, instance in enumerate(instances)
            for position in range(len(instance.passages))
        ]
        size, most = ids.shape[1], max((position for _, position in pairs), default=0) + 1
        sources = torch.zeros(len(instances), size, most, passage_ids.shape[1], dtype=torch.bool)
        for row, (instance, target) in enumerate(zip(instances, targets, strict=True)):
            for step, positions in enumerate(target.sources):
                sources[row, step, instance.gold_position, positions] = True
        return {
            "ids": torch.cat((torch.from_numpy(prompt.ids), torch.from_numpy(ids)), 1),
            "mask": torch.cat((torch.from_numpy(prompt.mask), torch.from_numpy(mask)), 1),
            "in_answer": _padded([target.in_answer for target in targets], size),
            "in_continuation": _padded([target.in_continuation for target in targets], size),
            "sources": sources,
            "pairs": torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
            "passages": torch.from_numpy(passage_ids),
            "passage_mask": torch.from_numpy(passage_mask),
        }

    def target_tokens(self, instance: ReaderInstance) -> TargetTokens:
        """What follows the prompt; the stretch of a question is always the same."""
        tokens = self.answering.tokens
        (answer,) = tokens.bare([self.target(instance.question, instance.gold)])
        size = len(answer) + 1
        (gold,) = self.answering.read([instance.gold])
        starts = [i for i in range(len(gold)) if gold[i : i + len(answer)] == answer]
        sources = [[start + step for start in starts] for step in range(len(answer))]
        sources.append([len(gold) - 1] if starts else [])
        ids = [*answer, self.answering.end]
        if not instance.passages:
            return TargetTokens(ids, [True] * size, [False] * size, [[]] * size)
        rng = random.Random(f"{instance.question.id}/stretch")
        length = min(self.continuation_tokens, len(gold) - 2)
        first = rng.randrange(1, len(gold) - length)
        # A stretch begins anywhere, so its first token is given.
        given = min(length, 1)
        return TargetTokens(
            [*ids, *gold[first : first + length]],
            [True] * size + [False] * length,
            [False] * (size + given) + [True] * (length - given),
            [*sources, *([i] for i in range(first, first + length))],
        )


def _padded(rows: Sequence[Sequence[bool]], length: int) -> Tensor:
    return torch.tensor([[*row, *[False] * (length - len(row))] for row in rows])
