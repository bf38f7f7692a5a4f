"""Sentence encoder: one for questions and passages (Reimers and Gurevych 2019, section 3).

Trained as DPR's two are, so that a comparison of the two is one of architectures.
"""

from __future__ import annotations

from odqa.training.tasks.dpr import DprTask


class SentenceTask(DprTask):
    """One low-rank change of the base, for questions and passages alike."""

    kind = "sentence"
    sides = ("text", "text")

    def _name(self, side: str) -> str:
        return self.recipe.name
