"""Questions with their gold passages, from retrieval data and from reading comprehension."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from odqa.data.dpr_tsv import read_passages
from odqa.data.lines import text_lines
from odqa.data.nq_open import read_questions
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run
from odqa.errors import DataError
from odqa.training.recipes import DataPart
from odqa.types import Hit, Passage, Question

NQ = "nq"


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the id of its gold passage, and where both come from."""

    question: Question
    gold: str
    source: str


@dataclass(slots=True)
class Examples:
    """Everything a task draws its batches from.

    Attributes:
        passages: id -> passage: the corpus, and the contexts of the reading sources.
        train: source -> examples.
        held_out: examples of NQ that are never trained on: what a training is chosen by.
        candidates: question id -> mined hits, best first.
        teacher: question id -> passage id -> a teacher's score.
    """

    passages: dict[str, Passage]
    train: dict[str, list[Example]]
    held_out: list[Example]
    candidates: dict[str, list[Hit]] = field(default_factory=dict)
    teacher: dict[str, dict[str, float]] = field(default_factory=dict)
    _golds: dict[str, set[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for example in [*self.held_out, *(e for source in self.train.values() for e in source)]:
            self._golds.setdefault(_plain(example.question.text), set()).add(example.gold)

    def golds(self, question: Question) -> set[str]:
        """Gold passages of all rows that ask the same, of any source."""
        return self._golds.get(_plain(question.text), set())


def load_examples(data: DataPart, seed: int) -> Examples:
    """Read the sources of a recipe; runs must have been mined before.

    Raises:
        DataError: a file is missing, not named or broken, or a gold passage is not in the corpus.
    """
    if data.questions is None or data.qrels is None:
        raise DataError(
            "the task needs questions and their gold passages",
            where="data",
            cure="name data.questions and data.qrels in the recipe",
        )
    passages = {passage.id: passage for passage in read_passages(data.root / data.corpus)}
    gold = read_qrels(data.root / data.qrels)
    nq: list[Example] = []
    for question in read_questions(data.root / data.questions).questions:
        relevant = [pid for pid, grade in gold.get(question.id, {}).items() if grade > 0]
        if relevant and relevant[0] not in passages:
            raise DataError(
                f"gold passage '{relevant[0]}' of '{question.id}' is not in the corpus",
                where=str(data.root / data.qrels),
            )
        nq.extend(Example(question, pid, NQ) for pid in relevant[:1])
    held_out, train = _split(nq, data.held_out, seed)
    sources = {NQ: train}
    asked = {_plain(example.question.text) for example in held_out}
    for name, path in data.reading.items():
        found, contexts = read_reading(data.root / path, name)
        passages |= contexts
        sources[name] = [e for e in found if _plain(e.question.text) not in asked]
    examples = Examples(passages, sources, held_out)
    for path in data.candidates:
        examples.candidates |= read_run(data.mined / path)
    examples.teacher = _mean([read_run(data.mined / path) for path in data.teacher])
    return examples


def _mean(runs: Sequence[Mapping[str, Sequence[Hit]]]) -> dict[str, dict[str, float]]:
    """Mean score of every passage that all of the runs hold for a question."""
    if not runs:
        return {}
    scores = [{q: {h.passage_id: h.score for h in hits} for q, hits in run.items()} for run in runs]
    first, *others = scores
    return {
        question: {
            pid: fmean([score, *(other[question][pid] for other in others)])
            for pid, score in known.items()
            if all(pid in other.get(question, {}) for other in others)
        }
        for question, known in first.items()
    }


def read_reading(path: Path, name: str) -> tuple[list[Example], dict[str, Passage]]:
    """Reading comprehension: ``{"question", "context", "answers"}`` a line.

    Each distinct context becomes a passage ``NAME-cN`` without title, each row a question
    ``NAME-N``. Spaces that a tokeniser left before punctuation are removed from both contexts and
    answers, so that they look like the passages of a corpus.

    Raises:
        DataError: a line is not JSON or lacks a key.
    """
    examples: list[Example] = []
    passages: dict[str, Passage] = {}
    ids: dict[str, str] = {}
    for number, line in enumerate(text_lines(path), start=1):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
            question, context, answers = row["question"], row["context"], row["answers"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "not a JSON object with question, context and answers", where=where
            ) from error
        text = detokenised(context)
        pid = ids.setdefault(text, f"{name}-c{len(ids)}")
        passages[pid] = Passage(pid, text)
        kept = tuple(dict.fromkeys(detokenised(answer) for answer in answers))
        examples.append(Example(Question(f"{name}-{number - 1}", question, kept), pid, name))
    return examples, passages


_BEFORE = re.compile(r" (?=(?:[,.;:!?%)\]]|'s\b|n't\b|''))")
_AFTER = re.compile(r"(?<=[(\[$]) ")
_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")
_TAG = re.compile(r"</?T[a-z]+(?: [^>]*)?>", re.IGNORECASE)


def detokenised(text: str) -> str:
    """Text without the spaces of a word tokeniser and without the table tags of NQ's HTML."""
    plain = _TAG.sub(" ", text).replace("`` ", '"').replace(" ''", '"')
    plain = " ".join(plain.split())
    return _HYPHEN.sub("-", _AFTER.sub("", _BEFORE.sub("", plain))).strip()


def _split(
    examples: list[Example], held_out: int, seed: int
) -> tuple[list[Example], list[Example]]:
    if held_out >= len(examples):
        raise DataError(
            f"{len(examples)} questions with a gold passage, {held_out} to be held out",
            where="data.held_out",
            cure="hold out fewer",
        )
    order = random.Random(seed).sample(range(len(examples)), len(examples))
    apart = set(order[:held_out])
    return (
        [e for i, e in enumerate(examples) if i in apart],
        [e for i, e in enumerate(examples) if i not in apart],
    )


def _plain(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.lower()))


def gold_rank(hits: list[Hit], gold: str) -> int | None:
    """Position of the gold passage, from 0."""
    return next((rank for rank, hit in enumerate(hits) if hit.passage_id == gold), None)


def order_figures(ranks: Mapping[str, int | None]) -> dict[str, float]:
    """R@1, R@5 and MRR@10 of gold positions (from 0, None: not found)."""
    found = list(ranks.values())
    n = max(len(found), 1)
    return {
        "R@1": sum(rank == 0 for rank in found) / n,
        "R@5": sum(rank is not None and rank < 5 for rank in found) / n,
        "MRR@10": sum(1 / (rank + 1) for rank in found if rank is not None and rank < 10) / n,
    }
