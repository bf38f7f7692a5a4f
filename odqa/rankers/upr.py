"""Unsupervised passage re-ranking (Sachan et al. 2022): how likely a passage makes the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from odqa.bounds import PathText
from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.settings_file import SettingsFile
from odqa.encoders.batches import equal_batches
from odqa.encoders.causal import CausalScorer, load_causal
from odqa.encoders.seq2seq import Seq2Seq, load_seq2seq
from odqa.interfaces import Cost, ModelConfig, RankerConfig
from odqa.rankers.pairs import Pair, PairRanker
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache

_PLACE = "{passage}"


class UprConfig(RankerConfig, ModelConfig):
    """Parameters of ranking by question likelihood."""

    checkpoint: PathText = Field(
        "embedded:lm",
        description="Folder, embedded:NAME or hub id of a causal or an encoder-decoder language "
        "model.",
    )
    prompt: str = Field(
        f"Passage: {_PLACE}. Please write a question based on this passage.",
        max_length=2000,
        description="What the model is given; title and text stand for {passage}. Default: the "
        "paper's.",
    )
    max_length: int = Field(
        384, ge=8, le=1_000_000, description="Tokens of the prompt; the rest is cut at its end."
    )
    question_tokens: int = Field(
        128, ge=2, le=1_000_000, description="Tokens of the question, its end included."
    )
    batch_size: int = Field(16, ge=1, le=65_536, description="Pairs per forward pass.")

    @field_validator("prompt")
    @classmethod
    def _has_its_place(cls, value: str) -> str:
        if value.count(_PLACE) != 1:
            raise ValueError(f"must have {_PLACE} in it, once")
        return value


class UprRanker(PairRanker[UprConfig, Seq2Seq | CausalScorer]):
    """Reorders hits by the mean log-likelihood of the question's tokens given the passage.

    ``score = 1/|q| sum_t log p(q_t | q_<t, prompt)`` (section 3), the end of the question counted
    as a token, as in the authors' code; prompt and question are tokenised apart there too.
    """

    Config = UprConfig
    type_name = "upr"
    label = "UPR"
    representation = "intra-passage dynamic"
    interaction = "query-document"

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One pass over prompt and question for each passage; the question is read out."""
        prompts = self._prompts(self._texts(hits))
        (target,) = self._questions([question.text])
        model = self._model
        if isinstance(model, CausalScorer):
            read = [(len(prompt) + len(target), len(target)) for prompt in prompts]
            return model.cost(read)
        parts = [model.cost([len(prompt)], len(target)).gflop for prompt in prompts]
        return Cost.of_parts(model.parameters, parts)

    def describe(self) -> dict[str, str]:
        kind = "causal" if isinstance(self._model, CausalScorer) else "encoder-decoder"
        return {
            **self._model.facts(),
            "language model": kind,
            "prompt tokens (at most)": str(self.config.max_length),
        }

    def _load(self, cache: Cache) -> Seq2Seq | CausalScorer:
        config = self.config
        if _is_encoder_decoder(config.checkpoint, cache):
            return load_seq2seq(
                config.checkpoint,
                cache,
                max_length=config.max_length,
                max_new=config.question_tokens,
                new_key="question_tokens",
                device=config.device,
                precision=config.precision,
            )
        return load_causal(
            config.checkpoint,
            cache,
            length=config.max_length + config.question_tokens,
            key="max_length and question_tokens together",
            device=config.device,
            precision=config.precision,
        )

    def _prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompts, with the markers of the model."""
        if not texts:
            return []
        prompts = [self.config.prompt.replace(_PLACE, text) for text in texts]
        encoded = self._model.tokenizer(prompts, truncation=True, max_length=self.config.max_length)
        return [list(ids) for ids in encoded["input_ids"]]

    def _questions(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of questions, each with the token that ends it."""
        tokenizer, most = self._model.tokenizer, self.config.question_tokens
        if isinstance(self._model, Seq2Seq):
            return [list(row) for row in self._model.tokenise_targets(texts, most)]
        rows = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [[*row[: most - 1], tokenizer.eos_token_id] for row in rows]

    def _score(self, pairs: Sequence[Pair]) -> Mapping[Pair, float]:
        if not pairs:
            return {}
        passages = sorted({text for _, text in pairs})
        prompts = dict(zip(passages, self._prompts(passages), strict=True))
        asked = sorted({question for question, _ in pairs})
        targets = dict(zip(asked, self._questions(asked), strict=True))
        lengths = [len(prompts[text]) + len(targets[question]) for question, text in pairs]
        scores: dict[Pair, float] = {}
        for batch in equal_batches(lengths, self.config.batch_size):
            each = self._likelihoods(
                [prompts[pairs[i][1]] for i in batch], [targets[pairs[i][0]] for i in batch]
            )
            for i, tokens in zip(batch, each, strict=True):
                scores[pairs[i]] = float(tokens.double().mean())
        return scores

    def _likelihoods(
        self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """Log-probability of every token of each question."""
        model = self._model
        if isinstance(model, CausalScorer):
            return model.log_probabilities(prompts, targets)
        return model.log_probabilities(model.encode(prompts, self.config.batch_size), targets)


def _is_encoder_decoder(checkpoint: str, cache: Cache) -> bool:
    folder = transformer_folder(resolve_checkpoint(checkpoint, cache))
    config = SettingsFile.read(folder / "config.json")
    return config.flag("is_encoder_decoder", False) or config.text("model_type", "") == "rag"
