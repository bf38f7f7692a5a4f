"""Listwise ranking by a language model (RankGPT, Sun et al. 2023).

The model sees a window of numbered passages and writes their order; the window moves from the end
of the list to its beginning, so that a good passage is carried up from wherever it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from odqa.generation import LanguageModel, Prompt, open_language_model
from odqa.generation.templates import check_template, fill
from odqa.interfaces import Cost, Ranker
from odqa.meters.usage import note_count
from odqa.prepared_component import ModelComponent
from odqa.rankers.permutation import Permutation, parse_permutation, reordered, windows
from odqa.rankers.prompted import PromptedConfig, shown_texts
from odqa.ranking import reranked
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache

#: Tokens that one number with brackets and ``>`` takes at most.
_TOKENS_PER_PASSAGE = 8


class LlmListwiseConfig(PromptedConfig):
    """Parameters of the listwise ranker."""

    window: int = Field(20, ge=2, le=1000, description="Passages that the model orders at a time.")
    step: int = Field(10, ge=1, le=1000, description="How far the window moves towards the top.")
    instruction: str = Field(
        "You order passages by how relevant they are to a search query.",
        description="Before everything else; chat models get it as the system's message.",
    )
    prompt: str = Field(
        "Here are {n} passages, each with its number in brackets.\n\n{passages}\n"
        "Search query: {question}\n\n"
        "Order all {n} passages by relevance to the query, the most relevant first. Write their "
        "numbers alone, in this form: [2] > [1] > [3]",
        description="With {passages}, {question} and {n}, how many passages there are.",
    )
    passage: str = Field(
        "[{number}] {passage}\n", description="Each of {passages}: {number} and {passage}."
    )
    max_answer_tokens: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Most tokens that it writes, reasoning included; default: 8 per passage.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> LlmListwiseConfig:
        if self.step > self.window:
            raise ValueError(f"step {self.step} leaves passages out of windows of {self.window}")
        needed = ("question", "passages")
        check_template("prompt", self.prompt, (*needed, "n"), needed)
        check_template("passage", self.passage, ("number", "passage"), ("number", "passage"))
        return self


class LlmListwiseRanker(
    Ranker[LlmListwiseConfig], ModelComponent[LlmListwiseConfig, LanguageModel]
):
    """Reorders hits as a language model writes; scores are reciprocal ranks.

    Hits are first put in the order of their scores. What the model leaves out, repeats or invents
    is repaired (`parse_permutation`) and counted in the stage's usage. A single passage is not
    shown to it.
    """

    Config = LlmListwiseConfig
    type_name = "llm_listwise"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        # Ties keep the order in which they came.
        lists = [sorted(question_hits, key=lambda hit: -hit.score) for question_hits in hits]
        texts = [self._texts(question_hits) for question_hits in lists]
        orders = [list(range(len(question_hits))) for question_hits in lists]
        waiting = [self._windows(len(question_hits)) for question_hits in lists]
        counts: Counter[str] = Counter()
        # A window needs the order of the one below it; those of different questions go together.
        for turn in range(max(map(len, waiting), default=0)):
            asked = [i for i, of_question in enumerate(waiting) if turn < len(of_question)]
            prompts = [
                self._prompt(questions[i], texts[i], orders[i], waiting[i][turn]) for i in asked
            ]
            completions = self._model.complete(prompts, max_tokens=self._max_tokens())
            for i, completion in zip(asked, completions, strict=True):
                window = waiting[i][turn]
                permutation = parse_permutation(completion.text, len(window))
                _count(counts, permutation)
                orders[i] = reordered(orders[i], window, permutation)
        for name in ("windows", "orders not found", "orders repaired", *_KINDS):
            note_count(name, counts[name])
        return [
            _by_rank(question_hits, order, k)
            for question_hits, order in zip(lists, orders, strict=True)
        ]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """A prompt and its answer for every window (`odqa.encoders.generator_flops`)."""
        texts, order = self._texts(hits), list(range(len(hits)))
        prompts = [
            self._prompt(question, texts, order, window) for window in self._windows(len(hits))
        ]
        return self._model.cost(prompts, self._max_tokens())

    def describe(self) -> dict[str, str]:
        return {
            **self._model.facts(),
            "window": f"{self.config.window} passages, step {self.config.step}",
            "passage words (at most)": str(self.config.passage_words),
        }

    def _load(self, cache: Cache) -> LanguageModel:
        return open_language_model(self.config, cache)

    def _max_tokens(self) -> int:
        return self.config.max_answer_tokens or _TOKENS_PER_PASSAGE * self.config.window

    def _windows(self, n: int) -> list[range]:
        return [] if n < 2 else list(windows(n, self.config.window, self.config.step))

    def _texts(self, hits: Sequence[Hit]) -> list[str]:
        return shown_texts(self._corpus, hits, self.config.passage_words)

    def _prompt(
        self, question: Query, texts: Sequence[str], order: Sequence[int], window: range
    ) -> Prompt:
        passages = "".join(
            fill(self.config.passage, {"number": number, "passage": texts[order[position]]})
            for number, position in enumerate(window, start=1)
        )
        values = {"question": question.text, "passages": passages, "n": len(window)}
        return Prompt(fill(self.config.prompt, values), self.config.instruction)


_KINDS = ("passages left out", "passages repeated", "numbers of no passage")


def _count(counts: Counter[str], permutation: Permutation) -> None:
    counts["windows"] += 1
    counts["orders not found"] += not permutation.is_found
    counts["orders repaired"] += permutation.is_repaired
    figures = (permutation.missing, permutation.repeated, permutation.unknown)
    counts.update(dict(zip(_KINDS, figures, strict=True)))


def _by_rank(hits: Sequence[Hit], order: Sequence[int], k: int) -> list[Hit]:
    ordered = [hits[position] for position in order]
    return reranked(ordered, [1 / rank for rank in range(1, len(ordered) + 1)], k)
