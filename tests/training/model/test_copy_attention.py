from __future__ import annotations

import torch

from odqa.training.model.copy_attention import Affine, balance, least_squares, rotate


def test_least_squares_finds_the_affine_map() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 3, dtype=torch.float64)
    weight = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float64)
    bias = torch.tensor([4.0, -1.0], dtype=torch.float64)
    fitted = least_squares(x, x @ weight.T + bias, ridge=0.0)
    torch.testing.assert_close(fitted.weight, weight)
    torch.testing.assert_close(fitted.bias, bias)


def test_the_ridge_shrinks_weights_but_not_the_mean() -> None:
    """By hand: one column, x = -1, 1 and y = 2, 4, so that weight = 2 / (2 + ridge)."""
    x, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([[2.0], [4.0]])
    fitted = least_squares(x, y, ridge=2.0)
    torch.testing.assert_close(fitted.weight, torch.tensor([[0.5]]))
    torch.testing.assert_close(fitted.bias, torch.tensor([3.0]))


def test_balanced_maps_are_equally_large_and_keep_the_product() -> None:
    first = Affine(torch.tensor([[0.01, 0.0], [0.0, 0.02]]), torch.tensor([0.01, 0.0]))
    second = Affine(torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([0.0, 5.0]))
    first_balanced, second_balanced = balance(first, second, 6.0)
    torch.testing.assert_close(first_balanced.weight.norm(), second_balanced.weight.norm())
    torch.testing.assert_close(
        second_balanced.weight @ first_balanced.weight, 6.0 * second.weight @ first.weight
    )
    torch.testing.assert_close(
        second_balanced.weight @ first_balanced.bias, 6.0 * second.weight @ first.bias
    )


def test_two_maps_turned_alike_meet_as_before() -> None:
    torch.manual_seed(1)
    turn = torch.nn.init.orthogonal_(torch.empty(4, 4))
    a, b = (Affine(torch.randn(4, 3), torch.randn(4)) for _ in range(2))
    x, y = torch.randn(3), torch.randn(3)

    def meet(left: Affine, right: Affine) -> torch.Tensor:
        return (left.weight @ x + left.bias) @ (right.weight @ y + right.bias)

    torch.testing.assert_close(meet(rotate(a, turn), rotate(b, turn)), meet(a, b))
