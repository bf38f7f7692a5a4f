"""A set of questions, in order."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from odqa.types import Question


@dataclass(frozen=True)
class QuestionSet:
    """Questions with unique ids."""

    name: str
    questions: tuple[Question, ...]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over ids, texts and answers in order."""
        content = [[q.id, q.text, *q.answers] for q in self.questions]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def take(self, n: int, seed: int | None = None) -> QuestionSet:
        """The first ``n``; with a seed, ``n`` drawn at random, in their old order."""
        if seed is None:
            return QuestionSet(f"{self.name}[first {n}]", self.questions[:n])
        drawn = sorted(random.Random(seed).sample(range(len(self)), min(n, len(self))))
        picked = tuple(self.questions[i] for i in drawn)
        return QuestionSet(f"{self.name}[{n} at random, seed {seed}]", picked)
