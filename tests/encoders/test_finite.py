"""Vectors that are no finite numbers are named by their text."""

from __future__ import annotations

import numpy as np
import pytest

from odqa.encoders.finite import check_finite
from odqa.errors import CheckpointError


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_such_text_is_named(bad: float) -> None:
    vectors = np.ones((4, 3), np.float32)
    vectors[2, 1] = vectors[3, 0] = bad
    with pytest.raises(CheckpointError) as caught:
        check_finite(vectors, list("abcd"), "passage", "model", "torch.float32")
    assert str(caught.value) == (
        "model: gives passage 'c' a vector that is no finite number (NaN or infinity); "
        "check its weights, or fetch the checkpoint again"
    )


def test_infinities_that_cancel_are_found() -> None:
    vectors = np.array([[np.inf, 1.0], [-np.inf, 1.0]], np.float32)
    with pytest.raises(CheckpointError, match="question 'a'"):
        check_finite(vectors, ["a", "b"], "question", "model", "torch.float32")


def test_several_vectors_of_one_passage() -> None:
    vectors = np.ones((6, 2), np.float32)
    vectors[3] = np.nan
    # a has 3 vectors, b none, c the next two.
    with pytest.raises(CheckpointError, match="passage 'c'"):
        check_finite(
            vectors, list("abcd"), "passage", "model", "torch.float32", np.array([3, 0, 2, 1])
        )


@pytest.mark.parametrize("dtype", ["torch.bfloat16", "torch.float16"])
def test_a_short_number_format_is_told_as_a_cause(dtype: str) -> None:
    with pytest.raises(CheckpointError, match=f"too large for {dtype[6:]}: set precision: float32"):
        check_finite(np.full((1, 2), np.inf), ["a"], "passage", "model", dtype)


def test_large_numbers_and_no_vectors_pass() -> None:
    check_finite(np.full((2, 4), 3e38, np.float32), ["a", "b"], "passage", "model", "x")
    check_finite(np.empty((0, 4), np.float32), [], "passage", "model", "x")
