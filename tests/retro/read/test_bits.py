"""Bits of sequences: by hand where every token is equally likely, and against plain logits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from odqa.retro.read.bits import document_bits, sequence_bits
from odqa.testing.retro_model import VOCABULARY, Case, tiny_case


@pytest.fixture(scope="module")
def case() -> Case:
    return tiny_case()


def batch(case: Case, neighbours: bool = True) -> dict[str, Tensor]:
    targets = case.ids.roll(-1, 1)
    targets[:, -1] = -100
    targets[0, 20:] = -100
    tensors = {"ids": case.ids, "targets": targets}
    if neighbours:
        tensors |= {"neighbours": case.neighbours, "neighbour_mask": case.neighbour_mask}
    return tensors


def test_equally_likely_tokens_cost_the_logarithm_of_the_vocabulary() -> None:
    case = tiny_case()
    with torch.no_grad():
        case.model.token_table().zero_()
        bits = sequence_bits(case.model, batch(case))
    time = case.ids.shape[1]
    expected = [20 * math.log2(VOCABULARY), (time - 1) * math.log2(VOCABULARY)]
    assert bits.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("neighbours", [True, False])
def test_bits_are_those_of_the_softmax(case: Case, neighbours: bool) -> None:
    tensors = batch(case, neighbours)
    passages = (case.neighbours, case.neighbour_mask) if neighbours else (None, None)
    with torch.no_grad():
        logits = case.model(case.ids, None, *passages).logits
        bits = sequence_bits(case.model, tensors)
    for row in range(len(logits)):
        expected = 0.0
        for t, target in enumerate(tensors["targets"][row].tolist()):
            if target >= 0:
                expected -= math.log2(float(logits[row, t].softmax(-1)[target]))
        assert float(bits[row]) == pytest.approx(expected)


def test_documents_cost_the_same_alone_and_together(case: Case) -> None:
    tensors = batch(case)

    def collate(rows: Sequence[int]) -> dict[str, Tensor]:
        return {name: tensor[list(rows)] for name, tensor in tensors.items()}

    together = document_bits(case.model, [0, 1], collate, per_forward=2)
    alone = document_bits(case.model, [0, 1], collate, per_forward=1)
    assert together == pytest.approx(alone)
    assert together == pytest.approx(sequence_bits(case.model, tensors).tolist())
