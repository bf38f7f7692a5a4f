"""Groups: a question, its gold passage and hard negatives. Item i is the same on every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.errors import DataError
from odqa.metrics.has_answer import has_answer
from odqa.training.data.training_data import Example, Examples
from odqa.training.recipes import NegativePart
from odqa.types import Hit, Passage, Question

if TYPE_CHECKING:
    from torch import Tensor

# Draws of another question's passage before it is given up: far more than any real source needs.
_TRIES = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """One training item.

    ``passages[0]`` is the gold passage, the others are negatives; ``teacher`` holds a score for
    each of them, or is empty; ``came`` the scores with which the retriever found them.
    """

    question: Question
    passages: tuple[Passage, ...]
    teacher: tuple[float, ...] = ()
    came: tuple[float, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What a model reads of each passage: its title, if it has one, and its text."""
        return tuple(passage.full_text for passage in self.passages)


class GroupSchedule:
    """All items of a training, in the order in which they are used.

    A plain sequence: whoever resumes skips what was used, and gets the same items. Each source is
    gone through in shuffled rounds; sources are drawn by weight.

    Args:
        examples: what is drawn from.
        weights: source -> relative frequency.
        negatives: how many, and how deep in the candidates.
        length: number of items.
        seed: decides everything.
    """

    def __init__(
        self,
        examples: Examples,
        weights: Mapping[str, float],
        negatives: NegativePart,
        length: int,
        seed: int,
    ) -> None:
        self._examples = examples
        self._negatives = negatives
        self._seed = seed
        self._pools: dict[str, list[str]] = {}
        self._plan = plan(examples.train, weights, length, seed)

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> Group:
        example = self._plan[index]
        chance = random.Random(f"{self._seed}/{index}")
        drawn = self._draw(example, chance)
        return group(self._examples, example, drawn, self._negatives.depth)

    def _draw(self, example: Example, chance: random.Random) -> list[str]:
        key = example.question.id
        if key not in self._pools:
            hits = self._examples.candidates.get(key, [])[: self._negatives.depth]
            self._pools[key] = true_negatives(
                self._examples, example, hits, with_answers=self._negatives.with_answers
            )
        pool, count = self._pools[key], self._negatives.count
        # Too few may be left after filtering: passages of other questions fill up.
        drawn = chance.sample(pool, count) if len(pool) >= count else pool
        wanted = count + self._negatives.others
        others = self._examples.train[example.source]
        for _ in range(_TRIES):
            if len(drawn) == wanted:
                return drawn
            other = chance.choice(others).gold
            if other not in drawn and other not in self._examples.golds(example.question):
                drawn = [*drawn, other]
        raise DataError(
            f"too few questions to draw {wanted} negatives from",
            where=f"source '{example.source}'",
            cure="lower negatives.count and negatives.others, or give more questions",
        )


def true_negatives(
    examples: Examples, example: Example, hits: Sequence[Hit], *, with_answers: bool = False
) -> list[str]:
    """Ids of hits that are neither a gold passage nor hold an accepted answer, in their order.

    Gold annotations name one passage; others that answer the question would be false negatives
    (Karpukhin et al. 2020, section 4.2; Qu et al. 2021, RocketQA). Title and text are looked at.
    The same question may be asked several times, with other contexts and other answers (NQ-Swap
    does so): what is gold for one of them is no negative of the others.

    Args:
        examples: what the hits are looked up in.
        example: whose negatives.
        hits: candidates.
        with_answers: keep passages that hold an accepted answer, but are no gold passage.
    """
    passages, right = examples.passages, {example.gold, *examples.golds(example.question)}
    return [
        hit.passage_id
        for hit in hits
        if hit.passage_id not in right
        and hit.passage_id in passages
        and (
            with_answers
            or not has_answer(passages[hit.passage_id].full_text, example.question.answers)
        )
    ]


def group(examples: Examples, example: Example, negatives: Sequence[str], depth: int) -> Group:
    """Texts, retriever's and teacher's scores of a question's gold passage and negatives.

    Contexts of reading comprehension have no title, so their negatives lose theirs: a title must
    not tell the two apart.

    Args:
        examples: what they are taken from.
        example: the question.
        negatives: ids of passages.
        depth: a passage that is not among this many best candidates has the score of the last.
    """
    ids = (example.gold, *negatives)
    found = [examples.passages[pid] for pid in ids]
    bare = not found[0].title
    known = examples.teacher.get(example.question.id, {})
    scores = tuple(known[pid] for pid in ids if pid in known)
    hits = examples.candidates.get(example.question.id, [])[:depth]
    return Group(
        example.question,
        tuple(Passage(passage.id, passage.text) if bare else passage for passage in found),
        scores if len(scores) == len(ids) else (),
        came_with(hits, ids),
    )


def came_with(hits: Sequence[Hit], ids: Sequence[str]) -> tuple[float, ...]:
    """The scores with which passages were found; one that was not has the lowest of them."""
    known = {hit.passage_id: hit.score for hit in hits}
    floor = min(known.values(), default=0.0)
    return tuple(known.get(pid, floor) for pid in ids)


def teacher_scores(groups: Sequence[Group]) -> Tensor:
    """float32 [questions, passages] of groups of equal size; NaN where there is no teacher."""
    import torch

    missing = (float("nan"),) * len(groups[0].passages)
    return torch.tensor([group.teacher or missing for group in groups])


def plan(
    sources: Mapping[str, Sequence[Example]], weights: Mapping[str, float], length: int, seed: int
) -> list[Example]:
    """Which example is used when: sources by weight, each in shuffled rounds."""
    chance = random.Random(seed)
    names = [name for name, weight in weights.items() if weight > 0 and sources.get(name)]
    rounds = {name: _rounds(sources[name], random.Random(f"{seed}/{name}")) for name in names}
    drawn = chance.choices(names, [weights[name] for name in names], k=length)
    return [next(rounds[name]) for name in drawn]


def _rounds(examples: Sequence[Example], chance: random.Random) -> Iterator[Example]:
    while True:
        yield from chance.sample(examples, len(examples))
