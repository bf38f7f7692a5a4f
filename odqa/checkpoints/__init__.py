"""Checkpoints: from a name to a folder, and from a folder to a model and its tokenizer.

A name is a local folder, a folder written by ``odqa train``, ``embedded:NAME`` or a hub id. No code
of a checkpoint is ever executed. Importing this package imports no torch.
"""

from __future__ import annotations

from odqa.checkpoints.embedded import EMBEDDED
from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.load import load_model, load_tokenizer
from odqa.checkpoints.resolve import resolve_checkpoint

__all__ = [
    "EMBEDDED",
    "checkpoint_fingerprint",
    "load_model",
    "load_tokenizer",
    "resolve_checkpoint",
]
