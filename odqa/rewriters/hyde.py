"""Hypothetical document embeddings (HyDE, Gao et al. 2022, section 3.2): search for an answer.

The model writes a passage that might answer the question, and passages like it are searched for.
"""

from __future__ import annotations

from pydantic import Field

from odqa.rewriters.prompted import PromptedRewriter, PromptedRewriterConfig


class HydeConfig(PromptedRewriterConfig):
    """Parameters of `HydeRewriter`."""

    prompt: str = Field(
        "Write a short passage that answers the question.\nQuestion: {question}\nPassage:",
        description="With {question}.",
    )


class HydeRewriter(PromptedRewriter[HydeConfig]):
    """Searches for a passage that a language model wrote, and for the question.

    The paper averages the vectors of several drawn passages and of the question; here is one
    passage, the likeliest, and what both texts find is fused by rank, with any retriever.
    """

    Config = HydeConfig
    type_name = "hyde"

    def _texts(self, completion: str) -> list[str]:
        text = " ".join(completion.split())
        # Marks alone find nothing.
        return [text] if any(character.isalnum() for character in text) else []
