"""What a reader is taught: questions, what they read, and every token that is to be predicted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from odqa.retro.answering import Answering
from odqa.retro.frames import pad_passages
from odqa.training.data.answer_spans import find_answers
from odqa.training.data.instances import GroupSchedule
from odqa.types import Passage, Question


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question, what it reads (nothing: closed-book), and the answer to be given."""

    question: Question
    gold: Passage
    passages: tuple[Passage, ...]

    @property
    def gold_place(self) -> int:
        """Where the gold passage stands among those read; 0 where none is."""
        return self.passages.index(self.gold) if self.passages else 0


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a prompt: the answer and its end, then a stretch to practise on.

    Attributes:
        ids: tokens.
        answer, practice: which of them are to be predicted, and why.
        places: for each of them, where in the gold passage it can be copied from.
    """

    ids: list[int]
    answer: list[bool]
    practice: list[bool]
    places: list[list[int]]


class LessonSchedule:
    """Groups as lessons, their passages shuffled.

    Args:
        groups: item i here is made of item i there.
        closed_book: share of items that read nothing.
        with_negatives: share of the others that read negatives beside the gold passage.
        seed: decides which.
    """

    def __init__(
        self, groups: GroupSchedule, closed_book: float, with_negatives: float, seed: int
    ) -> None:
        self._groups, self._seed = groups, seed
        self._closed_book, self._with_negatives = closed_book, with_negatives

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Lesson:
        group = self._groups[index]
        chance = random.Random(f"{self._seed}/{index}/lesson")
        gold, *others = group.passages
        if chance.random() < self._closed_book:
            return Lesson(group.question, gold, ())
        more = others if chance.random() < self._with_negatives else []
        return Lesson(group.question, gold, tuple(chance.sample([gold, *more], len(more) + 1)))


class LessonFormat:
    """Lessons as tensors, asked as a reader is asked.

    Args:
        asking: prompts and passages.
        max_answer_tokens: longest answer.
        copied: tokens of the stretch that is practised on, 0 for none.
    """

    def __init__(self, asking: Answering, max_answer_tokens: int, copied: int) -> None:
        self.asking, self.max_answer_tokens, self.copied = asking, max_answer_tokens, copied

    def target(self, question: Question, passage: Passage) -> str:
        """The first accepted answer that the model gets to see in a passage, as it stands there;
        empty where there is none, or none short enough."""
        text, tokens = passage.full_text, self.asking.tokens
        for answer in question.answers:
            for start, end in find_answers(text, [answer])[:1]:
                before, ids = tokens.bare([text[:end], text[start:end]])
                seen = len(before) + tokens.markers <= tokens.max_length
                if seen and len(ids) <= self.max_answer_tokens:
                    return text[start:end]
        return ""

    def batch(self, items: Sequence[Lesson]) -> dict[str, Any]:
        """Tensors of B lessons whose G passages stand one after the other.

        Returns:
            ``ids``, ``mask`` [B, T + S]: prompts that end a chunk, and tails of S tokens.
            ``answer``, ``practice`` [B, S]: which of these are to be predicted.
            ``points`` [B, S, n, r]: from where a token can be copied.
            ``passages``, ``passage_mask`` [G, r], and ``pairs`` [G, 2]: row and place of each.
        """
        asking, pad = self.asking, self.asking.tokens.pad
        frame = asking.frame([item.question.text for item in items])
        tails = [self.tail(item) for item in items]
        ids, mask = pad_passages([tail.ids for tail in tails], length=asking.chunk_length)
        read = asking.read([passage for item in items for passage in item.passages])
        passages, seen = pad_passages(read, length=asking.tokens.max_length, pad_id=pad)
        pairs = [(row, place) for row, i in enumerate(items) for place in range(len(i.passages))]
        size, most = ids.shape[1], max((place for _, place in pairs), default=0) + 1
        points = torch.zeros(len(items), size, most, passages.shape[1], dtype=torch.bool)
        for row, (item, tail) in enumerate(zip(items, tails, strict=True)):
            for step, places in enumerate(tail.places):
                points[row, step, item.gold_place, places] = True
        return {
            "ids": torch.cat((torch.from_numpy(frame.ids), torch.from_numpy(ids)), 1),
            "mask": torch.cat((torch.from_numpy(frame.mask), torch.from_numpy(mask)), 1),
            "answer": _padded([tail.answer for tail in tails], size),
            "practice": _padded([tail.practice for tail in tails], size),
            "points": points,
            "pairs": torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
            "passages": torch.from_numpy(passages),
            "passage_mask": torch.from_numpy(seen),
        }

    def tail(self, lesson: Lesson) -> Tail:
        """What follows the prompt; the stretch of a question is always the same."""
        tokens = self.asking.tokens
        (answer,) = tokens.bare([self.target(lesson.question, lesson.gold)])
        size = len(answer) + 1
        (read,) = self.asking.read([lesson.gold])
        starts = [i for i in range(len(read)) if read[i : i + len(answer)] == answer]
        places = [[start + step for start in starts] for step in range(len(answer))]
        places.append([len(read) - 1] if starts else [])
        if not lesson.passages:
            return Tail([*answer, self.asking.end], [True] * size, [False] * size, [[]] * size)
        chance = random.Random(f"{lesson.question.id}/stretch")
        length = min(self.copied, len(read) - 2)
        first = chance.randrange(1, len(read) - length)
        # A stretch begins anywhere, so its first token is given.
        given = min(length, 1)
        return Tail(
            [*answer, self.asking.end, *read[first : first + length]],
            [True] * size + [False] * length,
            [False] * (size + given) + [True] * (length - given),
            [*places, *([i] for i in range(first, first + length))],
        )


def _padded(rows: Sequence[Sequence[bool]], length: int) -> Tensor:
    return torch.tensor([[*row, *[False] * (length - len(row))] for row in rows])
