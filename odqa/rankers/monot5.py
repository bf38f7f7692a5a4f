"""monoT5 (Nogueira et al. 2020): an encoder-decoder says whether a document is relevant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.batches import equal_batches
from odqa.encoders.seq2seq import Seq2Seq, load_seq2seq
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, RankerConfig
from odqa.rankers.pairs import Pair, PairRanker
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache


def monot5_text(question: str, passage: str) -> str:
    """What the encoder reads of a pair (section 3)."""
    return f"Query: {question} Document: {passage} Relevant:"


class MonoT5Config(RankerConfig, ModelConfig):
    """Parameters of the monoT5 ranker."""

    checkpoint: PathText = Field(
        "embedded:monot5",
        description="Folder, embedded:NAME or hub id of an encoder-decoder that was trained to say "
        "true or false.",
    )
    true_token: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Token of the vocabulary that says relevant; ▁yes for some checkpoints. "
        "Default: ▁true, or true in a vocabulary without it.",
    )
    false_token: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The one that says not relevant. Default: ▁false, or false.",
    )
    max_length: int = Field(
        512, ge=8, le=1_000_000, description="Tokens per pair; the rest is cut at its end."
    )
    batch_size: int = Field(16, ge=1, le=65_536, description="Pairs per forward pass.")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model, and its two answers."""

    model: Seq2Seq
    true_token: str
    false_token: str

    @property
    def answers(self) -> list[int]:
        """Ids of both tokens."""
        ids: list[int] = self.model.tokenizer.convert_tokens_to_ids(
            [self.true_token, self.false_token]
        )
        return ids


class MonoT5Ranker(PairRanker[MonoT5Config, _Loaded]):
    """Reorders hits by ``log softmax(z_true, z_false)`` of the first decoded token's logits.

    The input is ``Query: q Document: d Relevant:`` (section 3), cut at its end where it is longer
    than ``max_length``, as in pygaggle.
    """

    Config = MonoT5Config
    type_name = "monot5"
    label = "monoT5"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Each pair encoded, and one token decoded."""
        model = self._model.model
        rows = self._rows(self._pairs(question, hits))
        parts = [model.cost([len(row)], 1).gflop for row in rows]
        return Cost.of_parts(model.parameters, parts)

    def describe(self) -> dict[str, str]:
        return {
            **self._model.model.facts(),
            "answers": f"{self._model.true_token}, {self._model.false_token}",
            "pair tokens (at most)": str(self.config.max_length),
        }

    def _load(self, cache: Cache) -> _Loaded:
        config = self.config
        model = load_seq2seq(
            config.checkpoint,
            cache,
            max_length=config.max_length,
            max_new=1,
            device=config.device,
            precision=config.precision,
        )
        return _Loaded(
            model,
            _token(model.tokenizer, "true", config.true_token, config.checkpoint),
            _token(model.tokenizer, "false", config.false_token, config.checkpoint),
        )

    def _rows(self, pairs: Sequence[Pair]) -> list[list[int]]:
        texts = [monot5_text(question, text) for question, text in pairs]
        return self._model.model.tokenise(texts, self.config.max_length)

    def _score(self, pairs: Sequence[Pair]) -> Mapping[Pair, float]:
        rows = self._rows(pairs)
        loaded = self._model
        scores: dict[Pair, float] = {}
        for batch in equal_batches([len(row) for row in rows], self.config.batch_size):
            states = loaded.model.encode([rows[i] for i in batch], self.config.batch_size)
            logits = loaded.model.first_logits(states)[:, loaded.answers]
            for i, score in zip(batch, logits.log_softmax(1)[:, 0].tolist(), strict=True):
                scores[pairs[i]] = score
        return scores


def _token(tokenizer: Any, word: str, token: str | None, checkpoint: str) -> str:
    """The token that says a word: the given one, or the first usual one of the vocabulary."""
    vocabulary = tokenizer.get_vocab()
    tokens = [f"▁{word}", word] if token is None else [token]
    for candidate in tokens:
        if candidate in vocabulary:
            return candidate
    raise CheckpointError(
        f"its vocabulary has no token '{tokens[0]}'",
        where=checkpoint,
        cure=f"set {word}_token to the token that it was trained to say",
    )
