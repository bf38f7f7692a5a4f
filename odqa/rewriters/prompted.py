"""What rewriters with a language model share: one completion a question, and texts made of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field, model_validator

from odqa.generation import LanguageModel, LanguageModelConfig, Prompt, open_language_model
from odqa.generation.reasoning import without_reasoning
from odqa.generation.templates import check_template, fill
from odqa.interfaces import Cost, Rewriter, RewriterConfig
from odqa.meters.usage import note_count
from odqa.prepared_component import ModelComponent
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache


class PromptedRewriterConfig(RewriterConfig, LanguageModelConfig):
    """Parameters of every rewriter that asks a language model."""

    #: Fields of the prompt beside the question.
    prompt_fields: ClassVar[tuple[str, ...]] = ()

    keep_question: bool = Field(
        True, description="Search for the question as asked, too, and fuse what all texts find."
    )
    instruction: str = Field(
        "", description="Before everything else; chat models get it as the system's message."
    )
    prompt: str = Field(description="With {question}.")
    max_answer_tokens: int = Field(
        128, ge=1, le=100_000, description="Most tokens that it writes, reasoning included."
    )

    @model_validator(mode="after")
    def _has_question(self) -> PromptedRewriterConfig:
        check_template("prompt", self.prompt, ("question", *self.prompt_fields), ("question",))
        return self


P = TypeVar("P", bound=PromptedRewriterConfig, covariant=True)


class PromptedRewriter(Rewriter[P], ModelComponent[P, LanguageModel]):
    """Asks a language model once for each question.

    Where it writes nothing that can be searched for, the question itself is, and that is counted.
    """

    def rewrite(self, queries: Sequence[Query]) -> list[list[str]]:
        config = self.config
        completions = self._model.complete(
            [self._prompt(query) for query in queries], max_tokens=config.max_answer_tokens
        )
        texts = [self._texts(without_reasoning(c.text)) for c in completions]
        note_count("questions searched for as asked", sum(not found for found in texts))
        return [
            list(
                dict.fromkeys([query.text, *found] if config.keep_question or not found else found)
            )
            for query, found in zip(queries, texts, strict=True)
        ]

    @abstractmethod
    def _texts(self, completion: str) -> list[str]:
        """Texts to search for, none of them empty, in what the model wrote."""

    def _values(self, query: Query) -> dict[str, object]:
        """Values of the prompt's fields."""
        return {"question": query.text}

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """The prompt and ``max_answer_tokens`` new tokens."""
        return self._model.cost([self._prompt(question)], self.config.max_answer_tokens)

    def describe(self) -> dict[str, str]:
        return self._model.facts()

    def _prompt(self, query: Query) -> Prompt:
        return Prompt(fill(self.config.prompt, self._values(query)), self.config.instruction)

    def _load(self, cache: Cache) -> LanguageModel:
        return open_language_model(self.config, cache)
