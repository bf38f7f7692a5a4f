"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from odqa.training.tasks.losses import (
    distillation,
    in_batch,
    in_batch_with_distillation,
    listwise,
    marginal,
    own_passages,
    pairwise_hinge,
    span,
)


def test_listwise_is_the_negative_log_softmax_of_the_first_column() -> None:
    scores = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    # Rows give gold probabilities 3/4 and 1/2.
    assert listwise(scores).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_distillation_is_the_kl_divergence_from_teacher_to_student() -> None:
    teacher = torch.tensor([[math.log(3.0), 0.0]])
    student = torch.tensor([[5.0, 5.0]])
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert distillation(student, teacher).item() == pytest.approx(expected)


def test_distillation_divides_the_teacher_by_the_temperature() -> None:
    teacher = torch.tensor([[2 * math.log(3.0), 0.0]])
    student = torch.tensor([[math.log(3.0), 0.0]])
    assert distillation(student, teacher, temperature=2.0).item() == pytest.approx(0.0, abs=1e-6)


def test_distillation_leaves_out_rows_without_a_teacher() -> None:
    teacher = torch.tensor([[math.log(3.0), 0.0], [float("nan"), float("nan")]])
    student = torch.tensor([[5.0, 5.0], [9.0, -9.0]], requires_grad=True)
    alone = distillation(student[:1], teacher[:1])
    combined = distillation(student, teacher)
    assert combined.item() == pytest.approx(alone.item())
    combined.backward()
    assert student.grad is not None
    assert student.grad[1].abs().sum().item() == 0.0


def test_distillation_without_any_teacher_is_zero_and_has_a_gradient() -> None:
    student = torch.zeros(2, 3, requires_grad=True)
    loss = distillation(student, torch.full((2, 3), float("nan")))
    loss.backward()
    assert loss.item() == 0.0


def test_in_batch_counts_every_passage_that_is_not_excluded() -> None:
    scores = torch.zeros(1, 4)
    gold = torch.tensor([1])
    assert in_batch(scores, gold).item() == pytest.approx(math.log(4))
    excluded = torch.tensor([[True, False, False, False]])
    assert in_batch(scores, gold, excluded).item() == pytest.approx(math.log(3))


def test_span_sums_the_probability_of_all_right_places() -> None:
    start = torch.zeros(1, 4)
    end = torch.zeros(1, 4)
    start_targets = torch.tensor([[0, 1, 1, 0]])
    end_targets = torch.tensor([[0, 0, 1, 0]])
    allowed = torch.tensor([[1, 1, 1, 0]])
    # Three places may be chosen: two of them are right starts, one is the right end.
    expected = (math.log(3 / 2) + math.log(3)) / 2
    assert span(start, end, start_targets, end_targets, allowed).item() == pytest.approx(expected)


def test_distillation_is_added_on_each_questions_own_passages() -> None:
    scores = torch.zeros(2, 4)
    nothing = torch.zeros(2, 4, dtype=torch.bool)
    nan = float("nan")
    teacher = torch.tensor([[math.log(3.0), 0.0], [nan, nan]])
    # Equal scores over four passages: ln 4. The teacher holds (3/4, 1/4) against (1/2, 1/2).
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    loss = in_batch_with_distillation(scores, nothing, teacher, weight=2.0, temperature=1.0)
    assert loss.item() == pytest.approx(math.log(4.0) + 2.0 * divergence, abs=1e-6)


def test_own_passages_are_the_block_of_each_question() -> None:
    scores = torch.arange(12.0).view(2, 6)
    assert own_passages(scores, 3).tolist() == [[0.0, 1.0, 2.0], [9.0, 10.0, 11.0]]


def test_pairwise_hinge_by_hand() -> None:
    scores = torch.tensor([[0.5, 0.7, -1.0], [0.9, 0.2, 0.1]])
    # 1 - 0.5 + 0.7 = 1.2, 1 - 0.5 - 1 < 0, 1 - 0.9 + 0.2 = 0.3, 1 - 0.9 + 0.1 = 0.2.
    assert float(pairwise_hinge(scores, 1.0)) == pytest.approx((1.2 + 0 + 0.3 + 0.2) / 4)


def test_marginal_is_the_likelihood_of_the_answer_over_all_passages() -> None:
    # p(z) is (3/4, 1/4), p(answer | z) is (1/2, 1/10): 3/8 + 1/40 = 2/5.
    scores = torch.tensor([[math.log(3.0), 0.0]], requires_grad=True)
    likelihoods = torch.tensor([[math.log(0.5), math.log(0.1)]])
    loss = marginal(scores, likelihoods)
    assert loss.item() == pytest.approx(-math.log(0.4))
    loss.backward()
    # p(z) less the posterior of z given the answer, (3/8, 1/40) / (2/5).
    assert scores.grad is not None
    assert scores.grad.tolist()[0] == pytest.approx([0.75 - 0.9375, 0.25 - 0.0625])


def test_marginal_leaves_out_rows_without_a_teacher() -> None:
    nan = float("nan")
    scores = torch.tensor([[math.log(3.0), 0.0], [9.0, -9.0]], requires_grad=True)
    likelihoods = torch.tensor([[math.log(0.5), math.log(0.1)], [nan, nan]])
    assert marginal(scores, likelihoods).item() == pytest.approx(-math.log(0.4))
    loss = marginal(scores, torch.full((2, 2), nan))
    loss.backward()
    assert loss.item() == 0.0


def test_a_temperature_divides_the_log_likelihoods() -> None:
    scores, likelihoods = torch.zeros(1, 2), torch.tensor([[math.log(0.25), math.log(0.01)]])
    # Roots: (1/2 + 1/10) / 2.
    assert marginal(scores, likelihoods, 2.0).item() == pytest.approx(-math.log(0.3))


def test_labels_and_a_teacher_have_their_weights() -> None:
    scores = torch.zeros(2, 4)
    nothing = torch.zeros(2, 4, dtype=torch.bool)
    nan = float("nan")
    teacher = torch.tensor([[math.log(0.5), math.log(0.1)], [nan, nan]])

    def loss(labels: float) -> float:
        return in_batch_with_distillation(
            scores,
            nothing,
            teacher,
            weight=2.0,
            temperature=1.0,
            objective="marginal",
            labels=labels,
        ).item()

    # Equal scores: (1/2 + 1/10) / 2 of the first question's own, ln 4 by the labels.
    assert loss(0.0) == pytest.approx(-2.0 * math.log(0.3))
    assert loss(0.5) == pytest.approx(0.5 * math.log(4.0) - 2.0 * math.log(0.3))
