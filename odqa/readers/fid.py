"""Fusion-in-Decoder (Izacard and Grave 2021): passages are encoded apart and read together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.seq2seq import Generated
from odqa.interfaces import Cost
from odqa.readers.generative import GenerativeConfig, GenerativeReader
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from torch import Tensor


class FidConfig(GenerativeConfig):
    """Parameters of the Fusion-in-Decoder reader."""

    checkpoint: PathText = Field(
        "embedded:fid",
        description="Folder, embedded:NAME or hub id of an encoder-decoder (T5, BART).",
    )


class FidReader(GenerativeReader[FidConfig]):
    """Generates the answer from the states of all passages, concatenated (section 3)."""

    Config = FidConfig
    type_name = "fid"
    label = "FiD"

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Every passage encoded once, and ``max_answer_tokens`` decoded over all, beam by beam."""
        rows = self._rows(question, self._passages(hits))
        if not rows:
            return Cost(self._model.parameters, 0.0)
        lengths, beams = [len(row) for row in rows], self.config.beams
        one = self._model.cost(lengths, self.config.max_answer_tokens)
        encoded = self._model.cost(lengths, 0)
        if one.gflop is None or encoded.gflop is None:
            return one
        return Cost(one.parameters, encoded.gflop + beams * (one.gflop - encoded.gflop))

    def _text(self, question: str, passage: Passage) -> str:
        return fid_text(question, passage)

    def _generate(
        self, states: Sequence[Sequence[Tensor]], hits: Sequence[Sequence[Hit]]
    ) -> list[Generated]:
        import torch

        joined = [torch.cat(list(of_question)) for of_question in states]
        config = self.config
        return self._model.generate(joined, max_new=config.max_answer_tokens, beams=config.beams)


def fid_text(question: str, passage: Passage) -> str:
    """What the encoder reads: the words of the paper before question, title and text."""
    return f"question: {question} title: {passage.title} context: {passage.text}"
