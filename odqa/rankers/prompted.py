"""What rankers with a language model share: keys and texts of passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.generation import LanguageModelConfig
from odqa.interfaces import RankerConfig
from odqa.types import Hit

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus


class PromptedConfig(RankerConfig, LanguageModelConfig):
    """Parameters of every ranker that shows passages to a language model."""

    passage_words: int = Field(
        150, ge=1, le=1_000_000, description="Words of title and text that the model is shown."
    )


def shown_texts(corpus: Corpus, hits: Sequence[Hit], words: int) -> list[str]:
    """Title and text of each hit on one line, at most so many words."""
    return [" ".join(corpus.get(hit.passage_id).full_text.split()[:words]) for hit in hits]
