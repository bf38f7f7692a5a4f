"""Where the answers of a question are in a window of a passage."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from odqa.readers.windows import Window


def find_answers(text: str, answers: Iterable[str]) -> list[tuple[int, int]]:
    """Character ranges (end exclusive) of all places where an answer stands as whole words.

    Case is ignored only where an answer has no occurrence in its own case.
    """
    ranges: set[tuple[int, int]] = set()
    for answer in answers:
        if not answer.strip():
            continue
        pattern = rf"(?<!\w){re.escape(answer.strip())}(?!\w)"
        matches = list(re.finditer(pattern, text)) or list(re.finditer(pattern, text, re.I))
        ranges |= {match.span() for match in matches}
    return sorted(ranges)


def span_targets(window: Window, ranges: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """First and last tokens of the answers that lie in a window as a whole, as 0/1 per token."""
    starts, ends = ([0] * len(window.allowed) for _ in range(2))
    for first, last in token_spans(window, ranges):
        starts[first] = 1
        ends[last] = 1
    return starts, ends


def token_spans(window: Window, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last token of each answer that lies in a window as a whole, without repetitions."""
    return spans_of_ranges(window.starts, window.ends, window.allowed, ranges)


def spans_of_ranges(
    starts: np.ndarray, ends: np.ndarray, allowed: np.ndarray, ranges: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """First and last token of each range of characters, without repetitions.

    Args:
        starts, ends: int [tokens], characters of each token's word.
        allowed: bool [tokens], tokens that a span may begin or end with.
        ranges: ends are exclusive; one that the allowed tokens do not cover is left out.
    """
    spans: dict[tuple[int, int], None] = {}
    for start, end in ranges:
        first = np.flatnonzero(allowed & (starts <= start) & (ends > start))
        last = np.flatnonzero(allowed & (starts < end) & (ends >= end))
        if len(first) and len(last):
            spans[int(first[0]), int(last[-1])] = None
    return list(spans)
