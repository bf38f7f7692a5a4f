"""Language model as reader: the answer is what it writes after a prompt.

Without passages (``passages: 0``) it answers from its weights, as Roberts et al. 2020 had T5 do;
with passages in the prompt it is the in-context retrieval augmentation of Ram et al. 2023. Both are
what RETRO's cross-attention (Borgeaud et al. 2022) is to be compared with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from odqa.generation import LanguageModel, LanguageModelConfig, Prompt, open_language_model
from odqa.generation.extraction import ExtractionConfig, extract
from odqa.generation.fitting import fitting
from odqa.generation.templates import check_template, fill
from odqa.interfaces import Cost, Reader
from odqa.meters.usage import note_count
from odqa.prepared_component import ModelComponent
from odqa.readers.evidence import with_evidence
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from odqa.cache import Cache


class LmReaderConfig(LanguageModelConfig, ExtractionConfig):
    """Parameters of the language model reader."""

    passages: int = Field(
        5,
        ge=0,
        le=1000,
        description="How many of the best passages stand in the prompt; 0: closed book.",
    )
    instruction: str = Field(
        "Answer the question in as few words as possible. Write the answer alone.",
        description="Before everything else; chat models get it as the system's message.",
    )
    prompt: str = Field(
        "{passages}Question: {question}\nAnswer:", description="With {passages} and {question}."
    )
    passage: str = Field(
        "[{number}] {passage}\n\n",
        description="Each of {passages}: {number} from 1, {passage} (title and text), {title}, "
        "{text}.",
    )
    stop: tuple[str, ...] | None = Field(
        None,
        description="The model stops before one of these; by default at the end of a line, if "
        "that is where answers end and the model knows no chat.",
    )
    max_answer_tokens: int = Field(
        32, ge=1, le=100_000, description="Most tokens that it writes, reasoning included."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> LmReaderConfig:
        self.check_extraction()
        needed = {"question", "passages"} if self.passages else {"question"}
        check_template("prompt", self.prompt, ("question", "passages"), needed)
        check_template("passage", self.passage, ("number", "passage", "title", "text"), ())
        if self.stop is not None and not all(self.stop):
            raise ValueError("stop has an empty text")
        return self

    @property
    def reads_passages(self) -> bool:
        """A closed book needs none."""
        return self.passages > 0


class LmReader(Reader[LmReaderConfig], ModelComponent[LmReaderConfig, LanguageModel]):
    """Answers with what a language model writes; its score is 0.

    Evidence is the first passage of the prompt that has the answer. A prompt that a local model
    cannot take loses its last passages, then words of the first one; how often that was, and how
    many answers could not be found, is counted in the stage's usage.
    """

    Config = LmReaderConfig
    type_name = "lm"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        config = self.config
        answers = [Answer("", 0.0)] * len(questions)
        asked = [i for i in range(len(questions)) if hits[i] or not config.reads_passages]
        passages = {i: self._passages(hits[i]) for i in asked}
        prompts = [self._prompt(questions[i], passages[i]) for i in asked]
        completions = self._model.complete(
            prompts, max_tokens=config.max_answer_tokens, stop=self._stop()
        )
        outcomes: Counter[str] = Counter()
        for i, completion in zip(asked, completions, strict=True):
            extracted = extract(completion.text, config)
            outcomes[extracted.outcome] += 1
            outcomes["cut"] += completion.is_cut and extracted.outcome != "answer"
            if extracted.outcome == "answer":
                answers[i] = with_evidence(extracted.text, 0.0, passages[i])
        note_count("answers not found", outcomes["not found"] + outcomes["empty"])
        note_count("of them cut off", outcomes["cut"])
        note_count("abstentions", outcomes["abstention"])
        return answers

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Prompt and ``max_answer_tokens`` new tokens (`odqa.encoders.generator_flops`)."""
        prompt = self._prompt(question, self._passages(hits))
        return self._model.cost([prompt], self.config.max_answer_tokens)

    def describe(self) -> dict[str, str]:
        config = self.config
        return {
            **self._model.facts(),
            "passages in the prompt": str(config.passages) if config.passages else "closed book",
            "answer": config.extract,
        }

    def _load(self, cache: Cache) -> LanguageModel:
        return open_language_model(self.config, cache)

    def _stop(self) -> tuple[str, ...]:
        config = self.config
        if config.stop is not None:
            return config.stop
        return () if self._model.is_chat or config.extract != "first_line" else ("\n",)

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        if not self.config.passages:
            return []
        corpus = self._corpus
        return [corpus.get(hit.passage_id) for hit in hits[: self.config.passages]]

    def _prompt(self, question: Query, passages: Sequence[Passage]) -> Prompt:
        config = self.config

        def write(shown: Sequence[Passage]) -> Prompt:
            texts = [
                fill(
                    config.passage,
                    {"number": n, "passage": p.full_text, "title": p.title, "text": p.text},
                )
                for n, p in enumerate(shown, start=1)
            ]
            values = {"question": question.text, "passages": "".join(texts)}
            return Prompt(fill(config.prompt, values), config.instruction)

        return fitting(self._model, write, passages, config.max_answer_tokens)
