from __future__ import annotations

import torch

from odqa.word_models.vectors import ProjectedVectors, VectorTable, cosines, padded_ids


def test_texts_without_words_are_padding() -> None:
    ids, mask = padded_ids([[], []])
    assert ids.tolist() == [[0], [0]]
    assert mask.tolist() == [[0.0], [0.0]]


def test_rows_are_padded_to_the_longest() -> None:
    ids, mask = padded_ids([[3, 4], [5]])
    assert ids.tolist() == [[3, 4], [5, 0]]
    assert mask.tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_a_projection_starts_as_centred_principal_components() -> None:
    torch.manual_seed(0)
    table = torch.randn(50, 6) @ torch.diag(torch.tensor([5.0, 3, 1, 0.1, 0.1, 0.1])) + 7
    vectors = ProjectedVectors(table, 3)(torch.arange(50))
    assert vectors.shape == (50, 3)
    assert torch.allclose(vectors.mean(0), torch.zeros(3), atol=1e-4)
    # Nearly all of the variance is in three directions, and they are kept.
    kept, all_of_it = vectors.square().sum(), (table - table.mean(0)).square().sum()
    assert kept / all_of_it > 0.99
    # With all directions kept it is a rotation: cosines stay as they were.
    turned = ProjectedVectors(table, 6)(torch.arange(50))
    centred = table - table.mean(0)
    assert torch.allclose(cosines(turned, turned), cosines(centred, centred), atol=1e-4)


def test_a_table_looks_up() -> None:
    table = torch.arange(6.0).view(3, 2)
    assert VectorTable(table)(torch.tensor([[2, 0]])).tolist() == [[[4.0, 5.0], [0.0, 1.0]]]


def test_cosines_of_pairs() -> None:
    matrix = cosines(torch.tensor([[3.0, 4.0]]), torch.tensor([[6.0, 8.0], [-4.0, 3.0]]))
    assert torch.allclose(matrix, torch.tensor([[1.0, 0.0]]), atol=1e-6)
