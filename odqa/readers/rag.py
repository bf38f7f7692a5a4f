"""Retrieval-augmented generation (Lewis et al. 2020): passages are read apart, answers summed up.

Both models take the passage as a latent variable z of the question x. Its probability p(z|x) is
the softmax of the incoming scores over the passages that are read.
"""

from __future__ import annotations

import string
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from odqa.encoders.seq2seq import Generated
from odqa.interfaces import Cost
from odqa.readers.generative import GenerativeConfig, GenerativeReader
from odqa.types import Hit, Passage, Query

if TYPE_CHECKING:
    from torch import Tensor

_PLACES = ("question", "title", "text")


class RagConfig(GenerativeConfig):
    """Parameters of both RAG readers."""

    passages: int = Field(
        5, ge=1, le=100_000, description="How many of the best passages are read (K)."
    )
    input: str = Field(
        "{title} / {text} // {question}",
        max_length=1000,
        description="What the encoder reads of one passage; {question}, {title} and {text} are "
        "filled in. Default: as RAG's own models were trained.",
    )
    score_scale: float = Field(
        1.0,
        ge=0,
        le=1e6,
        description="p(passage) is the softmax of incoming scores times this; 0: all alike.",
    )
    max_length: int = Field(
        300, ge=8, le=1_000_000, description="Tokens of this input; the rest is cut."
    )

    @field_validator("input")
    @classmethod
    def _has_places(cls, value: str) -> str:
        try:
            names = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        except ValueError as error:
            raise ValueError(f"not a text with places to fill in ({error})") from error
        if unknown := sorted(names - set(_PLACES)):
            raise ValueError(
                f"{{{unknown[0]}}} is no place to fill in; known: {', '.join(_PLACES)}"
            )
        if missing := [name for name in ("question", "text") if name not in names]:
            raise ValueError(f"has no {{{missing[0]}}}")
        return value


class RagReader(GenerativeReader[RagConfig]):
    """What both share; a subclass says how an answer's probability comes of its passages.

    The score is log p(answer | question).
    """

    Config = RagConfig
    label = "RAG"

    @abstractmethod
    def _best(
        self, states: Sequence[Sequence[Tensor]], priors: Sequence[Tensor]
    ) -> list[Generated]:
        """One answer per question.

        Args:
            states: question -> passage -> encoder states [tokens, width].
            priors: question -> log p(z|x) [passages].
        """

    @abstractmethod
    def _decodings(self, passages: int) -> int:
        """How often a sequence is decoded over one of so many passages."""

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Every passage encoded, and ``max_answer_tokens`` decoded over each by itself."""
        rows = self._rows(question, self._passages(hits))
        new, gflop = self.config.max_answer_tokens, 0.0
        for row in rows:
            encoded = self._model.cost([len(row)], 0).gflop
            decoded = self._model.cost([len(row)], new).gflop
            if encoded is None or decoded is None:
                return Cost(self._model.parameters)
            times = self._decodings(len(rows))
            gflop += encoded + times * (decoded - encoded)
        return Cost(self._model.parameters, gflop)

    def _text(self, question: str, passage: Passage) -> str:
        return self.config.input.format(question=question, title=passage.title, text=passage.text)

    def _generate(
        self, states: Sequence[Sequence[Tensor]], hits: Sequence[Sequence[Hit]]
    ) -> list[Generated]:
        return self._best(states, [self._prior(question_hits) for question_hits in hits])

    def _prior(self, hits: Sequence[Hit]) -> Tensor:
        """log p(z|x) [passages], float32."""
        import torch

        scores = torch.tensor([hit.score for hit in hits], dtype=torch.float64)
        prior = (self.config.score_scale * scores).log_softmax(0)
        return prior.to(self._model.device, torch.float32)


class RagSequenceReader(RagReader):
    """One passage makes a whole answer: p(y|x) = sum_z p(z|x) prod_i p(y_i|x, z, y_<i).

    Thorough decoding (section 2.5): a search over each passage by itself proposes answers, and
    every one of them is scored over all passages.
    """

    type_name = "rag_sequence"

    def _decodings(self, passages: int) -> int:
        """The search, and at most as many scorings as all searches return."""
        return self.config.beams * (1 + passages)

    def _best(
        self, states: Sequence[Sequence[Tensor]], priors: Sequence[Tensor]
    ) -> list[Generated]:
        beams = self.config.beams
        flat = [state for part in states for state in part]
        proposed = iter(
            self._model.generate(
                flat, max_new=self.config.max_answer_tokens, beams=beams, returned=beams
            )
        )
        out = []
        for part, prior in zip(states, priors, strict=True):
            answers = [next(proposed).ids for _ in range(beams * len(part))]
            distinct = list({tuple(ids): ids for ids in answers}.values())
            scores = self._likelihoods(part, prior, distinct)
            best = max(range(len(distinct)), key=lambda i: scores[i])
            out.append(Generated(distinct[best], scores[best]))
        return out

    def _likelihoods(
        self, states: Sequence[Tensor], prior: Tensor, answers: list[list[int]]
    ) -> list[float]:
        """log p(y|x) of every answer.

        A start token that all answers are forced to begin with is no part of them, and padding
        within one counts nothing, as in transformers.
        """
        import torch

        model = self._model
        pad, bos = model.tokenizer.pad_token_id, getattr(model.config, "bos_token_id", None)
        skipped = int(bos is not None and all(ids[0] == bos for ids in answers))
        out = []
        for ids in answers:
            counted = torch.tensor([t != pad for t in ids], device=model.device)
            counted[:skipped] = False
            each = model.log_probabilities(states, [ids] * len(states))
            sums = torch.stack([scores[counted].sum() for scores in each])
            out.append(float((prior + sums).logsumexp(0)))
        return out


class RagTokenReader(RagReader):
    """Every token may come of another passage: p(y|x) = prod_i sum_z p(z|x) p(y_i|x, z, y_<i)."""

    type_name = "rag_token"

    def _decodings(self, passages: int) -> int:
        return self.config.beams

    def _best(
        self, states: Sequence[Sequence[Tensor]], priors: Sequence[Tensor]
    ) -> list[Generated]:
        from odqa.encoders.marginal import Marginal

        flat = [state for part in states for state in part]
        generated = self._model.generate(
            flat,
            max_new=self.config.max_answer_tokens,
            beams=self.config.beams,
            processors=[Marginal(priors)],
        )
        # All passages of a question say the same.
        firsts = [sum(map(len, states[:at])) for at in range(len(states))]
        return [generated[first] for first in firsts]
