"""Teacher scores of a reader: what it attends to, or how likely a passage makes it answer right.

None needs to know which passage is annotated: a retriever learns from questions and answers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from odqa.encoders.finite import not_finite_cure
from odqa.errors import CheckpointError
from odqa.readers.fid import fid_text
from odqa.training.load_recipe import load_recipe
from odqa.training.trainer.candidate_scores import write_candidate_scores
from odqa.training.trainer.span_likelihood import load_span_reader, span_scores
from odqa.types import Hit, Passage, Question

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from odqa.cache import Cache
    from odqa.encoders.seq2seq import Seq2Seq

ReaderScore = Literal["attention", "likelihood", "span"]

# Tokens of question and passage, as the reader's own default; of an answer; passages encoded at
# once.
_MAX_LENGTH, _MAX_ANSWER, _BATCH = 200, 32, 16


def write_reader_scores(
    recipe_path: Path,
    checkpoint: str,
    out: Path,
    score: ReaderScore,
    cache: Cache,
    depth: int = 24,
    sources: tuple[str, ...] = ("nq",),
) -> Path:
    """Score the gold passage and the best candidates of each training question by a reader.

    Stopped, it goes on as `write_teacher_scores` does.

    Args:
        recipe_path: the recipe whose questions and candidates are scored; the pupil's will do,
            since its ``data.teacher`` is not read.
        checkpoint: folder, ``embedded:NAME`` or hub id of a T5 or BART; for ``span`` of an
            extractive reader.
        out: the run file to write, TREC format.
        score: `attention_scores`, `likelihood_scores` or `span_scores`.
        cache: where the checkpoint is unpacked.
        depth: candidates per question.
        sources: which of the recipe's sources.

    Returns:
        ``out``.

    Raises:
        DataError: the recipe's data is missing or broken. CheckpointError: another kind of
            checkpoint, or a score that is no finite number.
    """
    from odqa.checkpoints.fingerprint import checkpoint_fingerprint
    from odqa.checkpoints.resolve import resolve_checkpoint
    from odqa.training.data.training_data import load_training_data

    recipe = load_recipe(recipe_path)
    part = recipe.data.model_copy(update={"teacher": []})
    recipe = recipe.model_copy(update={"data": part})
    data = load_training_data(part, recipe.split_seed)
    dtype, scores_of = _scorer(checkpoint, score, cache)

    def rank(question: Question, hits: Sequence[Hit]) -> list[Hit]:
        scores = scores_of(question, [data.passages[hit.passage_id] for hit in hits])
        if not all(math.isfinite(each) for each in scores):
            raise CheckpointError(
                f"gives a passage of question '{question.id}' a score that is no finite number "
                "(NaN or infinity)",
                where=checkpoint,
                cure=not_finite_cure(dtype),
            )
        return [Hit(hit.passage_id, each) for hit, each in zip(hits, scores, strict=True)]

    content = recipe.model_dump_json(exclude={"data": {"root", "mined"}})
    weights = checkpoint_fingerprint(resolve_checkpoint(checkpoint, cache))
    identity = f"{content}{weights}{score}{depth}{sources}"
    return write_candidate_scores(
        data,
        out,
        lambda labelled, hits: rank(labelled.question, hits),
        depth=depth,
        sources=sources,
        digest=hashlib.sha256(identity.encode()).hexdigest()[:12],
    )


def _scorer(
    checkpoint: str, score: ReaderScore, cache: Cache
) -> tuple[torch.dtype, Callable[[Question, Sequence[Passage]], list[float]]]:
    """The reader's number format, and its scores of one question's passages."""
    if score == "span":
        extractive = load_span_reader(checkpoint, cache)
        return extractive.dtype, partial(span_scores, extractive)
    from odqa.encoders.seq2seq import load_seq2seq

    model = load_seq2seq(
        checkpoint,
        cache,
        max_length=_MAX_LENGTH,
        max_new=_MAX_ANSWER,
        device="auto",
        precision="float32",
    )
    if score == "attention":
        return model.dtype, lambda question, passages: attention_scores(
            model, question, passages, checkpoint
        )
    return model.dtype, partial(likelihood_scores, model)


def attention_scores(
    model: Seq2Seq, question: Question, passages: Sequence[Passage], where: str
) -> list[float]:
    """How much the first decoded token attends to each passage, all of them read as FiD.

    Izacard and Grave 2021, *Distilling Knowledge from Reader to Retriever*, section 3: the scores
    before the softmax, of the first token alone. Of the ways to aggregate that they compare, the
    one that they choose: the mean over layers, heads and all tokens of what the encoder reads of a
    passage (question and title among them, padding excluded), no maximum anywhere.
    """
    from odqa.encoders.cross_attention import first_token_attention

    return first_token_attention(model, _states(model, question, passages), where)


def likelihood_scores(
    model: Seq2Seq, question: Question, passages: Sequence[Passage]
) -> list[float]:
    """``log p(answer | question, passage)``, natural logarithm, each passage read alone.

    Sachan et al. 2021, *End-to-End Training of Multi-Document Reader and Retriever*, section 2.3:
    the sum over the answer's tokens, its end included. Of several accepted answers the likeliest
    given a passage counts; of a very long answer its first 32 tokens.

    Args:
        model: an encoder-decoder.
        question: with its accepted answers.
        passages: to be scored.
    """
    states = _states(model, question, passages)
    best = np.full(len(passages), -np.inf)
    for answer in model.tokenise_targets(question.answers, _MAX_ANSWER):
        values: list[float] = []
        for start in range(0, len(states), _BATCH):
            batch = states[start : start + _BATCH]
            each = model.log_probabilities(batch, [answer] * len(batch))
            values += [float(tokens.double().sum()) for tokens in each]
        # Unlike `max`, it keeps NaN, which has to be named.
        best = np.maximum(best, values)
    return [float(value) for value in best]


def _states(model: Seq2Seq, question: Question, passages: Sequence[Passage]) -> list[Tensor]:
    texts = [fid_text(question.text, passage) for passage in passages]
    return model.encode(model.tokenise(texts, _MAX_LENGTH), _BATCH)
