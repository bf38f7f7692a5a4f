"""From what a language model wrote to an answer, by a rule that the spec states."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from odqa.generation.reasoning import without_reasoning
from odqa.interfaces import ComponentConfig

Rule = Literal["first_line", "after", "pattern", "all"]
#: How an extraction ended; all but ``answer`` leave no text.
Outcome = Literal["answer", "abstention", "empty", "not found"]

#: What models say in place of an answer that they do not have.
ABSTENTIONS = ("unknown", "i don't know", "i do not know", "no answer", "unanswerable", "n/a")


class ExtractionConfig(ComponentConfig):
    """Keys that say where the answer stands in what a model wrote."""

    extract: Rule = Field(
        "first_line",
        description="The answer: the first line that is not blank; the first line after the last "
        "marker; what pattern matches; or all of the text.",
    )
    marker: str = Field(
        "Answer:", min_length=1, max_length=200, description="What stands before it, for 'after'."
    )
    pattern: str | None = Field(
        None,
        max_length=1000,
        description="Regular expression for 'pattern'; its first group, if any, is the answer.",
    )
    abstain: tuple[str, ...] = Field(
        ABSTENTIONS,
        description="Answers that mean none, whatever their case and the full stop after them.",
    )

    def check_extraction(self) -> None:
        """
        Raises:
            ValueError: the keys do not fit together, for a validator of pydantic.
        """
        if (self.pattern is not None) != (self.extract == "pattern"):
            raise ValueError("pattern and extract: pattern go together")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"pattern is no regular expression ({error})") from None


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer, or why there is none."""

    text: str
    outcome: Outcome


def extract(text: str, config: ExtractionConfig) -> Extracted:
    """The answer in what a model wrote, its reasoning (`without_reasoning`) left out."""
    text = without_reasoning(text)
    if not text.strip():
        return Extracted("", "empty")
    found = _found(text, config)
    if found is None:
        return Extracted("", "not found")
    answer = found.strip()
    if not answer:
        return Extracted("", "empty")
    if _bare(answer) in _bare_all(config.abstain):
        return Extracted("", "abstention")
    return Extracted(answer, "answer")


def _found(text: str, config: ExtractionConfig) -> str | None:
    if config.extract == "all":
        return " ".join(text.split())
    if config.extract == "first_line":
        return _first_line(text)
    if config.extract == "after":
        _, mark, after = text.rpartition(config.marker)
        return _first_line(after) if mark else None
    assert config.pattern is not None
    match = re.search(config.pattern, text)
    if match is None:
        return None
    return " ".join(str(match[1] if match.re.groups and match[1] is not None else match[0]).split())


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _bare(text: str) -> str:
    return text.replace("’", "'").strip(" .!").casefold()


def _bare_all(texts: Collection[str]) -> set[str]:
    return {_bare(text) for text in texts}
