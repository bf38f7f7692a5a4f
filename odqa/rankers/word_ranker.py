"""What rankers over word matches have in common: KNRM and DRMM."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_facts, pick_device
from odqa.explanation import Explanation
from odqa.interfaces import Cost, Ranker, RankerConfig
from odqa.prepared_component import ModelComponent
from odqa.progress import progress
from odqa.rankers.alignment import alignment
from odqa.ranking import reranked
from odqa.types import Hit, Query
from odqa.word_models.config import WordModelConfig

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from odqa.cache import Cache
    from odqa.word_models.matching import MatchingModel


class WordRankerConfig(RankerConfig, WordModelConfig):
    """Parameters that they have in common."""

    #: None of its fields came later than the class.
    later_fields = ()

    checkpoint: str


C = TypeVar("C", bound=WordRankerConfig, covariant=True)


class WordRanker(Ranker[C], ModelComponent[C, "MatchingModel"]):
    """Reorders hits by the matches between the words of question and passage.

    Words have one vector wherever they stand: nothing of a passage is encoded or stored.
    """

    representation = "static"
    interaction = "query-document"

    @abstractmethod
    def _read(self, folder: Path, name: str, device: torch.device) -> MatchingModel:
        """The model in a checkpoint folder."""

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        out: list[list[Hit]] = []
        question_words = self._model.words.ids([question.text for question in questions])
        bar = progress(range(len(questions)), f"{self.type_name} ranks", len(questions))
        for i in bar:
            texts = self._texts(hits[i])
            # Each text once, in a fixed order: the order of the hits cannot change a score even by
            # rounding, and equal texts have equal scores.
            unique = sorted(set(texts))
            scores = dict(zip(unique, self._scores(question_words[i], unique), strict=True))
            out.append(reranked(hits[i], [scores[text] for text in texts], k, questions[i].id))
        return out

    def explain(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        """Every question word with the passage word that it matches best."""
        return [
            self._alignments(question.text, question_hits)
            for question, question_hits in zip(questions, hits, strict=True)
        ]

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """A cosine for every pair of words, and what makes a score of them."""
        model = self._model
        (question_words,) = model.words.ids([question.text])
        lengths = map(len, model.words.ids(self._texts(hits)))
        gflop = sum(model.gflop(len(question_words), length) for length in lengths)
        return Cost(parameters=model.parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        import torch

        model = self._model
        return {
            **device_facts(model.device, torch.float32),
            "vectors": f"{model.words.size:,} words × {model.dim}",
            **model.facts(),
        }

    def _load(self, cache: Cache) -> MatchingModel:
        config = self.config
        device = pick_device(config.device)
        return self._read(resolve_checkpoint(config.checkpoint, cache), config.checkpoint, device)

    def _texts(self, hits: Sequence[Hit]) -> list[str]:
        rows = self._corpus.rows([hit.passage_id for hit in hits])
        return [self._corpus[row].full_text for row in rows]

    def _scores(self, question: Sequence[int], texts: Sequence[str]) -> list[float]:
        model, size = self._model, self.config.batch_size
        ids = model.words.ids(texts)
        # Of like length together, so that few are padded much.
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        scores = [0.0] * len(ids)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            batch = model.scores(question, [ids[i] for i in part])
            for i, score in zip(part, batch, strict=True):
                scores[i] = score
        return scores

    def _alignments(self, question: str, hits: Sequence[Hit]) -> list[Explanation]:
        words = self._model.words
        (question_words,) = words.ids([question])
        explanations = []
        for hit, text in zip(hits, self._texts(hits), strict=True):
            (ids,) = words.ids([text])
            if question_words and ids:
                similarity = self._model.similarity(question_words, ids)
                names = words.names(question_words)
                explanations.append(alignment(hit.passage_id, names, words.spans(text), similarity))
        return explanations
