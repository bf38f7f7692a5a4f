"""What the commands about orders of passages share: gold passages, and a line of figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from odqa.data.qrels import read_qrels


def gold_passages(qrels: Path) -> dict[str, str]:
    """Question -> its first judged passage.

    Raises:
        DataError: the file is missing or broken.
    """
    return {question: next(iter(judged)) for question, judged in read_qrels(qrels).items()}


def say(name: str, figures: Mapping[str, float]) -> None:
    """Print ``name: R@1 0.500  R@5 …``."""
    row = "  ".join(f"{figure} {value:.3f}" for figure, value in figures.items())
    sys.stdout.write(f"{name}: {row}\n")
