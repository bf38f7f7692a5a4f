"""Pointwise ranking by a language model: is this passage relevant, yes or no?

The relevance generation of Liang et al. 2022, with the score of Nogueira et al. 2020 (monoT5): the
two words count against each other, and no other token does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from odqa.generation import LanguageModel, Prompt, open_language_model
from odqa.generation.templates import check_template, fill
from odqa.generation.yes_no import bare, parse_yes_no
from odqa.interfaces import Cost, Ranker
from odqa.meters.usage import note_count
from odqa.prepared_component import ModelComponent
from odqa.rankers.prompted import PromptedConfig, shown_texts
from odqa.ranking import reranked
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache


class LlmPointwiseConfig(PromptedConfig):
    """Parameters of the pointwise ranker."""

    score: Literal["logprobs", "text"] = Field(
        "logprobs",
        description="logprobs: log-odds of yes against no as first token; text: 1 for yes, 0 for "
        "no, for servers without log-probabilities.",
    )
    instruction: str = Field(
        "You judge whether a passage answers a question.",
        description="Before everything else; chat models get it as the system's message.",
    )
    prompt: str = Field(
        "Passage: {passage}\n\nQuestion: {question}\n\n"
        "Does the passage answer the question? Write Yes or No.\nAnswer:",
        description="With {passage} and {question}.",
    )
    yes: str = Field("Yes", min_length=1, max_length=50, description="The word for relevant.")
    no: str = Field("No", min_length=1, max_length=50, description="The word for not relevant.")
    max_answer_tokens: int = Field(
        8, ge=1, le=100_000, description="Most tokens that it writes, with score: text."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> LlmPointwiseConfig:
        fields = ("question", "passage")
        check_template("prompt", self.prompt, fields, fields)
        if bare(self.yes) == bare(self.no):
            raise ValueError("yes and no are the same word")
        return self


class LlmPointwiseRanker(
    Ranker[LlmPointwiseConfig], ModelComponent[LlmPointwiseConfig, LanguageModel]
):
    """Reorders hits by how sure a language model is that they answer the question.

    With ``score: text``, an answer that begins with neither word scores 0.5 and is counted.
    """

    Config = LlmPointwiseConfig
    type_name = "llm_pointwise"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        pairs = zip(questions, hits, strict=True)
        prompts = [self._prompts(question, question_hits) for question, question_hits in pairs]
        scores = iter(self._scores([prompt for of_question in prompts for prompt in of_question]))
        return [
            reranked(question_hits, [next(scores) for _ in question_hits], k, question.id)
            for question, question_hits in zip(questions, hits, strict=True)
        ]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """A prompt for every passage, and its answer with ``score: text``."""
        new = self.config.max_answer_tokens if self.config.score == "text" else 1
        return self._model.cost(self._prompts(question, hits), new)

    def describe(self) -> dict[str, str]:
        return {
            **self._model.facts(),
            "score": self.config.score,
            "passage words (at most)": str(self.config.passage_words),
        }

    def _load(self, cache: Cache) -> LanguageModel:
        return open_language_model(self.config, cache)

    def _prompts(self, question: Query, hits: Sequence[Hit]) -> list[Prompt]:
        config = self.config
        return [
            Prompt(
                fill(config.prompt, {"question": question.text, "passage": text}),
                config.instruction,
            )
            for text in shown_texts(self._corpus, hits, config.passage_words)
        ]

    def _scores(self, prompts: Sequence[Prompt]) -> list[float]:
        config = self.config
        if config.score == "logprobs":
            values = self._model.choose(prompts, (config.yes, config.no))
            return [yes - no for yes, no in values]
        completions = self._model.complete(prompts, max_tokens=config.max_answer_tokens)
        verdicts = [parse_yes_no(c.text, config.yes, config.no) for c in completions]
        note_count("answers neither yes nor no", verdicts.count(None))
        return [0.5 if verdict is None else float(verdict) for verdict in verdicts]
