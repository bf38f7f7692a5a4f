"""Losses, on plain tensors, each with its hand-computed test."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

#: What is made of a teacher's scores.
Objective = Literal["distillation", "marginal"]


def listwise(scores: Tensor) -> Tensor:
    """Softmax cross-entropy of the first of each row against the others.

    Args:
        scores: [questions, passages], gold passage in column 0.
    """
    return F.cross_entropy(scores.float(), torch.zeros(len(scores), dtype=torch.long))


def distillation(scores: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """KL divergence from the teacher's distribution over a question's passages to the student's.

    Args:
        scores, teacher: [questions, passages]; rows of the teacher with a NaN do not count.
        temperature: divides the teacher's scores; the student learns a scale of its own.
    """
    is_scored = ~teacher.isnan().any(dim=1)
    if not bool(is_scored.any()):
        return scores.sum() * 0.0
    target = F.log_softmax(teacher[is_scored].float() / temperature, dim=1)
    student = F.log_softmax(scores[is_scored].float(), dim=1)
    return F.kl_div(student, target, reduction="batchmean", log_target=True)


def marginal(scores: Tensor, likelihoods: Tensor, temperature: float = 1.0) -> Tensor:
    """Negative log-likelihood of the answer, summed over what may have been retrieved.

    ``-log Σ_z p(answer | question, z) p(z | question)``, where ``p(z | question)`` is the softmax
    of the retriever's scores: EMDR²'s objective of the retriever (Sachan et al. 2021, section 2.3),
    in which the reader's likelihoods have no gradient.

    Args:
        scores: [questions, passages] of the retriever.
        likelihoods: ``log p(answer | question, z)``, like ``scores``; rows with a NaN do not count.
        temperature: divides them.
    """
    is_scored = ~likelihoods.isnan().any(dim=1)
    if not bool(is_scored.any()):
        return scores.sum() * 0.0
    retrieved = F.log_softmax(scores[is_scored].float(), dim=1)
    read = likelihoods[is_scored].float() / temperature
    return -(retrieved + read).logsumexp(dim=1).mean()


def in_batch(scores: Tensor, gold: Tensor, excluded: Tensor | None = None) -> Tensor:
    """Cross-entropy of each question's gold passage against all passages of the batch.

    Args:
        scores: [questions, passages of all questions].
        gold: int64 [questions], column of the gold passage.
        excluded: bool, like ``scores``: pairs that are no negatives (another copy of the gold
            passage, or one that answers the question too).
    """
    scores = scores.float()
    if excluded is not None:
        scores = scores.masked_fill(excluded, float("-inf"))
    return F.cross_entropy(scores, gold)


def span(
    start: Tensor, end: Tensor, start_targets: Tensor, end_targets: Tensor, allowed: Tensor
) -> Tensor:
    """Negative log-likelihood of all right starts together, plus the same for ends, halved.

    Every occurrence of an answer counts as right (Clark and Gardner 2018,
    section 3.2, the summed objective).

    Args:
        start, end: logits [windows, tokens].
        start_targets, end_targets: 0/1 [windows, tokens], right starts and ends; at least one of
            each a row.
        allowed: 0/1 [windows, tokens], what may be chosen, [CLS] for "no answer" included.
    """

    def negative_log(logits: Tensor, targets: Tensor) -> Tensor:
        logits = logits.float().masked_fill(allowed == 0, float("-inf"))
        target_logits = logits.masked_fill(targets == 0, float("-inf"))
        return (logits.logsumexp(1) - target_logits.logsumexp(1)).mean()

    return (negative_log(start, start_targets) + negative_log(end, end_targets)) / 2


def in_batch_with_distillation(
    scores: Tensor,
    excluded: Tensor,
    teacher: Tensor,
    *,
    weight: float,
    temperature: float,
    prior: Tensor | None = None,
    objective: Objective = "distillation",
    labels: float = 1.0,
) -> Tensor:
    """`in_batch` plus ``weight`` times an objective on every question's own passages.

    With a prior, it is added to their scores there, and a `listwise` loss asks for their right
    order; the in-batch scores stay as they are.

    Args:
        scores: [questions, questions * width]; passages stand instance by instance, gold first.
        excluded: bool [questions, questions * width], passages that are no negatives there.
        teacher: [questions, width], NaN where there is no score.
        weight: of the objective.
        temperature: divides the teacher's scores.
        prior: [questions, width], the scores of another ranking.
        objective: `distillation`, or `marginal` where a teacher's scores are log-likelihoods.
        labels: weight of `in_batch`; at 0 nothing is learnt from which passage is annotated.
    """
    rows, width = teacher.shape
    gold = torch.arange(rows, device=scores.device) * width
    loss = labels * in_batch(scores, gold, excluded)
    own = own_passages(scores, width)
    if prior is not None:
        own = own + prior
        loss = loss + listwise(own)
    taught = marginal if objective == "marginal" else distillation
    return loss + weight * taught(own, teacher, temperature)


def flops(weights: Tensor) -> Tensor:
    """Sum over words of the squared mean weight (Paria et al. 2020, equation 4): what the multiply-
    adds of an inverted index grow with, so that words which many texts have become rarer.

    Args:
        weights: [texts, vocabulary], none negative.
    """
    return weights.float().mean(0).square().sum()


def own_passages(scores: Tensor, width: int) -> Tensor:
    """Scores of each question's own passages, [questions, width].

    Args:
        scores: [questions, questions * width]; passages stand instance by instance.
    """
    rows = torch.arange(len(scores), device=scores.device)
    return scores.view(len(scores), len(scores), width)[rows, rows]


def pairwise_hinge(scores: Tensor, margin: float) -> Tensor:
    """Mean over all others of ``max(0, margin - gold + other)``.

    Args:
        scores: [questions, passages], gold passage in column 0.
        margin: by which gold should be ahead.
    """
    return (margin - scores[:, :1] + scores[:, 1:]).clamp(min=0).mean()
