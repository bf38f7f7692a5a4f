"""What reasoning models write before their answer."""

from __future__ import annotations

_END = "</think>"


def without_reasoning(text: str) -> str:
    """The text after the last ``</think>``, which ends the reasoning of many open models; all of
    it where there is none."""
    return text.rpartition(_END)[2] if _END in text else text
