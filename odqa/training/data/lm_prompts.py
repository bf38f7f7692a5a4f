"""Texts that a small causal language model is trained on: passages, and prompts with answers."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from odqa.training.data.answer_spans import find_answers
from odqa.types import Passage, Question

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class PromptedText:
    """What is given, and what is to be said next; each is tokenised by itself."""

    prompt: str
    target: str


def plain(passage: Passage) -> PromptedText:
    """A passage as it stands."""
    return PromptedText("", passage.full_text)


def answered(question: str, answer: str, passages: Sequence[Passage] = ()) -> PromptedText:
    """A question with its answer, and between them the passages that are read for it.

    The question comes first: a causal model sees it while it reads.
    """
    contexts = "".join(f"context: {passage.full_text}\n" for passage in passages)
    return PromptedText(f"question: {question}\n{contexts}answer:", answer)


def asked(question: str, passage: Passage) -> PromptedText:
    """A passage with a question about it, in the words of UPR (Sachan et al. 2022, section 3)."""
    prompt = f"Passage: {passage.full_text}. Please write a question based on this passage."
    return PromptedText(prompt, question)


def answer_in(passage: Passage, question: Question) -> str:
    """The first accepted answer that stands in a passage, as it stands there; else the first."""
    for answer in question.answers:
        for start, end in find_answers(passage.text, [answer])[:1]:
            return passage.text[start:end]
    return question.answers[0] if question.answers else ""


def cropped(passage: Passage, answer: str, words: int, rng: random.Random) -> Passage:
    """At most so many words of a passage, with the answer among them wherever it stands there.

    Contexts of reading comprehension are several times as long as a passage; their length, and
    where in them answers stand, must not tell the two apart.
    """
    spans = [match.span() for match in _WORD.finditer(passage.text)]
    if len(spans) <= words:
        return passage
    places = find_answers(passage.text, [answer])[:1] or [(0, 1)]
    first = next(i for i, (_, end) in enumerate(spans) if end > places[0][0])
    last = max(i for i, (start, _) in enumerate(spans) if start < places[0][1])
    lowest = max(0, min(last - words + 1, first))
    start = rng.randint(lowest, max(lowest, min(first, len(spans) - words)))
    end = min(start + words, len(spans))
    return Passage(passage.id, passage.text[spans[start][0] : spans[end - 1][1]], passage.title)
