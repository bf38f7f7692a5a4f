"""Retrieval-augmented generation (Lewis et al. 2020): passages are read apart, answers summed up.

Both models take the passage as a latent variable z of the question x. Its probability p(z|x) is
the softmax of the incoming scores over the passages that are read.
"""

from __future__ import annotations

import math
import string
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from odqa.bounds import PathText
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.seq2seq import Generated, Seq2Seq, load_seq2seq
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, Reader
from odqa.prepared_component import Opened, PreparedComponent
from odqa.progress import progress
from odqa.readers.evidence import with_evidence
from odqa.types import Answer, Hit, Passage, Query

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

_PLACES = ("question", "title", "text")


class RagConfig(ModelConfig):
    """Parameters of both RAG readers."""

    checkpoint: PathText = Field(
        description="Folder, embedded:NAME or hub id of an encoder-decoder (BART, T5)."
    )
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
    max_answer_tokens: int = Field(
        32, ge=1, le=1_000_000, description="Longest answer, its end included."
    )
    beams: int = Field(1, ge=1, le=100, description="Beams of the search; 1 is greedy.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Passages per forward pass.")

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


class RagReader(Reader[RagConfig], PreparedComponent[RagConfig, Seq2Seq, None]):
    """What both share; a subclass says how an answer's probability comes of its passages.

    The score is log p(answer | question). Evidence is the first passage that holds the answer.
    """

    Config = RagConfig
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    @abstractmethod
    def _best(self, states: list[list[Tensor]], priors: list[Tensor]) -> list[Generated]:
        """One answer per question.

        Args:
            states: question -> passage -> encoder states [tokens, width].
            priors: question -> log p(z|x) [passages].
        """

    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        answers = [Answer("", 0.0)] * len(questions)
        answerable = [i for i, question_hits in enumerate(hits) if question_hits]
        size = max(1, self.config.batch_size // self.config.passages)
        starts = range(0, len(answerable), size)
        for start in progress(starts, "RAG reads", len(starts), unit="batch"):
            batch = answerable[start : start + size]
            read = [hits[i][: self.config.passages] for i in batch]
            found = self._read([questions[i] for i in batch], read)
            for i, answer in zip(batch, found, strict=True):
                answers[i] = answer
        return answers

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Every passage encoded, and ``max_answer_tokens`` decoded over each by itself."""
        rows = self._rows(question, self._passages(hits[: self.config.passages]))
        new, gflop = self.config.max_answer_tokens, 0.0
        for row in rows:
            encoded = self._model.cost([len(row)], 0).gflop
            decoded = self._model.cost([len(row)], new).gflop
            if encoded is None or decoded is None:
                return Cost(self._model.parameters)
            times = self._decodings(len(rows))
            gflop += encoded + times * (decoded - encoded)
        return Cost(self._model.parameters, gflop)

    def describe(self) -> dict[str, str]:
        beams = self.config.beams
        return {
            **self._model.facts(),
            "passages": str(self.config.passages),
            "passage tokens (at most)": str(self.config.max_length),
            "search": "greedy" if beams == 1 else f"{beams} beams",
        }

    @abstractmethod
    def _decodings(self, passages: int) -> int:
        """How often a sequence is decoded over one of so many passages."""

    def _load(self, cache: Cache) -> Seq2Seq:
        config = self.config
        return load_seq2seq(
            config.checkpoint,
            cache,
            max_length=config.max_length,
            max_new=config.max_answer_tokens,
            device=config.device,
            precision=config.precision,
        )

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[None]:
        return Opened(None)

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id) for hit in hits]

    def _rows(self, question: Query, passages: Sequence[Passage]) -> list[list[int]]:
        texts = [
            self.config.input.format(question=question.text, title=p.title, text=p.text)
            for p in passages
        ]
        return self._model.tokenise(texts, self.config.max_length)

    def _prior(self, hits: Sequence[Hit]) -> Tensor:
        """log p(z|x) [passages], float32."""
        import torch

        scores = torch.tensor([hit.score for hit in hits], dtype=torch.float64)
        prior = (self.config.score_scale * scores).log_softmax(0)
        return prior.to(self._model.device, torch.float32)

    def _read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        model = self._model
        passages = [self._passages(question_hits) for question_hits in hits]
        rows = [self._rows(*pair) for pair in zip(questions, passages, strict=True)]
        flat = iter(model.encode([row for part in rows for row in part], self.config.batch_size))
        states = [[next(flat) for _ in part] for part in rows]
        found = self._best(states, [self._prior(question_hits) for question_hits in hits])
        for question, one in zip(questions, found, strict=True):
            if not math.isfinite(one.score):
                raise CheckpointError(
                    f"scores the answer to question '{question.id}' with no finite number (NaN or "
                    "infinity)",
                    where=self.config.checkpoint,
                    cure=not_finite_cure(model.dtype),
                )
        return [
            with_evidence(model.text(one.ids), one.score, read)
            for one, read in zip(found, passages, strict=True)
        ]


class RagSequenceReader(RagReader):
    """One passage makes a whole answer: p(y|x) = sum_z p(z|x) prod_i p(y_i|x, z, y_<i).

    Thorough decoding (section 2.5): a search over each passage by itself proposes answers, and
    every one of them is scored over all passages.
    """

    type_name = "rag_sequence"

    def _decodings(self, passages: int) -> int:
        """The search, and at most as many scorings as all searches return."""
        return self.config.beams * (1 + passages)

    def _best(self, states: list[list[Tensor]], priors: list[Tensor]) -> list[Generated]:
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
        self, states: list[Tensor], prior: Tensor, answers: list[list[int]]
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

    def _best(self, states: list[list[Tensor]], priors: list[Tensor]) -> list[Generated]:
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
