from __future__ import annotations

import pytest

from odqa.retro.chunks import chunk_tokens


def test_chunks_by_hand() -> None:
    assert chunk_tokens([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert chunk_tokens([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]


def test_a_text_without_tokens_has_one_empty_chunk() -> None:
    assert chunk_tokens([], 64) == [[]]


def test_a_size_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk size is 0"):
        chunk_tokens([1], 0)
