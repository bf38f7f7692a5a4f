"""The small corpus and question set that come with odqa, written for it."""

from __future__ import annotations

from pathlib import Path

#: Holds ``passages.tsv``, ``questions.jsonl`` and ``questions.qrels``.
EMBEDDED = Path(__file__).parent
