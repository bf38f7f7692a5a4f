"""Training instances: a question, its gold passage and hard negatives, in a fixed order of use."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.errors import DataError
from odqa.metrics.has_answer import has_answer
from odqa.training.data.hard_negatives import filter_false_negatives
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import NegativePart
from odqa.types import Hit, Passage, Question

if TYPE_CHECKING:
    from torch import Tensor

# Draws of another question's passage before it is given up: far more than any real source needs.
_MAX_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class TrainingInstance:
    """What one training item is made of.

    ``passages[0]`` is the gold passage, the others are negatives; ``teacher_scores`` holds a score
    for each of them, or is empty; ``retriever_scores`` are the retriever's scores of them.
    """

    question: Question
    passages: tuple[Passage, ...]
    teacher_scores: tuple[float, ...] = ()
    retriever_scores: tuple[float, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What a model reads of each passage: its title, if it has one, and its text."""
        return tuple(passage.full_text for passage in self.passages)


class InstanceSchedule:
    """All instances of a training, in the order in which they are used.

    A plain sequence in which item i is the same on every run: whoever resumes skips what was
    used, and gets the same items. Each source is gone through in shuffled rounds; sources are
    drawn by weight.

    Args:
        data: what is drawn from.
        weights: source -> relative frequency.
        negatives: how many, and how deep in the candidates.
        length: number of instances.
        seed: decides everything.
    """

    def __init__(
        self,
        data: TrainingData,
        weights: Mapping[str, float],
        negatives: NegativePart,
        length: int,
        seed: int,
    ) -> None:
        self._data = data
        self._negatives = negatives
        self._seed = seed
        self._pools: dict[str, list[str]] = {}
        self._order = sampling_order(data.train, weights, length, seed)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> TrainingInstance:
        """Instance ``index``.

        Raises:
            DataError: its source has too few questions to draw its negatives from.
        """
        labelled = self._order[index]
        rng = random.Random(f"{self._seed}/{index}")
        negatives = self._sample_negatives(labelled, rng)
        return make_instance(self._data, labelled, negatives, self._negatives.depth)

    def _sample_negatives(self, labelled: LabelledQuestion, rng: random.Random) -> list[str]:
        key = labelled.question.id
        if key not in self._pools:
            hits = self._data.candidates.get(key, [])[: self._negatives.depth]
            self._pools[key] = filter_false_negatives(
                self._data, labelled, hits, with_answers=self._negatives.with_answers
            )
        pool, count = self._pools[key], self._negatives.count
        # Too few may be left after filtering: passages of other questions fill up.
        sampled = rng.sample(pool, count) if len(pool) >= count else pool
        total = count + self._negatives.others
        same_source = self._data.train[labelled.source]
        for _ in range(_MAX_DRAWS):
            if len(sampled) == total:
                return sampled
            pid = rng.choice(same_source).gold_id
            if pid not in sampled and pid not in self._data.gold_ids(labelled.question):
                sampled = [*sampled, pid]
        raise DataError(
            f"too few questions to draw {total} negatives from",
            where=f"source '{labelled.source}'",
            cure="lower negatives.count and negatives.others, or give more questions",
        )


def make_instance(
    data: TrainingData, labelled: LabelledQuestion, negatives: Sequence[str], depth: int
) -> TrainingInstance:
    """Passages, retriever's and teacher's scores of a question's gold passage and negatives.

    Contexts of reading comprehension have no title, so their negatives lose theirs: a title must
    not tell the two apart.

    Args:
        data: what they are taken from.
        labelled: the question.
        negatives: ids of passages.
        depth: a passage that is not among this many best candidates has the score of the last.
    """
    ids = (labelled.gold_id, *negatives)
    passages = [data.passages[pid] for pid in ids]
    if not passages[0].title:
        passages = [Passage(passage.id, passage.text) for passage in passages]
    by_teacher = data.teacher_scores.get(labelled.question.id, {})
    teacher_scores = tuple(by_teacher[pid] for pid in ids if pid in by_teacher)
    hits = data.candidates.get(labelled.question.id, [])[:depth]
    return TrainingInstance(
        labelled.question,
        tuple(passages),
        teacher_scores if len(teacher_scores) == len(ids) else (),
        retriever_scores(hits, ids),
    )


def retriever_scores(hits: Sequence[Hit], ids: Sequence[str]) -> tuple[float, ...]:
    """The retriever's scores of passages; one that was not retrieved gets the lowest of them."""
    scores = {hit.passage_id: hit.score for hit in hits}
    lowest = min(scores.values(), default=0.0)
    return tuple(scores.get(pid, lowest) for pid in ids)


def stack_teacher_scores(instances: Sequence[TrainingInstance]) -> Tensor:
    """float32 [questions, passages] of instances of equal size; NaN where there is no teacher."""
    import torch

    missing = (float("nan"),) * len(instances[0].passages)
    return torch.tensor([instance.teacher_scores or missing for instance in instances])


def stack_retriever_scores(instances: Sequence[TrainingInstance]) -> Tensor:
    """float32 [questions, passages] of instances of equal size."""
    import torch

    return torch.tensor([instance.retriever_scores for instance in instances])


def in_batch_false_negatives(instances: Sequence[TrainingInstance]) -> Tensor:
    """Which passages of a batch are no negatives of which question.

    Args:
        instances: of equal size.

    Returns:
        bool [questions, passages of all questions], instance by instance: other questions'
        passages that are a question's gold passage too, or hold an accepted answer of it.
    """
    import torch

    width = len(instances[0].passages)
    passages = [passage for instance in instances for passage in instance.passages]
    return torch.tensor(
        [
            [
                column // width != row
                and (
                    passage.id == instance.passages[0].id
                    or has_answer(passage.full_text, instance.question.answers)
                )
                for column, passage in enumerate(passages)
            ]
            for row, instance in enumerate(instances)
        ]
    )


def sampling_order(
    sources: Mapping[str, Sequence[LabelledQuestion]],
    weights: Mapping[str, float],
    length: int,
    seed: int,
) -> list[LabelledQuestion]:
    """Which question is used when: sources by weight, each in shuffled rounds."""
    names = [name for name, weight in weights.items() if weight > 0 and sources.get(name)]
    rounds = {name: _rounds(sources[name], random.Random(f"{seed}/{name}")) for name in names}
    draws = random.Random(seed).choices(names, [weights[name] for name in names], k=length)
    return [next(rounds[name]) for name in draws]


def _rounds(labelled: Sequence[LabelledQuestion], rng: random.Random) -> Iterator[LabelledQuestion]:
    while True:
        yield from rng.sample(labelled, len(labelled))
