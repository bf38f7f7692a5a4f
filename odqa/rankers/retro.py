"""RETRO as ranker: chunked cross-attention from the question to one retrieved passage at a time.

Borgeaud et al. 2021. The question runs once through the decoder; a passage costs its encoding and
the few positions that attend to it. Where the neighbour encoder does not see the question,
encodings (or their keys and values) are computed offline and stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from odqa.bounds import PathText
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_and_dtype
from odqa.encoders.batches import token_batches
from odqa.errors import CheckpointError, ComponentError
from odqa.explanation import Explanation, Piece
from odqa.interfaces import Cost, ModelConfig, Ranker, RankerConfig
from odqa.prepared_component import Opened, PreparedComponent
from odqa.progress import progress
from odqa.ranking import reranked
from odqa.retro.offline.neighbour_store import NeighbourStore
from odqa.retro.offline.passage_store import Ready, open_passage_store
from odqa.retro.rank.question_cost import question_gflop
from odqa.types import Hit, Query, Question

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.retro.offline.checkpoint import Candidates
    from odqa.retro.rank.scorer import QuestionState, RetroScorer


class RetroRankerConfig(RankerConfig, ModelConfig):
    """Parameters of the RETRO ranker."""

    #: Since version 0.1.0 its identity includes ``alpha``.
    later_fields = ()

    checkpoint: PathText = Field(
        "embedded:retro",
        description="embedded:NAME, or a folder with a RETRO model and its tokenizer.",
    )
    mode: Literal["head", "question_likelihood", "answer_likelihood", "attention"] = Field(
        "head",
        description="Score by the trained head; by how likely a passage makes the question, or its "
        "best accepted answer (a teacher: it knows the answers); or by the attention that passages "
        "get when all are read at once.",
    )
    layout: Literal["auto", "naive", "prefix", "echo", "prompt"] = Field(
        "auto",
        description="Where the question stands: auto as trained, prefix in the first chunk, echo "
        "there and again in the second, prompt in the second behind a constant first one; naive is "
        "auto with one full forward per passage.",
    )
    neighbours: Ready = Field(
        "online",
        description="Encode passages when asked, or keep encodings or also keys and values of the "
        "whole corpus (float16; only where they do not depend on the question).",
    )
    passage_tokens: int | None = Field(
        None,
        ge=4,
        le=1_000_000,
        description="Tokens of title and text (r), the rest is cut; default: as trained.",
    )
    similarity: float | None = Field(
        None, ge=0, description="Weight of the mean encodings' cosine; default: as trained."
    )
    batch_size: int = Field(
        32, ge=1, le=65_536, description="Passages of 128 tokens per forward pass."
    )

    @property
    def sees_answers(self) -> bool:
        """The likelihood of an answer needs the answer."""
        return self.mode == "answer_likelihood"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.layout == "naive" and (self.mode != "head" or self.neighbours != "online"):
            raise ValueError("layout naive needs mode head and neighbours online")
        if self.mode == "attention" and self.neighbours == "keys-values":
            raise ValueError("mode attention needs neighbours online or encodings")
        return self


class RetroRanker(
    Ranker[RetroRankerConfig],
    PreparedComponent[RetroRankerConfig, "RetroScorer", NeighbourStore | None],
):
    """Reorders hits by RETRO's relevance of question and passage.

    The class attributes describe the default, an encoder that sees the question; one that does
    not makes the representation intra-passage dynamic, and its encodings can be precomputed.
    """

    Config = RetroRankerConfig
    type_name = "retro"
    representation = "all-to-all dynamic"
    interaction = "query-document"
    precomputes = ("neighbour encodings or keys and values, with an unconditioned encoder",)

    def __init__(self, config: RetroRankerConfig) -> None:
        super().__init__(config)
        self._cut: set[str] = set()

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        self._check_answers(questions)
        out: list[list[Hit]] = []
        pairs = zip(questions, hits, strict=True)
        for question, question_hits in progress(
            pairs, "RETRO ranks", len(questions), unit="question"
        ):
            scores = self._scores(question, question_hits) if question_hits else []
            out.append(reranked(question_hits, scores, k, question.id))
        return out

    def explain(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        """The question's attention to every token, each question's hits read together.

        Only in mode ``attention`` do the scores come from it.
        """
        return [
            self._attended(question.text, question_hits) if question_hits else []
            for question, question_hits in zip(questions, hits, strict=True)
        ]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """From shapes; see `odqa.retro.rank.question_cost`."""
        scorer, config = self._model, self.config
        if config.mode == "answer_likelihood":
            frames = [scorer.frame_answer(question.text, answer) for answer in _answers(question)]
        else:
            frames = [scorer.frame(question.text, config.mode)]
        # The last token of a text is scored but not fed to the decoder.
        drops_last = config.mode in ("question_likelihood", "answer_likelihood")
        suffix = sum(int(frame.mask[0, frame.start :].sum()) - drops_last for frame in frames)
        similar = config.mode == "head" and scorer.similarity > 0
        gflop = question_gflop(
            scorer.model.config,
            mode=config.mode,
            suffix=suffix,
            passages=[len(ids) for ids in scorer.tokenise(self._texts(hits))[0]],
            ready=config.neighbours,
            naive=config.layout == "naive",
            similarity_tokens=len(scorer.question_ids(question.text)) if similar else 0,
        )
        return Cost(scorer.parameters, gflop)

    def describe(self) -> dict[str, str]:
        scorer = self._model
        cut = self._store.truncated if self._store is not None else len(self._cut)
        layout = f"{scorer.layout}, naive" if self.config.layout == "naive" else scorer.layout
        conditioned = scorer.depends_on_question(self.config.mode)
        return {
            **scorer.facts(),
            "mode": self.config.mode,
            "layout": layout,
            "neighbours": self.config.neighbours,
            "representation": "all-to-all dynamic" if conditioned else "intra-passage dynamic",
            "similarity weight": f"{scorer.similarity:g}",
            "passage tokens (at most)": str(scorer.passage_tokens),
            "passages cut off": str(cut),
        }

    def _load(self, cache: Cache) -> RetroScorer:
        from odqa.retro.rank.scorer import RetroScorer

        config = self.config
        folder = resolve_checkpoint(config.checkpoint, cache)
        device, dtype = device_and_dtype(config.device, config.precision)
        scorer = RetroScorer(
            folder,
            config.checkpoint,
            layout=None if config.layout == "auto" or config.layout == "naive" else config.layout,
            similarity=config.similarity,
            passage_tokens=config.passage_tokens,
            device=device,
            dtype=dtype,
        )
        if config.mode == "head" and not scorer.model.config.score_head:
            raise CheckpointError(
                "a RETRO model without a scoring head",
                where=config.checkpoint,
                cure="set mode: question_likelihood, or train a ranker",
            )
        if config.neighbours != "online" and scorer.depends_on_question(config.mode):
            raise CheckpointError(
                "its neighbour encoder sees the question, so nothing can be computed offline in "
                f"layout {scorer.layout}",
                where=config.checkpoint,
                cure="set neighbours: online, layout: prompt, or name embedded:retro-offline",
            )
        return scorer

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[NeighbourStore | None]:
        ready = self.config.neighbours
        return open_passage_store(self._model, cache, corpus, ready, budget=self._budget)

    @property
    def _budget(self) -> int:
        return 128 * self.config.batch_size

    def _check_answers(self, questions: Sequence[Query]) -> None:
        if self.config.mode != "answer_likelihood":
            return
        for question in questions:
            if not any(answer.strip() for answer in _answers(question)):
                raise ComponentError(
                    f"question '{question.id}' has no answers to rank by",
                    where="retro: mode answer_likelihood",
                    cure="name questions with answers, or set another mode",
                )

    def _texts(self, hits: Sequence[Hit]) -> list[str]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id).full_text for hit in hits]

    def _scores(self, question: Query, hits: Sequence[Hit]) -> list[float]:
        """One score per hit; equal texts are scored once, so that they tie."""
        import torch

        texts = self._texts(hits)
        # A fixed order, so that the order of the hits cannot change a score even by rounding.
        pairs = sorted(zip(texts, (hit.passage_id for hit in hits), strict=True))
        id_by_text = dict(reversed(pairs))
        distinct = sorted(id_by_text)
        with torch.inference_mode():
            scores = np.empty(len(distinct))
            for batch, batch_scores in self._batches(
                question, distinct, [id_by_text[t] for t in distinct]
            ):
                scores[batch] = batch_scores.cpu().numpy()
        score_by_text = dict(zip(distinct, scores.tolist(), strict=True))
        return [score_by_text[text] for text in texts]

    def _attended(self, question: str, hits: Sequence[Hit]) -> list[Explanation]:
        import torch

        from odqa.retro.rank.scorer import joined

        texts, ids = self._texts(hits), [hit.passage_id for hit in hits]
        # Attention is that of the question, without an answer.
        mode = "head" if self.config.mode == "answer_likelihood" else self.config.mode
        with torch.inference_mode():
            state = self._model.ask(question, mode)
            batches = list(self._candidates(state, texts, ids))
            received = self._model.attention(state, joined([part for _, part in batches]))
        weights = dict(
            zip((p for positions, _ in batches for p in positions), received, strict=True)
        )
        explanations = []
        for position, (passage_id, text) in enumerate(zip(ids, texts, strict=True)):
            spans = self._model.spans(text)
            shares = weights[position][: len(spans)].tolist()
            pieces = tuple(Piece(*span, share) for span, share in zip(spans, shares, strict=True))
            explanations.append(Explanation(passage_id, "attention", pieces, share=sum(shares)))
        return explanations

    def _batches(
        self, question: Query, texts: Sequence[str], ids: Sequence[str]
    ) -> Iterator[tuple[list[int], Tensor]]:
        """Batches of positions of texts, and their scores [len(positions)]."""
        import torch

        from odqa.retro.rank.scorer import joined

        scorer, mode = self._model, self.config.mode
        if self.config.layout == "naive":
            state = scorer.ask(question.text, mode, naive=True)
            tokens = self._tokenised(texts, ids)
            for batch in token_batches([len(row) for row in tokens], self._budget):
                yield batch, scorer.score_naive(state, [tokens[i] for i in batch])
            return
        if mode == "answer_likelihood":
            # All answers follow the same first chunk, so passages are encoded once for all.
            states = [scorer.ask_answer(question.text, a) for a in _answers(question)]
            for batch, part in self._candidates(states[0], texts, ids):
                likelihoods = [scorer.score(state, part, mode) for state in states]
                yield batch, torch.stack(likelihoods).amax(0)
            return
        state = scorer.ask(question.text, mode)
        parts = self._candidates(state, texts, ids)
        if mode == "attention":
            # All candidates share one softmax, so they are scored together.
            batches = list(parts)
            order = [position for batch, _ in batches for position in batch]
            yield order, scorer.score(state, joined([part for _, part in batches]), mode)
            return
        for batch, part in parts:
            yield batch, scorer.score(state, part, mode)

    def _candidates(
        self, state: QuestionState, texts: Sequence[str], ids: Sequence[str]
    ) -> Iterator[tuple[list[int], Candidates]]:
        """Batches of positions and the passages there, encoded now or from the store."""
        scorer, store = self._model, self._store
        if store is None:
            tokens = self._tokenised(texts, ids)
            for batch in token_batches([len(row) for row in tokens], self._budget):
                yield batch, scorer.encode(state, [tokens[i] for i in batch])
            return
        rows = self._corpus.rows(ids)
        keys = self.config.neighbours == "keys-values"
        for batch in token_batches(store.lengths(rows).tolist(), self._budget):
            yield batch, scorer.unpack(*store.padded([rows[i] for i in batch]), keys)

    def _tokenised(self, texts: Sequence[str], ids: Sequence[str]) -> list[list[int]]:
        tokens, cut = self._model.tokenise(texts)
        if cut:
            full = self._model.passage_tokens
            self._cut.update(i for i, row in zip(ids, tokens, strict=True) if len(row) == full)
        return tokens


def _answers(question: Query) -> tuple[str, ...]:
    """The accepted answers; only in a mode that sees answers are there any."""
    return question.answers if isinstance(question, Question) else ()
