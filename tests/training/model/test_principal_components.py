from __future__ import annotations

from types import SimpleNamespace

import torch

from odqa.training.model.principal_components import principal_components


class _Echo(torch.nn.Module):
    """Looks token states up instead of computing them."""

    def __init__(self, states: torch.Tensor) -> None:
        super().__init__()
        self.states = states

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=self.states[input_ids])


def test_directions_of_greatest_variance_come_first_and_padding_does_not_count() -> None:
    # Unit vectors that vary most along the second axis, then the first; id 4 is padding.
    states = torch.tensor(
        [[0.6, 0.8, 0.0], [0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 9.0]]
    )
    chunk = {
        "input_ids": torch.tensor([[0, 1, 2, 3, 4]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 0]]),
    }
    components = principal_components(_Echo(states), [chunk], dim=2)
    assert torch.allclose(
        components.abs(), torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), atol=1e-6
    )
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()
    assert torch.allclose(components @ components.T, torch.eye(2), atol=1e-6)
