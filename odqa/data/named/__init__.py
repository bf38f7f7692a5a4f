"""Question sets and corpora by name: what is known of them, where they come from, and fetching."""

from __future__ import annotations

from odqa.data.named.entries import NamedFile, find_corpus, find_questions, named_files
from odqa.data.named.locate import Located, locate

__all__ = ["Located", "NamedFile", "find_corpus", "find_questions", "locate", "named_files"]
