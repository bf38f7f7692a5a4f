from __future__ import annotations

import torch

from odqa.training.data.fused_rows import FusedRows

# Two questions: two passages and one; 1 begins and 2 ends a row.
ROWS = [[[1, 7, 8, 2], [1, 5, 6, 9, 5, 6, 2]], [[1, 5, 2]]]


def test_rows_are_padded_and_counted() -> None:
    tensors = FusedRows(ROWS, 0).tensors()
    assert tensors["ids"].tolist() == [
        [1, 7, 8, 2, 0, 0, 0],
        [1, 5, 6, 9, 5, 6, 2],
        [1, 5, 2, 0, 0, 0, 0],
    ]
    assert tensors["mask"].sum(1).tolist() == [4, 7, 3]
    assert tensors["counts"] == [2, 1]


def test_tokens_come_from_every_place_of_the_answer_and_the_end_from_the_passages() -> None:
    sources = FusedRows(ROWS, 0).sources([[5, 6, 2], [5, 2]], gold=[1, 0])
    assert sources.shape == (2, 3, 11)
    # The first question's passages are joined: the second of them begins at 4.
    assert [torch.where(step)[0].tolist() for step in sources[0]] == [[5, 8], [6, 9], [10]]
    assert [torch.where(step)[0].tolist() for step in sources[1]] == [[1], [2], []]


def test_an_answer_that_is_not_there_comes_from_nowhere() -> None:
    sources = FusedRows(ROWS, 0).sources([[5, 6, 2], [8, 2]], gold=[0, 0])
    assert not sources.any()
