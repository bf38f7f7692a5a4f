"""Best spans by hand."""

from __future__ import annotations

import math

import pytest
import torch

from odqa.readers.span_scores import best_spans, null_scores, offset_between_windows

START = torch.tensor([[9.0, 1.0, 5.0, 0.0, 2.0]])
END = torch.tensor([[9.0, 0.0, 4.0, 2.0, 6.0]])
# Position 0 is [CLS].
ALLOWED = torch.tensor([[False, True, True, True, True]])


def spans(max_tokens: int, n: int) -> list[tuple[float, int, int]]:
    scores, first, last = best_spans(START, END, ALLOWED, max_tokens, n)
    return list(zip(scores[0].tolist(), first[0].tolist(), last[0].tolist(), strict=True))


def test_best_spans_in_order() -> None:
    assert spans(5, 4) == [(11.0, 2, 4), (9.0, 2, 2), (8.0, 4, 4), (7.0, 2, 3)]


def test_longest_answer_binds() -> None:
    assert spans(2, 3) == [(9.0, 2, 2), (8.0, 4, 4), (7.0, 2, 3)]
    assert spans(1, 2) == [(9.0, 2, 2), (8.0, 4, 4)]


def test_ends_never_come_before_starts_nor_outside_the_text() -> None:
    possible = [span for span in spans(5, 99) if math.isfinite(span[0])]
    # 4 + 3 + 2 + 1 spans of the four tokens of the text.
    assert len(possible) == 10
    assert all(1 <= first <= last for _, first, last in possible)


def test_no_text_no_span() -> None:
    scores, _, _ = best_spans(START, END, torch.zeros_like(ALLOWED), 3, 4)
    assert torch.isneginf(scores).all()


def test_offsets_between_windows() -> None:
    null = torch.tensor([0])
    assert null_scores(START, END, null).tolist() == [18.0]
    assert offset_between_windows(START, END, ALLOWED, null, "logits").tolist() == [0.0]
    assert offset_between_windows(START, END, ALLOWED, null, "odds").tolist() == [18.0]
    log_sums = [math.log(sum(math.exp(x) for x in row)) for row in (START[0], END[0])]
    offset = offset_between_windows(START, END, ALLOWED, null, "probability")
    assert offset.item() == pytest.approx(sum(log_sums), abs=1e-5)


def test_probability_leaves_out_the_question() -> None:
    allowed = torch.tensor([[False, False, True, True, True]])
    offset = offset_between_windows(START, END, allowed, torch.tensor([0]), "probability")
    expected = math.log(math.exp(9) + math.exp(5) + 1 + math.exp(2)) + math.log(
        math.exp(9) + math.exp(4) + math.exp(2) + math.exp(6)
    )
    assert offset.item() == pytest.approx(expected, abs=1e-5)
