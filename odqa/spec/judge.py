"""The judge of a benchmark: a language model that says whether an answer is right."""

from __future__ import annotations

from pydantic import Field, model_validator

from odqa.generation.config import LanguageModelConfig
from odqa.generation.templates import check_template

_FIELDS = ("question", "answers", "prediction")


class JudgeConfig(LanguageModelConfig):
    """Parameters of the judge: a model, and what it is asked."""

    instruction: str = Field(
        "You judge whether an answer to a question is correct, given the accepted answers. It is, "
        "if it means the same as one of them, however it is worded.",
        description="Before everything else; chat models get it as the system's message.",
    )
    prompt: str = Field(
        "Question: {question}\nAccepted answers: {answers}\nGiven answer: {prediction}\n\n"
        "Is the given answer correct? Write Yes or No.\nVerdict:",
        description="With {question}, {answers} (the accepted ones) and {prediction}.",
    )
    separator: str = Field("; ", max_length=20, description="Between accepted answers.")
    yes: str = Field("Yes", min_length=1, max_length=50, description="The word for correct.")
    no: str = Field("No", min_length=1, max_length=50, description="The word for wrong.")
    max_answer_tokens: int = Field(
        8, ge=1, le=100_000, description="Most tokens that it writes, reasoning included."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> JudgeConfig:
        check_template("prompt", self.prompt, _FIELDS, ("question", "prediction"))
        if self.yes.strip().casefold() == self.no.strip().casefold():
            raise ValueError("yes and no are the same word")
        return self
